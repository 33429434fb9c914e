import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlobServiceClient } from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ExportClient } from '../../cli/export/exportClient.js';
import { SAMPLE_CONFIGURATION } from '../../local/stack.js';
import { type RunningSource, startSource } from '../../local/source/source.js';
import { downloadLines, startTestStack, type TestStack } from './harness.js';
import { AuthorizationServer } from '../adapters/source/authorizationServer.js';
import { jwks, rsa } from '../adapters/source/support.js';

const PATIENTS = 400;

describe('an export of a source that wants SMART Backend Services', () => {
  let directory: string;
  let behind: RunningSource;
  let server: AuthorizationServer;
  let test: TestStack;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'smart-source-'));
    const lines = Array.from({ length: PATIENTS }, (_, index) =>
      JSON.stringify({
        resourceType: 'Patient',
        id: `patient-${index}`,
        meta: { lastUpdated: new Date(1_600_000_000_000 + index * 1000).toISOString() },
        gender: 'female',
      }),
    );
    writeFileSync(join(directory, 'Patient.ndjson'), `${lines.join('\n')}\n`);
    behind = await startSource({ directory });
    server = await AuthorizationServer.start({ behind: new URL(behind.url).host });
    server.keys = jwks(['ours', rsa.publicKey]);
    test = await startTestStack({
      FHIR_SERVER_URL: server.base,
      SOURCE_AUTHENTICATION: 'smart',
      SOURCE_CLIENT_ID: server.clientId,
      SOURCE_PRIVATE_KEY: rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      SOURCE_KEY_ID: 'ours',
      WORKER_THREADS: '1',
      PAGE_SIZE: '10',
      ACTIVITY_MAX_ATTEMPTS: '2',
      ACTIVITY_RETRY_SECONDS: '1',
    });
  });
  afterAll(async () => {
    await test.end();
    server.stop();
    await behind.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const run = async (): Promise<{ client: ExportClient; statusUrl: string }> => {
    const client = new ExportClient(test.stack.baseUrl);
    const statusUrl = await client.kickOff({
      _container: 'research',
      _anonymizationConfig: SAMPLE_CONFIGURATION,
      _type: 'Patient',
    });
    return { client, statusUrl };
  };

  it('has every resource once, though its tokens end and are taken back on the way', async () => {
    server.lifetimeSeconds = 2;
    let requests = 0;
    server.onFhir = (request, response) => {
      requests++;
      if (requests % 15 === 0) server.revokeAll();
      if (requests % 11 !== 0) return false;
      response.writeHead(429, { 'retry-after': '1' }).end();
      return true;
    };
    const { client, statusUrl } = await run();
    const manifest = await client.manifest(statusUrl, 100, () => undefined);
    const lines = (await downloadLines(manifest)).get('Patient') ?? [];
    expect(lines).toHaveLength(PATIENTS);
    expect(new Set(lines).size).toBe(PATIENTS);
    expect(server.tokens.size).toBeGreaterThan(2);
    expect(server.refused).toEqual([]);
    expect(logOf(test)).toMatch(/\\?"event\\?":\\?"source-request-failed\\?".*\\?"status\\?":429/);
  });

  it('that takes no token any more ends in words that say what to do', async () => {
    server.onFhir = (_request, response) => {
      response.writeHead(401).end();
      return true;
    };
    const { client, statusUrl } = await run();
    await expect(client.manifest(statusUrl, 100, () => undefined)).rejects.toThrow(
      /The source answered 401: it does not take the token .*SOURCE_SCOPE/,
    );
  });

  it('whose token endpoint refuses the client ends in words that say what to do', async () => {
    server.clientId = 'renamed';
    server.revokeAll();
    const { client, statusUrl } = await run();
    await expect(client.manifest(statusUrl, 100, () => undefined)).rejects.toThrow(
      /gave no token \(invalid_client\).*SOURCE_CLIENT_ID, SOURCE_PRIVATE_KEY and SOURCE_KEY_ID/,
    );
  });

  it('leaves no token, assertion or key in a log, a history or a blob', async () => {
    const assertions = server.requests(/token/).map(({ form }) => form.get('client_assertion') ?? '');
    const { d = '', p = '', q = '' } = rsa.privateKey.export({ format: 'jwk' });
    const secrets = [...server.tokens.keys(), ...assertions, d, p, q, 'PRIVATE KEY', 'secret-words'];
    expect(secrets.length).toBeGreaterThan(8);
    const left = new Map<string, string>();
    for (const path of filesBelow(test.stack.dataDirectory)) left.set(path, readFileSync(path, 'latin1'));
    for (const account of [test.stack.exportStorage ?? '', test.stack.runtimeStorage]) {
      const service = BlobServiceClient.fromConnectionString(account);
      for await (const container of service.listContainers()) {
        const blobs = service.getContainerClient(container.name);
        for await (const { name } of blobs.listBlobsFlat()) {
          left.set(name, (await blobs.getBlobClient(name).downloadToBuffer()).toString('latin1'));
        }
      }
    }
    expect([...left.keys()].some((path) => /durable/.test(path))).toBe(true);
    for (const [path, text] of left) {
      for (const secret of secrets) expect(text.includes(secret), `${path} has a secret`).toBe(false);
    }
  });
});

function logOf(test: TestStack): string {
  return readFileSync(join(test.stack.dataDirectory, 'log', 'host.log'), 'utf8');
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile());
}
