import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlobServiceClient } from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ExportClient } from '../../cli/export/exportClient.js';
import { generateSample } from '../../local/sample/sample.js';
import { rsa } from '../adapters/source/support.js';
import { sourceIds } from '../faults/checker.js';
import {
  AUDIENCE,
  AuthorizationServer,
  ISSUER,
  newKey,
  sign,
  type SigningKey,
} from '../http/authorization/authorizationServer.js';
import { SEED } from '../random.js';
import { expectToSurviveKills } from './crash.js';
import { downloadLines, startTestStack, type TestStack } from './harness.js';

/** The `$export` of one deployment as the source of another. `.ci/long` sets more of both. */
const RESOURCES = Number(process.env['APP_RESOURCES'] ?? 2500);
const KILLS = Number(process.env['APP_KILLS'] ?? 5);

let directory: string;
beforeAll(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'app-source-')), 'sample');
  generateSample({ directory, resources: RESOURCES, seed: 1 });
  expect(existsSync(directory)).toBe(true);
});
afterAll(() => rmSync(join(directory, '..'), { recursive: true, force: true }));

/** A deployment whose exports others read. */
function startFirst(environment: Record<string, string>): Promise<TestStack> {
  return startTestStack({ SAMPLE_DATA: directory, ...environment });
}

/** Settings of one that reads them. */
const secondOf = (first: TestStack): Record<string, string> => ({
  FHIR_SERVER_URL: first.stack.baseUrl,
  SOURCE_MODE: 'bulk',
});

/** Of the exports that another deployment has read, no files are left, but of as many as it may not know of. */
async function expectDeleted({ stack }: TestStack, mostUnknown = 0): Promise<void> {
  const service = BlobServiceClient.fromConnectionString(stack.exportStorage ?? '');
  const left = async (): Promise<string[]> => {
    const exports = new Set<string>();
    // An export that names no container has one of its own.
    for await (const { name } of service.listContainers()) {
      if (name === 'anonymization') continue;
      for await (const _ of service.getContainerClient(name).listBlobsFlat()) exports.add(name);
    }
    return [...exports];
  };
  const patiently = { timeout: 60_000, interval: 500 };
  await vi.waitFor(async () => expect((await left()).slice(mostUnknown)).toEqual([]), patiently);
}

it(
  `an export of ${RESOURCES} resources of another deployment, killed ${KILLS} times, is complete and without duplicates (TEST_SEED=${SEED})`,
  async () => {
    const first = await startFirst({ ALLOW_RAW_EXPORT: 'true' });
    try {
      const environment = { ...secondOf(first), SAMPLE_DATA: directory };
      const mostMs = RESOURCES > 10_000 ? 4000 : 950;
      await expectToSurviveKills(KILLS, SEED + 4, environment, undefined, mostMs);
      // Of a kick-off that was killed before its answer was recorded, nobody knows the export until it expires.
      await expectDeleted(first, KILLS);
    } finally {
      await first.end();
    }
  },
  600_000 + KILLS * 12_000 + RESOURCES * 3,
);

it('gives the lines of a deployment that de-identifies, as these are', async () => {
  const first = await startFirst({ DEFAULT_ANONYMIZATION_CONFIG: 'hashed.json' });
  await first.putConfiguration('hashed.json', {
    fhirVersion: 'R4',
    fhirPathRules: [
      { path: 'Resource.id', method: 'cryptoHash' },
      { path: "nodesByType('Reference').reference", method: 'cryptoHash' },
      { path: "nodesByType('HumanName')", method: 'redact' },
    ],
    parameters: { cryptoHashKey: 'a key of tests, which is long enough' },
  });
  const second = await startTestStack({ ...secondOf(first), ALLOW_RAW_EXPORT: 'true' });
  try {
    const [own, read] = await Promise.all([first, second].map(exportedLines));
    expect([...own!.keys()].length).toBeGreaterThan(10);
    expect(read).toEqual(own);
    const original = sourceIds(directory).get('Patient') ?? [];
    expect(read!.get('Patient')).toHaveLength(original.length);
    expect(original.filter((id) => read!.get('Patient')?.join('').includes(`"${id}"`))).toEqual([]);
  } finally {
    await second.end();
    await first.end();
  }
});

async function exportedLines({ stack }: TestStack): Promise<Map<string, string[]>> {
  const client = new ExportClient(stack.baseUrl);
  const manifest = await client.manifest(await client.kickOff({}), 500, () => undefined);
  const lines = await downloadLines(manifest);
  return new Map(
    [...lines].sort(([one], [other]) => (one < other ? -1 : 1)).map(([type, own]) => [type, own.sort()]),
  );
}

describe('of a deployment whose callers have tokens', () => {
  let first: TestStack;
  let keys: AuthorizationServer;
  let key: SigningKey;

  const token = (seconds: number): Promise<string> =>
    sign(key, { scope: 'system/*.rs export.raw', exp: Math.floor(Date.now() / 1000) + seconds });

  beforeAll(async () => {
    key = await newKey('one');
    keys = await AuthorizationServer.start(key);
    first = await startFirst({
      AUTHENTICATION: 'smart',
      SMART_ISSUER: ISSUER,
      SMART_AUDIENCE: AUDIENCE,
      SMART_JWKS_URL: keys.jwksUrl,
      SMART_TOKEN_URL: `${ISSUER}/token`,
      SMART_RAW_SCOPE: 'export.raw',
      SMART_CLOCK_SKEW_SECONDS: '0',
      ALLOW_RAW_EXPORT: 'true',
    });
  });
  afterAll(async () => {
    await first.end();
    await keys.stop();
  });

  const expectAll = async (environment: Record<string, string>): Promise<void> => {
    // Small slices, so that files are read for some time.
    const second = await startTestStack({
      ...secondOf(first),
      ALLOW_RAW_EXPORT: 'true',
      SLICE_MAX_PAGES: '1',
      ...environment,
    });
    try {
      const lines = await exportedLines(second);
      const ids = [...lines].map(([type, own]) => [
        type,
        own.map((line) => (JSON.parse(line) as { id: string }).id).sort(),
      ]);
      expect(Object.fromEntries(ids)).toEqual(Object.fromEntries(sourceIds(directory)));
    } finally {
      await second.end();
    }
    await expectDeleted(first);
  };

  it('a header is sent with every request', async () => {
    await expectAll({ SOURCE_AUTHENTICATION: 'header', SOURCE_HEADER_VALUE: `Bearer ${await token(600)}` });
  });

  it('tokens by SMART Backend Services may expire on the way', async () => {
    let given = 0;
    const server = createServer((_, response) => {
      given++;
      response.setHeader('content-type', 'application/json');
      // They are good for less time than is said, so that requests are refused with them.
      void token(2).then((text) =>
        response.end(JSON.stringify({ access_token: text, token_type: 'bearer', expires_in: 60 })),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      await expectAll({
        SOURCE_AUTHENTICATION: 'smart',
        SOURCE_CLIENT_ID: 'second',
        SOURCE_PRIVATE_KEY: rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
        SOURCE_KEY_ID: 'ours',
        SOURCE_TOKEN_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
      });
      expect(given).toBeGreaterThan(2);
    } finally {
      server.close();
    }
  });
});
