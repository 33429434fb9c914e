import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type RunningSource, startSource } from '../../local/source/source.js';
import { startTestStorage, type TestStorage } from './harness.js';
import { type Asked, keysOf, runJob, type RunJob } from './runJob.js';

const PATIENTS = 40;
let storage: TestStorage;
let directory: string;
let source: RunningSource | undefined;
/** Requests of exports that the source saw: method and path. */
let requests: string[];
const expected: string[] = [];

beforeAll(async () => {
  storage = await startTestStorage();
  directory = mkdtempSync(join(tmpdir(), 'fhir-bulk-'));
  const meta = { lastUpdated: '2025-01-01T00:00:00Z', versionId: '1' };
  const write = (resourceType: string, rows: object[]): void => {
    const lines = rows.map((row) => JSON.stringify({ resourceType, meta, ...row }));
    writeFileSync(join(directory, `${resourceType}.ndjson`), `${lines.join('\n')}\n`);
    for (const row of rows) expected.push(`${resourceType}/${(row as { id: string }).id}`);
  };
  const all = Array.from({ length: PATIENTS }, (_, nth) => nth);
  write(
    'Patient',
    all.map((nth) => ({ id: `p${nth}` })),
  );
  write(
    'Observation',
    all.flatMap((nth) =>
      [0, 1, 2].map((of) => ({ id: `o${nth}-${of}`, subject: { reference: `Patient/p${nth}` } })),
    ),
  );
  write('Organization', [{ id: 'org' }]);
  write('Group', [
    {
      id: 'g',
      type: 'person',
      actual: true,
      member: [0, 1].map((nth) => ({ entity: { reference: `Patient/p${nth}` } })),
    },
  ]);
});
afterAll(async () => {
  await storage.end();
  rmSync(directory, { recursive: true });
});

async function openSource(options: Partial<Parameters<typeof startSource>[0]> = {}): Promise<void> {
  await close();
  requests = [];
  source = await startSource({
    directory,
    bulk: { polls: 2, linesPerFile: 50 },
    onRequest: ({ method, path }) => {
      if (path.includes('export')) requests.push(`${method} ${path.replace(/\/[0-9a-f-]{16,}/, '/ID')}`);
    },
    ...options,
  });
}
async function close(): Promise<void> {
  const running = source;
  source = undefined;
  await running?.close();
}
beforeEach(() => openSource());
afterEach(() => close());

function exported(asked: Partial<Asked> = {}, environment: Record<string, string> = {}): Promise<RunJob> {
  const settings = { SOURCE_MODE: 'bulk', SLICE_MAX_PAGES: '1', ...environment };
  return runJob(storage, source?.url ?? '', { level: { kind: 'system' }, ...asked }, settings, {
    losesAttempts: true,
    workers: 2,
  });
}

describe("the source's own export as the source", () => {
  it('gives every resource once', async () => {
    const { resources, manifest, notes, report } = await exported();
    expect(keysOf(resources)).toEqual(expected.toSorted());
    expect(report.cost?.sourceRequests).toBe(manifest.output.length);
    expect(manifest.error).toEqual([]);
    expect(notes.join(' ')).toContain('own export');
    expect(requests.slice(0, 4)).toEqual([
      'GET $export',
      'GET export-status/ID',
      'GET export-status/ID',
      'GET export-status/ID',
    ]);
    expect(requests.at(-1)).toBe('DELETE export-status/ID');
  });

  it.each<[string, Partial<Asked>, (key: string) => boolean]>([
    ['types', { types: ['Patient', 'Group'] }, (key) => /^(Patient|Group)\//.test(key)],
    ['patients', { level: { kind: 'patient' } }, (key) => key !== 'Organization/org'],
    ['some patients', { level: { kind: 'patient' }, patients: ['p3'] }, (key) => /\/[po]3(-|$)/.test(key)],
    ['a group', { level: { kind: 'group', groupId: 'g' } }, (key) => /\/(g|[po][01])(-|$)/.test(key)],
  ])('exports %s', async (_, asked, isExpected) => {
    expect(keysOf((await exported(asked)).resources)).toEqual(expected.filter(isExpected).toSorted());
  });

  it('is an export of its own where the source gives the same one to equal kick-offs', async () => {
    await openSource({ behaviours: ['export-reuses-jobs'] });
    const headers = { accept: 'application/fhir+json', prefer: 'respond-async' };
    await (await fetch(`${source?.url}/$export`, { headers })).arrayBuffer();
    const others = source?.exports;
    expect(keysOf((await exported()).resources)).toEqual(expected.toSorted());
    expect(others).toHaveLength(1);
    expect(source?.exports).toEqual(others);
  });

  it('is begun again where its files are gone', async () => {
    let files = 0;
    await openSource({
      onRequest: ({ path }) => {
        if (path.startsWith('export-files') && ++files === 12) source?.forgetExports();
      },
    });
    expect(keysOf((await exported()).resources)).toEqual(expected.toSorted());
    expect(files).toBeGreaterThan(12);
  });
});
