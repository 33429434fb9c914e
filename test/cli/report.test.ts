import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { report } from '../../cli/report.js';
import { UsageError } from '../../cli/command.js';

const parent = mkdtempSync(join(tmpdir(), 'report-'));
let folders = 0;
let folder = '';

/** Whatever is wrong, this is in nothing that is printed or written. */
const SECRET = 'MrsMiller';
const PATIENTS = Array.from(
  { length: 12 },
  (_, nth) =>
    `{"resourceType":"Patient","id":"p${nth}","birthDate":"1970","name":[{"family":"${SECRET}"}],"extension":[{"url":"http://example.org/${SECRET}"},{"url":"http://hl7.org/fhir/StructureDefinition/patient-birthPlace"}]}\n`,
).join('');
const OBSERVATIONS =
  '{"resourceType":"Observation","id":"a","code":{"coding":[{"system":"http://loinc.org","code":"1"}]}}\n';

const save = (name: string, content: string | Uint8Array): void => writeFileSync(join(folder, name), content);
const read = (name: string): string => readFileSync(join(folder, name), 'utf8');

async function run(
  values: Record<string, string> = {},
  environment: Record<string, string> = {},
): Promise<{ code: number; out: string }> {
  const lines: string[] = [];
  const print = (line: string): void => void lines.push(line);
  const spies = [vi.spyOn(console, 'log'), vi.spyOn(console, 'error')];
  for (const spy of spies) spy.mockImplementation(print);
  let code = 2;
  try {
    code = await report({ operand: folder, values, flags: new Set(), lists: {}, environment });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    print(error.message);
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  const out = lines.join('\n');
  const made = readdirSync(folder).filter((name) => name.startsWith('report'));
  for (const text of [out, ...made.map(read)]) expect(text).not.toContain(SECRET);
  return { code, out };
}

/** The cells of a table of the shared report, row by row. */
function table(id: string): unknown[][] {
  const { parts } = JSON.parse(read('report-shared.json')) as {
    parts: { tables: { id: string; rows: Record<string, unknown>[] }[] }[];
  };
  const found = parts.flatMap(({ tables }) => tables).find((one) => one.id === id);
  return (found?.rows ?? []).map((row) => Object.values(row));
}

beforeEach(() => {
  folder = join(parent, String(folders++));
  mkdirSync(folder);
  save('Patient-1.ndjson', PATIENTS);
  save('Observation-2.ndjson.gz', gzipSync(OBSERVATIONS));
});
afterAll(() => rmSync(parent, { recursive: true, force: true }));

describe('of a folder with files alone', () => {
  it('all files are counted, and small counts are not shown', async () => {
    expect(await run()).toEqual({
      code: 0,
      out: 'files: 2\nresources: 13\nwritten: report.json, report-shared.json, report.html',
    });
    expect(table('resources')).toEqual([
      ['Observation', '<10', '<10', 0, 0],
      ['Patient', 12, 12, 0, 0],
    ]);
    const birthPlace = 'http://hl7.org/fhir/StructureDefinition/patient-birthPlace';
    const other = 'other: not in the list of published ones';
    expect(table('extensions')).toEqual([
      [birthPlace, 'hidden'],
      [other, 'hidden'],
    ]);
    expect(table('systems')).toEqual([['http://loinc.org', 'hidden']]);
    expect(read('report.html')).toContain('not known: there is no report.json');
    const { risk } = JSON.parse(read('report.json')) as { risk: object };
    expect(risk).toMatchObject({ patients: 12, classes: 1, least: 12, unique: 0 });

    await run({ 'min-count': '0' });
    expect(table('extensions')).toEqual([
      [birthPlace, 12],
      [other, 12],
    ]);
    expect(table('systems')).toEqual([['http://loinc.org', 1]]);
  });

  it.each<[string, Record<string, string>, Record<string, string>, unknown]>([
    ['by the option', { 'min-count': '0' }, {}, 1],
    ['by the setting', {}, { REPORT_MIN_COUNT: '0' }, 1],
    ['by the option before the setting', { 'min-count': '20' }, { REPORT_MIN_COUNT: '0' }, '<20'],
  ])('the bound is set %s', async (_, values, environment, shown) => {
    expect((await run(values, environment)).code).toBe(0);
    expect(table('resources')[0]?.[1]).toBe(shown);
  });

  it('a second report is the same, by the report.json of the first', async () => {
    await run();
    const [shared, json] = [read('report-shared.json'), read('report.json')];
    expect((await run()).out).toContain('written: report-shared.json, report.html');
    expect(read('report.json')).toBe(json);
    expect(table('resources')).toEqual([
      ['Observation', '<10', '<10', 0, 0],
      ['Patient', 12, 12, 0, 0],
    ]);
    expect(JSON.parse(read('report-shared.json'))).toEqual(JSON.parse(shared));
  });
});

describe('with what the export says', () => {
  const manifest = {
    transactionTime: '2026-01-02T03:04:05Z',
    output: [
      { type: 'Patient', url: 'http://localhost/files/Patient-1.ndjson', count: 12 },
      { type: 'Observation', url: 'http://localhost/files/Observation-2.ndjson', count: 1 },
    ],
    error: [],
    extension: {
      deidentified: true,
      configuration: 'study.json',
      configurationDigest: 'd'.repeat(64),
      configurationApproval: 'digest',
    },
  };

  it('a manifest names the configuration, and which files count', async () => {
    save('manifest.json', JSON.stringify(manifest));
    save('other.ndjson', OBSERVATIONS);
    expect((await run()).code).toBe(0);
    expect(table('resources').map(([type]) => type)).toEqual(['Observation', 'Patient']);
    for (const text of ['study.json', 'd'.repeat(64), 'by its digest'])
      expect(read('report.html')).toContain(text);
  });

  it.each([
    [{ isComplete: true, left: {} }, 'complete: the rules leave no element that can hold an identity'],
    [{ isComplete: false, left: { names: ['HumanName', 'date, dateTime'] } }, 'not complete: see the table'],
    [{ isComplete: true, left: { [`<${SECRET}>`]: [SECRET] } }, 'not known'],
    [{ isComplete: false, left: { names: [`1 ${SECRET}`] } }, 'not known'],
    [{ isComplete: true }, 'not known'],
    ['all', 'not known'],
  ])('without report.json the manifest says what is covered: %j', async (configurationCoverage, words) => {
    const extension = {
      configuration: 'study.json',
      configurationDigest: 'd'.repeat(64),
      configurationCoverage,
    };
    const output = [
      { type: 'Patient', url: 'https://app/Patient-1.ndjson' },
      { type: 'Observation', url: 'https://app/Observation-2.ndjson' },
    ];
    save('manifest.json', JSON.stringify({ output, extension }));
    expect((await run()).code).toBe(0);
    expect(read('report-shared.json')).toContain(words);
    expect(read('report.html')).toContain(words);
  });

  it('report.json says what was done', async () => {
    await run();
    const json = JSON.parse(read('report.json')) as { types: Record<string, unknown>[] };
    const types = json.types.map((ofType) => ({
      ...ofType,
      labels: { REDACTED: 30 },
      operations: { 'HumanName.family': { REDACTED: 30 } },
    }));
    const configuration = { name: 'study.json', digest: 'd'.repeat(64), approval: 'coverage' };
    save('report.json', JSON.stringify({ ...json, types, configuration }));
    expect((await run({ 'min-count': '0' })).code).toBe(0);
    expect(table('elements')).toEqual([
      ['Observation', 'HumanName.family', 'redacted', 30],
      ['Patient', 'HumanName.family', 'redacted', 30],
    ]);
  });
});

describe('nothing is written', () => {
  const none = (): void =>
    expect(readdirSync(folder).filter((name) => /^report(?:-shared\.json|\.html)$/.test(name))).toEqual([]);

  it.each<[string, () => void, string]>([
    [
      'of lines that are no resources',
      () => save('Patient-1.ndjson', `${PATIENTS}{"a":"${SECRET}"\n[]\n`),
      'Patient-1.ndjson: lines that are no resources of its type: 2: line 13, 14',
    ],
    ['of a type that is none', () => save('Patient-1.ndjson', `{"resourceType":"${SECRET}"}\n`), '1: line 1'],
    [
      'where report.json is of other files',
      () => save('report.json', '{"types":[{"type":"Patient","written":13}],"files":[]}'),
      'Patient: report.json says 13 resources, and the files have 12',
    ],
  ])('%s', async (_, change, words) => {
    change();
    const { code, out } = await run();
    expect(code).toBe(1);
    expect(out).toContain(words);
    none();
  });

  it.each<[string, () => void, Record<string, string>, string]>([
    [
      'for a bound of 2',
      () => undefined,
      { 'min-count': '2' },
      '--min-count must be 0 or a whole number from 3 to 1000.',
    ],
    ['of a folder without files', () => rmSync(folder, { recursive: true }), {}, 'There is no folder'],
    [
      'where a file of the manifest is missing',
      () => save('manifest.json', '{"output":[{"type":"Patient","url":"http://a/gone.ndjson"}]}'),
      {},
      'gone.ndjson of the manifest is not in',
    ],
    [
      'of a report.json that is something else',
      () => save('report.json', `["${SECRET}"]`),
      {},
      'is no JSON object',
    ],
  ])('%s', async (_, change, values, words) => {
    change();
    await expect(
      report({ operand: folder, values, flags: new Set(), lists: {}, environment: {} }),
    ).rejects.toThrow(words);
  });
});
