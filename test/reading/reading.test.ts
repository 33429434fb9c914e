import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Counts, countsOf, type Json, type Resource, withoutNulls } from './counts.js';
import { type Download, exportTwice } from './exports.js';
import { codeFor, readBlocks } from './page.js';
import { inventedPatients, riskByDuckDb } from './risk.js';
import { endTools, missingNode22, readJson, runDuckDb, TOOLS } from './tools.js';
import { expectViewsToHaveAll } from './views.js';

let downloads: Awaited<ReturnType<typeof exportTwice>>;
beforeAll(async () => {
  downloads = await exportTwice();
});
afterAll(() => {
  downloads.end();
  endTools();
});

const EXPORTS = ['redacted', 'shifted'] as const;
const byType = <T>(own: Map<string, T>): Record<string, T> =>
  Object.fromEntries([...own].sort(([a], [b]) => (a < b ? -1 : 1)));

const truths = new Map<Download, Record<string, Counts>>();
/** Counts of the lines by `JSON.parse`, with which report and tools are compared. */
function truthOf(download: Download): Record<string, Counts> {
  const known = truths.get(download);
  if (known !== undefined) return known;
  const counted = [...download.resources].map(([type, own]) => [type, countsOf(own)] as const);
  const truth = byType(new Map(counted));
  truths.set(download, truth);
  return truth;
}

describe.each(EXPORTS)('an export with %s dates', (name) => {
  it('has dates of the precision that the configuration leaves', () => {
    const sum = { year: 0, month: 0, day: 0, time: 0, timeWithOffset: 0 };
    for (const { dates } of Object.values(truthOf(downloads[name]))) {
      for (const precision of Object.keys(sum) as Array<keyof typeof sum>) sum[precision] += dates[precision];
    }
    console.log(`${name}: ${JSON.stringify(sum)}`);
    expect(sum.year).toBeGreaterThan(name === 'redacted' ? 5000 : 0);
    if (name === 'shifted') {
      expect(sum.day).toBeGreaterThan(500);
      expect(sum.timeWithOffset).toBeGreaterThan(5000);
    }
  });

  it('is counted by its report as its lines are by JSON.parse', () => {
    const report = [...downloads[name].report].map(([type, content]) => {
      const { resources, elements, dates, references } = content as Counts;
      return [type, { resources, elements, dates, references }] as const;
    });
    expect(byType(new Map(report))).toEqual(truthOf(downloads[name]));
  });
});

describe('the risk of Patients', () => {
  it.each(EXPORTS)('in the report of an export with %s dates is what DuckDB finds', (name) => {
    const { risk, folder } = downloads[name];
    expect(risk?.patients).toBeGreaterThan(5);
    expect(risk).toEqual(riskByDuckDb(folder));
  });

  it('of 20,000 invented Patients with all that there may be is what DuckDB finds', async () => {
    const { folder, risk } = await inventedPatients(downloads.redacted.folder, 20_000);
    expect(risk.classes).toBeGreaterThan(2000);
    expect(risk.unique).toBeGreaterThan(100);
    expect(risk).toEqual(riskByDuckDb(folder));
  });
});

describe.each(TOOLS)('$name, by its block of the page', (tool) => {
  const reason = tool.missing();
  if (reason !== undefined) console.log(`skipped: reading with ${tool.name}: ${reason}`);

  it.skipIf(reason !== undefined).each(EXPORTS)(
    'reads every resource, element and date of an export with %s dates',
    (name) => {
      const download = downloads[name];
      const types = [...download.resources.keys()];
      tool.run(download.folder, types);
      const wrong: string[] = [];
      for (const type of types) {
        const truth = truthOf(download)[type] as Counts;
        const read = readLines(join(download.folder, 'out', `${type}.ndjson`), tool.writesTexts);
        const { resources, elements, dates } = countsOf(read);
        expect({ resources, elements, dates }, type).toEqual({
          resources: truth.resources,
          elements: truth.elements,
          dates: truth.dates,
        });
        const own = join(download.folder, 'out', `${type}.json`);
        if (existsSync(own)) expect(columnsOf(own), `${type} by its own count`).toEqual(truth.elements);
        if (tool.writesTexts !== true) wrong.push(...differing(type, read, download));
      }
      expect(wrong).toEqual([]);
    },
    360_000,
  );
});

/** The rows that a tool wrote, without what is null; a field of CSV without value is an empty text. */
function readLines(path: string, writesTexts = false): Resource[] {
  return readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => withoutNulls(JSON.parse(line) as Json, writesTexts ? '' : undefined) as Resource);
}

function columnsOf(path: string): Record<string, number> {
  const { resourceType: _type, ...columns } = readJson(path) as Record<string, number | string>;
  return Object.fromEntries(Object.entries(columns).map(([name, count]) => [name, Number(count)]));
}

/** Resources that a tool has otherwise than they are. */
function differing(type: string, read: Resource[], download: Download): string[] {
  const expected = new Map(download.resources.get(type)?.map((resource) => [resource['id'], resource]));
  return read
    .filter((resource) => {
      const right = expected.get(resource['id'] as Json);
      return right === undefined || ordered(withoutNulls(right)) !== ordered(resource);
    })
    .map((resource) => `${type}/${String(resource['id'])}`);
}

/** JSON with the members of objects in the order of their names. */
function ordered(value: Json | undefined): string {
  return JSON.stringify(value, (_name, member: Json) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}

it('the footer of a Parquet file holds the least and the greatest value of a column', () => {
  const { folder, resources } = downloads.redacted;
  const ids = (resources.get('Patient') ?? []).map(({ id }) => String(id)).sort();
  const bounds = `SELECT stats_min_value AS least, stats_max_value AS greatest FROM parquet_metadata('Patient.parquet') WHERE path_in_schema = 'id';`;
  const rows = runDuckDb(
    folder,
    codeFor('duckdb', 'Patient') + codeFor('duckdb-parquet', 'Patient') + bounds,
  );
  expect(rows).toEqual([{ least: ids[0], greatest: ids.at(-1) }]);
});

it.each(EXPORTS)('the join of the page finds every patient of an export with %s dates', (name) => {
  const { folder, resources } = downloads[name];
  const tables = ['Patient', 'Observation'].map((type) => codeFor('duckdb', type));
  const rows = runDuckDb(folder, [...tables, codeFor('duckdb-join', 'Patient')].join('\n'));
  const known = new Set(resources.get('Patient')?.map(({ id }) => id));
  const days = (resources.get('Observation') ?? []).map((observation) => {
    const { reference } = observation['subject'] as { reference: string };
    const patient = reference.slice(reference.lastIndexOf('/') + 1);
    expect(known).toContain(patient);
    return `${patient} ${String(observation['effectiveDateTime']).slice(0, 10)}`;
  });
  expect(days.length).toBeGreaterThan(800);
  expect(new Set(rows.map(({ id, day }) => `${String(id)} ${String(day)}`))).toEqual(new Set(days));
  expect(rows.reduce((sum, { observations }) => sum + Number(observations), 0)).toBe(days.length);
});

const noViews = missingNode22();
if (noViews !== undefined) console.log(`skipped: running the view definitions: ${noViews}`);

it.skipIf(noViews !== undefined).each(EXPORTS)(
  'the view definitions have a row for every resource of an export with %s dates, and keys that join',
  (name) => expectViewsToHaveAll(downloads[name]),
);

it('each block of the page that is run is run here', () => {
  const run = readBlocks().flatMap(({ name }) => name ?? []);
  const others = ['duckdb-join', 'duckdb-parquet', 'views'];
  expect(run.sort()).toEqual([...TOOLS.map(({ name }) => name), ...others].sort());
});
