import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readSettings, type Settings, SettingsError } from '../../functions/settings/settings.js';
import { settingRows } from '../../functions/settings/schema.js';
import { REQUIRED_SETTINGS } from '../environment.js';
import { testCertificate } from '../adapters/registry/testRegistry.js';
import { p384, rsa } from '../adapters/source/support.js';

function read(more: Record<string, string>): Settings {
  return readSettings({ ...REQUIRED_SETTINGS, ...more });
}

function problemsOf(more: Record<string, string>): readonly string[] {
  try {
    read(more);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
  }
  throw new Error('the settings were taken');
}

const pem = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const jwk = JSON.stringify({ ...p384.privateKey.export({ format: 'jwk' }), kid: 'ours' });
const smart = {
  SOURCE_AUTHENTICATION: 'smart',
  SOURCE_CLIENT_ID: 'client',
  SOURCE_PRIVATE_KEY: pem,
  SOURCE_KEY_ID: 'ours',
};
const header = { SOURCE_AUTHENTICATION: 'header', SOURCE_HEADER_VALUE: 'Bearer hunter2' };
const credentials = {
  SOURCE_AUTHENTICATION: 'client-credentials',
  SOURCE_CLIENT_ID: 'client',
  SOURCE_CLIENT_SECRET: 'hunter2',
  SOURCE_TOKEN_URL: 'https://login.example.org/token',
};

describe('how the source is called', () => {
  it.each([
    ['nothing', {}, { method: 'none' }],
    ['a header', header, { method: 'header', name: 'Authorization', value: 'Bearer hunter2' }],
    [
      'a managed identity',
      { SOURCE_AUTHENTICATION: 'managed-identity' },
      { method: 'managed-identity', clientId: undefined, scope: 'https://fhir.example.org/.default' },
    ],
    [
      'a managed identity with all settings',
      {
        SOURCE_AUTHENTICATION: 'managed-identity',
        SOURCE_CLIENT_ID: 'id',
        SOURCE_SCOPE: 'api://fhir/.default',
      },
      { method: 'managed-identity', clientId: 'id', scope: 'api://fhir/.default' },
    ],
    [
      'client credentials',
      credentials,
      { clientSecret: 'hunter2', tokenUrl: 'https://login.example.org/token' },
    ],
    [
      'client credentials on this machine',
      { ...credentials, SOURCE_TOKEN_URL: 'http://127.0.0.1:8/token' },
      {},
    ],
    [
      'SMART with a client id that holds the keys of the client',
      { ...smart, SOURCE_CLIENT_ID: 'x'.repeat(4096) },
      { clientId: 'x'.repeat(4096) },
    ],
    ['SMART with PEM', smart, { scope: 'system/*.rs', assertionKey: { algorithm: 'RS384', keyId: 'ours' } }],
    [
      'SMART with PEM on one line',
      { ...smart, SOURCE_PRIVATE_KEY: pem.replaceAll('\n', '\\n') },
      { assertionKey: { algorithm: 'RS384' } },
    ],
    [
      'SMART with a JWK that has its kid',
      { ...smart, SOURCE_PRIVATE_KEY: jwk, SOURCE_KEY_ID: '' },
      { assertionKey: { algorithm: 'ES384', keyId: 'ours' } },
    ],
  ])('%s', (_name, more, expected) => {
    expect(read(more as Record<string, string>).source.authentication).toMatchObject(expected);
  });

  const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
  const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const encrypted = rsa.privateKey.export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'hunter2',
  });
  it.each([
    [
      'an unknown method',
      { SOURCE_AUTHENTICATION: 'hunter2' },
      [/^SOURCE_AUTHENTICATION must be one of none, header/],
    ],
    ['a header without value', { SOURCE_AUTHENTICATION: 'header' }, [/^SOURCE_HEADER_VALUE is missing/]],
    [
      'a value of two lines',
      { ...header, SOURCE_HEADER_VALUE: 'hunter2\r\nx: y' },
      [/^SOURCE_HEADER_VALUE must/],
    ],
    ['a name that is none', { ...header, SOURCE_HEADER_NAME: 'hunter2 x' }, [/^SOURCE_HEADER_NAME must/]],
    [
      "a header of the client's own",
      { ...header, SOURCE_HEADER_NAME: 'Content-Length' },
      [/^SOURCE_HEADER_NAME/],
    ],
    [
      'a source in clear text',
      { ...header, FHIR_SERVER_URL: 'http://fhir.example.org' },
      [/^FHIR_SERVER_URL must be an https URL with SOURCE_AUTHENTICATION=header/],
    ],
    [
      'SMART without all',
      { SOURCE_AUTHENTICATION: 'smart' },
      [/^SOURCE_CLIENT_ID is missing/, /^SOURCE_PRIVATE_KEY is missing/],
    ],
    [
      'a client id that is too long',
      { ...smart, SOURCE_CLIENT_ID: 'x'.repeat(4097) },
      [/^SOURCE_CLIENT_ID must be printable ASCII, 4096 characters at most/],
    ],
    ['no kid', { ...smart, SOURCE_KEY_ID: '' }, [/^SOURCE_KEY_ID is missing/]],
    ['no key', { ...smart, SOURCE_PRIVATE_KEY: 'hunter2' }, [/^SOURCE_PRIVATE_KEY must be a private key/]],
    [
      'a broken JWK',
      { ...smart, SOURCE_PRIVATE_KEY: '{"kty":"hunter2"}' },
      [/^SOURCE_PRIVATE_KEY must be a private/],
    ],
    [
      'a key with a passphrase',
      { ...smart, SOURCE_PRIVATE_KEY: encrypted.toString() },
      [/without a passphrase/],
    ],
    [
      'a public key',
      { ...smart, SOURCE_PRIVATE_KEY: rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString() },
      [/^SOURCE_PRIVATE_KEY must be a private key/],
    ],
    [
      'a small key',
      { ...smart, SOURCE_PRIVATE_KEY: small.export({ type: 'pkcs8', format: 'pem' }).toString() },
      [/2048 bits/],
    ],
    [
      'another curve',
      { ...smart, SOURCE_PRIVATE_KEY: p256.export({ type: 'pkcs8', format: 'pem' }).toString() },
      [/P-384/],
    ],
    [
      'a key for another algorithm',
      {
        ...smart,
        SOURCE_PRIVATE_KEY: JSON.stringify({ ...rsa.privateKey.export({ format: 'jwk' }), alg: 'RS256' }),
      },
      [/RS384/],
    ],
    [
      'a token endpoint in clear text',
      { ...credentials, SOURCE_TOKEN_URL: 'http://hunter2.example' },
      [/^SOURCE_TOKEN_URL must/],
    ],
    [
      'a token endpoint with a user',
      { ...credentials, SOURCE_TOKEN_URL: 'https://a:hunter2@x.example' },
      [/^SOURCE_TOKEN_URL must/],
    ],
    [
      'a token endpoint that only looks like this machine',
      { ...credentials, SOURCE_TOKEN_URL: 'http://127.0.0.1.hunter2.example/' },
      [/^SOURCE_TOKEN_URL must/],
    ],
    ['a scope that is none', { ...credentials, SOURCE_SCOPE: '"hunter2"' }, [/^SOURCE_SCOPE must/]],
    [
      'secrets that were not resolved',
      {
        ...credentials,
        SOURCE_CLIENT_SECRET: '@Microsoft.KeyVault(SecretUri=https://hunter2.vault.azure.net/secrets/x)',
      },
      [/^SOURCE_CLIENT_SECRET is a Key Vault reference that was not resolved/],
    ],
    [
      'a key that was not resolved',
      { ...smart, SOURCE_PRIVATE_KEY: '@Microsoft.KeyVault(VaultName=hunter2;SecretName=x)' },
      [/^SOURCE_PRIVATE_KEY is a Key Vault reference/],
    ],
    ['certificates that are none', { SOURCE_CA: 'hunter2' }, [/^SOURCE_CA must be/]],
    [
      'a proxy that is none',
      { HTTPS_PROXY: 'hunter2', HTTP_PROXY: 'socks://hunter2' },
      [/^HTTPS_PROXY/, /^HTTP_PROXY/],
    ],
    [
      'too many requests',
      { SOURCE_MAX_REQUESTS: '257' },
      [/^SOURCE_MAX_REQUESTS must be a whole number from 1 to 256/],
    ],
  ] satisfies Array<[string, Record<string, string>, RegExp[]]>)(
    '%s is reported at start, without a value',
    (_name, more, expected) => {
      const problems = problemsOf(more);
      expect(problems).toHaveLength(expected.length);
      expected.forEach((pattern, index) => expect(problems[index]).toMatch(pattern));
      expect(problems.join()).not.toMatch(/hunter2|BEGIN (RSA|PUBLIC)/);
    },
  );

  it('takes certificates, proxies and the most requests', async () => {
    const { cert } = await testCertificate();
    const { source, proxy, sourceMaxRequests } = read({
      SOURCE_CA: cert,
      https_proxy: 'http://small.example:3128',
      HTTPS_PROXY: 'http://capital.example:3128',
      NO_PROXY: 'a.example,b.example',
    });
    expect(source.ca?.replaceAll(/\s/g, '')).toBe(cert.replaceAll(/\s/g, ''));
    expect(proxy).toEqual({
      https: 'http://small.example:3128',
      http: undefined,
      none: 'a.example,b.example',
    });
    expect(sourceMaxRequests).toBe(8);
  });

  it('does not write its key when it is written out', () => {
    const written = JSON.stringify(read(smart).source);
    const { d } = rsa.privateKey.export({ format: 'jwk' });
    expect(written).not.toContain(d);
    expect(written).not.toContain('PRIVATE KEY');
  });
});

describe('the documentation', () => {
  const text = readFileSync(new URL('../../docs/source-authentication.md', import.meta.url), 'utf8');

  it('names settings that there are', () => {
    const known = new Set(settingRows.map(({ name }) => name));
    const named = [...text.matchAll(/\b(SOURCE_\w+|\w+_PROXY|FHIR_SERVER_URL|\w+_MAX_\w+|PARALLEL_\w+)\b/g)];
    expect(named.length).toBeGreaterThan(30);
    expect(named.map(([name]) => name).filter((name) => !known.has(name))).toEqual([]);
  });

  it('makes a key that smart takes', () => {
    const script = /node -e '([^']+)'/.exec(text)?.[1] ?? '';
    const output = execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' });
    const [, key = ''] = /^private, for the vault: (.*)$/m.exec(output) ?? [];
    const [, set = ''] = /^public, to register: (.*)$/m.exec(output) ?? [];
    expect(
      read({ ...smart, SOURCE_PRIVATE_KEY: key, SOURCE_KEY_ID: '' }).source.authentication,
    ).toMatchObject({
      assertionKey: { algorithm: 'ES384', keyId: 'export-2026' },
    });
    expect((JSON.parse(set) as { keys: object[] }).keys[0]).not.toHaveProperty('d');
  });
});

describe('how the source is read', () => {
  const files = {
    SOURCE_MODE: 'files',
    SOURCE_STORAGE__accountName: 'hospitalfiles',
    SOURCE_STORAGE__clientId: 'app',
    SOURCE_CONTAINER: 'ehr',
  };

  it('is by search, or as files of an account that is reached with an identity', () => {
    expect(read({}).source.mode).toEqual({ method: 'search' });
    expect(read({ ...files, SOURCE_PREFIX: 'daily/' }).source.mode).toEqual({
      method: 'files',
      account: { blobServiceUri: 'https://hospitalfiles.blob.core.windows.net', clientId: 'app' },
      container: 'ehr',
      prefix: 'daily/',
    });
  });

  it('needs account and container for files, and no account where researchers are', () => {
    expect(problemsOf({ SOURCE_MODE: 'files' })).toEqual([
      expect.stringMatching(/^SOURCE_STORAGE is missing/),
      expect.stringMatching(/^SOURCE_CONTAINER is missing/),
    ]);
    expect(problemsOf({ ...files, SOURCE_CONTAINER: 'Not_One' })).toEqual([
      'SOURCE_CONTAINER must be the name of a container',
    ]);
    expect(
      problemsOf({ ...files, EXPORT_STORAGE: '', EXPORT_STORAGE__accountName: 'hospitalfiles' }),
    ).toEqual([expect.stringMatching(/^EXPORT_STORAGE and SOURCE_STORAGE are the same storage account/)]);
  });
});
