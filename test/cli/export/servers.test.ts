import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RunningSource, startSource } from '../../../local/source/source.js';
import { QuickClock } from './bulkServer.js';
import { runExport } from './runExport.js';

type Options = Partial<Parameters<typeof startSource>[0]>;
type Behaviours = NonNullable<Options['behaviours']>;

const LINES = 60;
let directory: string;
const expected: string[] = [];

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'servers-'));
  const meta = { lastUpdated: '2025-01-01T00:00:00Z', versionId: '1' };
  for (const resourceType of ['Patient', 'Organization', 'Group']) {
    const ids = Array.from(
      { length: resourceType === 'Patient' ? LINES : 1 },
      (_, nth) => `${resourceType[0]}${nth}`,
    );
    const lines = ids.map((id) => JSON.stringify({ resourceType, id, meta, language: 'en '.repeat(200) }));
    writeFileSync(join(directory, `${resourceType}.ndjson`), `${lines.join('\n')}\n`);
    expected.push(...ids.map((id) => `${resourceType}/${id}`));
  }
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Exports from a server, whose pauses are cut short. */
async function exported(options: Options): Promise<{ code: number; out: string; keys: string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'servers-out-'));
  let source: RunningSource | undefined;
  try {
    source = await startSource({
      directory,
      bulk: { polls: 2, linesPerFile: 25, filesPerPage: 2 },
      ...options,
    });
    const { code, out } = await runExport(
      ['--base', source.url, '--output', join(folder, 'out')],
      { CALLER_AUTHENTICATION: 'bearer-token', CALLER_BEARER_TOKEN: 'a-token' },
      new QuickClock(),
    );
    const names = readdirSync(join(folder, 'out')).filter((name) => name.endsWith('.ndjson'));
    const texts = names
      .filter((name) => !name.includes('OperationOutcome'))
      .map((name) => readFileSync(join(folder, 'out', name), 'utf8'));
    // Lines may be cut.
    const keys = [...texts.join('').matchAll(/"resourceType":"(\w+)","id":"(\w+)"/g)].map(
      ([, type, id]) => `${type}/${id}`,
    );
    return { code, out, keys: keys.toSorted() };
  } finally {
    await source?.close();
    rmSync(folder, { recursive: true });
  }
}

it.each<[Behaviours[number] | 'none', Behaviours]>([
  ['none', []],
  ...(
    [
      'export-post-only',
      'export-get-only',
      'export-relative-status',
      'export-status-query',
      'export-retry-date',
      'export-retry-absent',
      'export-no-progress',
      'export-pages',
      'export-stu4',
      'export-manifest-changes',
      'export-no-counts',
      'export-no-deleted',
      'export-bare-manifest',
      'export-checksums',
      'export-error-file',
      'export-relative-files',
      'export-signed-files',
      'export-redirected-files',
      'export-binary-files',
      'export-strict-accept',
      'export-no-ranges',
      'export-no-etag',
      'export-forced-gzip',
      'export-empty-files',
    ] as const
  ).map((name) => [name, [name]] as [typeof name, Behaviours]),
])('all comes, once, of a server with the behaviour %s', async (_name, behaviours) => {
  const { code, out, keys } = await exported({ behaviours });
  expect(out).toContain('The export is as its manifest says.');
  expect(code).toBe(0);
  expect(keys).toEqual(expected.toSorted());
});

it.each<[string, Options]>([
  ['is cut, with ranges', { faults: [{ at: 'file', kind: 'cut', every: 3 }] }],
  [
    'is cut, without ranges',
    { faults: [{ at: 'file', kind: 'cut', every: 3 }], behaviours: ['export-no-ranges'] },
  ],
  [
    'is cut, without an ETag',
    { faults: [{ at: 'file', kind: 'cut', every: 3 }], behaviours: ['export-no-etag'] },
  ],
  ['is cut in gzip', { faults: [{ at: 'file', kind: 'truncatedGzip', every: 3 }] }],
  [
    'is another one when it is continued',
    {
      faults: [
        { at: 'file', kind: 'cut', every: 3 },
        { at: 'file', kind: 'fileChanges', every: 4 },
      ],
    },
  ],
  ['is refused now and then', { faults: [{ at: 'file', kind: 'status', status: 503, every: 2 }] }],
] as Array<[string, Options]>)('all comes, once, where a file %s', async (_name, options) => {
  const { code, keys } = await exported(options);
  expect(code).toBe(0);
  expect(keys).toEqual(expected.toSorted());
});

it.each<[Behaviours[number], RegExp]>([
  ['export-wrong-counts', /lines, by the manifest +\d+ +\d+/],
  ['export-repeated-lines', /ids that are there twice/],
  ['export-duplicate-lines', /ids that are there twice/],
  ['export-line-no-json', /lines that are no JSON object/],
  ['export-line-other-type', /resources that are no Patient/],
  ['export-line-cut', /lines that are no JSON object/],
])('of a server with the behaviour %s, the check fails', async (name, words) => {
  const { code, out } = await exported({ behaviours: [name] });
  expect(out).toMatch(words);
  expect(code).toBe(1);
});
