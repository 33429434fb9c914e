import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callerAccess, entraToken } from '../../../cli/export/callerAccess.js';
import { ExportClient } from '../../../cli/export/exportClient.js';
import { ExportFolder } from '../../../cli/export/exportFolder.js';
import { ProgressBar } from '../../../cli/export/progressBar.js';
import { saveExport } from '../../../cli/export/saveExport.js';
import { ServerRequests } from '../../../cli/export/serverRequests.js';
import { AuthorizationServer } from '../../adapters/source/authorizationServer.js';
import { BulkServer, QuickClock } from './bulkServer.js';

const ec = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const BASE = 'https://fhir.example.org/fhir';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'caller-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const accessOf = (environment: Record<string, string>, base = BASE): ReturnType<typeof callerAccess> =>
  callerAccess(base, environment, new AbortController().signal);
const headerOf = async (environment: Record<string, string>): Promise<unknown> =>
  (await accessOf(environment)).credentials?.header();

describe('a caller authenticates itself', () => {
  it.each<[string, () => Record<string, string>, object | undefined]>([
    ['not at all', () => ({}), undefined],
    [
      'by a function key',
      () => ({ CALLER_AUTHENTICATION: 'function-key', CALLER_FUNCTION_KEY: 'k' }),
      { name: 'x-functions-key', value: 'k' },
    ],
    [
      'by a function key in a file',
      () => ({ CALLER_AUTHENTICATION: 'function-key', CALLER_FUNCTION_KEY_FILE: file('key', 'k\n') }),
      { name: 'x-functions-key', value: 'k' },
    ],
    [
      'by a token',
      () => ({ CALLER_AUTHENTICATION: 'bearer-token', CALLER_BEARER_TOKEN: 't' }),
      { name: 'Authorization', value: 'Bearer t' },
    ],
  ])('%s', async (_name, environment, expected) => {
    expect(await headerOf(environment())).toEqual(expected);
  });

  it('by a token in a file, which is read anew when it is refused', async () => {
    const path = file('token', 'one\n');
    const { credentials } = await accessOf({
      CALLER_AUTHENTICATION: 'bearer-token',
      CALLER_BEARER_TOKEN_FILE: path,
    });
    const first = { name: 'Authorization', value: 'Bearer one' };
    expect(await credentials?.header()).toEqual(first);
    expect(await credentials?.renewed(first)).toBeUndefined();
    writeFileSync(path, 'two');
    expect(await credentials?.renewed(first)).toEqual({ name: 'Authorization', value: 'Bearer two' });
  });

  it('by a token of Microsoft Entra ID, or is told what to do', async () => {
    const scopes: string[] = [];
    const credentials = entraToken('api://app/.default', {
      getToken: async (scope) => {
        scopes.push(String(scope));
        return { token: 'e', expiresOnTimestamp: Date.now() + 3_600_000 };
      },
    });
    expect(await credentials.header()).toEqual({ name: 'Authorization', value: 'Bearer e' });
    expect(scopes).toEqual(['api://app/.default']);
    const without = entraToken('s', { getToken: async () => Promise.reject(new Error('secret-words')) });
    await expect(without.header()).rejects.toThrow(/az login.*CALLER_SCOPE/);
    await expect(without.header()).rejects.not.toThrow('secret-words');
  });
});

describe('settings that do not do', () => {
  const jwk = (): string => file('key.json', JSON.stringify(ec.privateKey.export({ format: 'jwk' })));
  it.each<[string, () => Record<string, string>, RegExp]>([
    [
      'a method',
      () => ({ CALLER_AUTHENTICATION: 'password' }),
      /CALLER_AUTHENTICATION must be one of none, /,
    ],
    ['no key', () => ({ CALLER_AUTHENTICATION: 'function-key' }), /CALLER_FUNCTION_KEY is missing/],
    [
      'a file that is not there',
      () => ({ CALLER_AUTHENTICATION: 'function-key', CALLER_FUNCTION_KEY_FILE: join(folder, 'none') }),
      /CALLER_FUNCTION_KEY_FILE cannot be read \(ENOENT: there is no such file or folder\)/,
    ],
    [
      'no client id',
      () => ({ CALLER_AUTHENTICATION: 'smart', CALLER_PRIVATE_KEY_FILE: jwk() }),
      /CALLER_CLIENT_ID is missing/,
    ],
    [
      'a key without an id',
      () => ({ CALLER_AUTHENTICATION: 'smart', CALLER_CLIENT_ID: 'c', CALLER_PRIVATE_KEY_FILE: jwk() }),
      /CALLER_KEY_ID is missing/,
    ],
    [
      'a key of another kind',
      () => ({ CALLER_AUTHENTICATION: 'smart', CALLER_CLIENT_ID: 'c', CALLER_PRIVATE_KEY: 'secret-words' }),
      /CALLER_PRIVATE_KEY must be a private key as a JWK/,
    ],
  ])('%s is refused without its value', async (_name, environment, words) => {
    await expect(accessOf(environment())).rejects.toThrow(words);
    await expect(accessOf(environment())).rejects.not.toThrow('secret-words');
  });
});

describe('SMART Backend Services', () => {
  let bulk: BulkServer;
  let server: AuthorizationServer;
  beforeEach(async () => {
    bulk = await BulkServer.start();
    server = await AuthorizationServer.start({ behind: new URL(bulk.origin).host });
    server.keys = { keys: [{ ...rsa.publicKey.export({ format: 'jwk' }), kid: 'mine' }] as never };
    bulk.publicOrigin = new URL(server.base).origin;
  });
  afterEach(() => {
    server.stop();
    bulk.stop();
  });

  const exported = async (more: Record<string, string> = {}): Promise<void> => {
    const key = { ...rsa.privateKey.export({ format: 'jwk' }), kid: 'mine' };
    const access = await accessOf(
      {
        CALLER_AUTHENTICATION: 'smart',
        CALLER_CLIENT_ID: 'export-client',
        CALLER_PRIVATE_KEY_FILE: file('private.json', JSON.stringify(key)),
        ...more,
      },
      server.base,
    );
    const clock = new QuickClock();
    const client = new ExportClient(server.base, new ServerRequests(server.base, access), clock);
    const statusUrl = await client.kickOff({});
    const bar = new ProgressBar({ write: () => undefined });
    const place = new ExportFolder(join(folder, 'out'));
    place.claim(statusUrl);
    await saveExport(client, statusUrl, place, bar, { parallel: 4, clock });
  };

  it('get a token by the key in a file, and another one when the server refuses it while polling or downloading', async () => {
    let revocations = 0;
    server.onFhir = (request) => {
      const isRevoked =
        (revocations === 0 && /status/.test(request.url ?? '')) ||
        (revocations === 1 && /Patient-0/.test(request.url ?? ''));
      if (isRevoked) {
        revocations++;
        server.revokeAll();
      }
      return false;
    };
    await exported();
    expect(revocations).toBe(2);
    expect(server.requests(/token/)).toHaveLength(3);
    expect(server.refused).toEqual([]);
    expect(bulk.requests(/files/)).toHaveLength(5);
  });

  it('with a client that the server does not know end in words that name the settings', async () => {
    await expect(exported({ CALLER_CLIENT_ID: 'other' })).rejects.toThrow(
      /The token endpoint of the server gave no token \(invalid_client\).*CALLER_CLIENT_ID, CALLER_PRIVATE_KEY and CALLER_KEY_ID/,
    );
    await expect(exported({ CALLER_CLIENT_ID: 'other' })).rejects.not.toThrow(/secret-words|SOURCE_/);
  });
});
