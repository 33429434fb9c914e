import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { ExportClient } from '../../cli/export/exportClient.js';
import { StandIn } from '../adapters/pseudonyms/standIn.js';
import { madePseudonym } from '../deid/shared.js';
import { sourceIds } from '../faults/checker.js';
import { downloadLines, startTestStack, type TestStack } from './harness.js';

const CONFIGURATION = {
  fhirVersion: 'R4',
  fhirPathRules: [
    { path: 'Resource.id', method: 'pseudonymize' },
    { path: "nodesByType('Reference').reference", method: 'pseudonymize' },
    { path: "nodesByType('HumanName')", method: 'redact' },
  ],
  parameters: {},
};
const KEY = 'CanaryKeyOfTheTable-0123456789abcdef';

let test: TestStack;
afterEach(() => test.end());

async function start(environment: Record<string, string>): Promise<void> {
  test = await startTestStack({
    PAGE_SIZE: '50',
    SLICE_MAX_PAGES: '4',
    WORKER_THREADS: '2',
    // After a kill; a minute without it.
    DURABLE_REDELIVERY_DELAY_SECONDS: '1',
    ...environment,
  });
  await test.putConfiguration('pseudonyms.json', CONFIGURATION);
}

/** Ids of an export, by type. @param meanwhile what happens while it runs */
async function exportedIds(
  parameters: Record<string, string>,
  meanwhile: () => Promise<void> = async () => undefined,
): Promise<{ ids: Map<string, Set<string>>; text: string }> {
  const client = new ExportClient(test.stack.baseUrl);
  const statusUrl = await client.kickOff({ _anonymizationConfig: 'pseudonyms.json', ...parameters });
  await meanwhile();
  const lines = await downloadLines(await client.manifest(statusUrl, 200, () => undefined));
  const idsOf = (own: readonly string[]): Set<string> =>
    new Set(own.map((line) => (JSON.parse(line) as { id: string }).id));
  return {
    ids: new Map([...lines].map(([type, own]) => [type, idsOf(own)])),
    text: [...lines.values()].flat().join('\n'),
  };
}

function filesBelow(...folders: string[]): string {
  return folders
    .map((folder) => join(test.stack.dataDirectory, folder))
    .flatMap((folder) =>
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1')),
    )
    .join('\n');
}

it('the table gives every export the same pseudonyms, also one whose host was killed', async () => {
  await start({ PSEUDONYM_SERVICE: 'local', PSEUDONYM_KEY: KEY });
  const source = sourceIds(join(test.stack.dataDirectory, 'sample'));
  const killed = await exportedIds({ _container: 'one' }, async () => {
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await test.stack.host.kill();
    await test.stack.restartHost();
  });
  const again = await exportedIds({ _container: 'two' });
  for (const [type, ids] of source) {
    expect(killed.ids.get(type)?.size, type).toBe(ids.length);
    expect(again.ids.get(type), type).toEqual(killed.ids.get(type));
    for (const id of ids) expect(again.ids.get(type)?.has(id)).toBe(false);
  }
  // References lead to the resources: of patients all do.
  const patients = again.ids.get('Patient') ?? new Set();
  for (const [, id] of again.text.matchAll(/"reference":"Patient\/([^"]+)"/g))
    expect(patients.has(id ?? '')).toBe(true);
  expect(filesBelow('durable', 'log')).not.toContain(KEY);
});

it('a service gives the pseudonyms of its domains, on all threads, with credentials and after faults', async () => {
  const service = new StandIn();
  service.authorization = 'Basic Y2FuYXJ5';
  service.faults = [{ status: 503 }, { cuts: true }, { status: 429, headers: { 'retry-after': '1' } }];
  const url = await service.start();
  try {
    await start({
      PSEUDONYM_SERVICE: 'gpas',
      PSEUDONYM_URL: url,
      PSEUDONYM_AUTHENTICATION: 'header',
      PSEUDONYM_HEADER_VALUE: 'Basic Y2FuYXJ5',
      PSEUDONYM_DOMAIN_PREFIXES: 'study-a-',
      ACTIVITY_MAX_ATTEMPTS: '2',
      ACTIVITY_RETRY_SECONDS: '1',
    });
    const source = sourceIds(join(test.stack.dataDirectory, 'sample'));
    const { ids } = await exportedIds({ _container: 'one', _domainPrefix: 'study-a-' });
    for (const [type, own] of source) {
      const expected = own.map((id) => madePseudonym({ domain: `study-a-${type}` }, id));
      expect(ids.get(type), type).toEqual(new Set(expected));
    }
    expect(filesBelow('durable', 'log')).not.toContain('Y2FuYXJ5');

    // Half of an answer ends a job, and says so.
    service.always = { change: (pairs) => pairs.slice(1) };
    await expect(
      exportedIds({ _container: 'one', _domainPrefix: 'study-a-', _type: 'Patient' }),
    ).rejects.toThrow(/The pseudonym service has answered for \d+ of \d+ values/);
  } finally {
    await service.stop();
  }
});
