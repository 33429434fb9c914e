import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { riskOfFolder } from '../../cli/risk/folderRisk.js';
import { DEFAULT_QUASI_IDENTIFIERS } from '../../functions/deid/configuration/quasiIdentifiers.js';
import type { Risk, SizeRange } from '../../functions/export/risk/risk.js';
import { PROJECT_ROOT } from '../../local/paths.js';
import { createRandom } from '../../local/sample/random.js';
import { SEED } from '../random.js';
import { runDuckDb } from './tools.js';

const US_CORE = 'http://hl7.org/fhir/us/core/StructureDefinition/us-core';

/** All values of a list, each once, in their order. */
const set = (list: string): string => `list_sort(list_distinct(${list}))`;
const codes = (name: string): string =>
  set(`[coalesce(json_extract_string(part, '$.valueCoding.code'), json_extract_string(part, '$.valueString'))
    for part in flatten([json_extract(e, '$.extension[*]') for e in json_extract(line, '$.extension[*]')
      if json_extract_string(e, '$.url') = '${US_CORE}-${name}'])]`);

const CLASSES = `
  CREATE VIEW class AS SELECT count(*) AS size FROM (
    SELECT json AS line FROM read_ndjson_objects('export/Patient-*.ndjson')
  ) GROUP BY
    substr(json_extract_string(line, '$.birthDate'), 1, 4),
    json_extract_string(line, '$.gender'),
    ${set("[substr(code, 1, 3) for code in json_extract_string(line, '$.address[*].postalCode')]")},
    ${set("json_extract_string(line, '$.address[*].state')")},
    ${codes('race')},
    ${codes('ethnicity')},
    coalesce(
      substr(json_extract_string(line, '$.deceasedDateTime'), 1, 4),
      nullif(json_extract_string(line, '$.deceasedBoolean'), 'false'));`;

const RANGES: ReadonlyArray<readonly [least: number, most?: number]> = [
  ...[
    [1, 1],
    [2, 2],
    [3, 4],
    [5, 9],
    [10, 19],
    [20, 49],
    [50, 99],
    [100, 199],
    [200, 499],
    [500, 999],
  ].map(([least = 0, most = 0]) => [least, most] as const),
  [1000],
];

/** What the risk of the Patients in `export/` is by SQL. */
export function riskByDuckDb(folder: string): Risk {
  const ranges = RANGES.map(([least, most]) => {
    const own = `size >= ${least} AND size <= ${most ?? 'size'}`;
    return `count(*) FILTER (${own}) AS classes${least}, sum(size) FILTER (${own}) AS patients${least}`;
  });
  const [row = {}] = runDuckDb(
    folder,
    `${CLASSES} SELECT sum(size) AS patients, count(*) AS classes, min(size) AS least, max(size) AS largest,
      median(size) AS median, count(*) FILTER (size = 1) AS uniques, ${ranges.join()} FROM class;`,
  );
  const number = (name: string): number => Number(row[name] ?? 0);
  return {
    quasiIdentifiers: DEFAULT_QUASI_IDENTIFIERS,
    patients: number('patients'),
    notEvaluated: 0,
    classes: number('classes'),
    least: number('least'),
    median: number('median'),
    unique: number('uniques'),
    histogram: RANGES.filter(([least]) => least <= number('largest')).map(([least, most]): SizeRange => ({
      least,
      ...(most === undefined ? {} : { most }),
      classes: number(`classes${least}`),
      patients: number(`patients${least}`),
    })),
  };
}

/** Patients with every form of what is compared, and their risk by the command line's own count. */
export async function inventedPatients(
  parent: string,
  count: number,
): Promise<{ folder: string; risk: Risk }> {
  const random = createRandom(SEED);
  const oneOf = <T>(...values: T[]): T => values[Math.floor(random.next() * values.length)] as T;
  const maybe = <T>(value: T): T | undefined => (random.next() < 0.7 ? value : undefined);
  const address = (): object => ({
    postalCode: maybe(oneOf('02139', '98101', '10', '000', 'SW1A 1AA')),
    state: maybe(oneOf('MA', 'WA', 'NY')),
    city: oneOf('Boston', 'Seattle'),
  });
  const usCore = (name: string): object => ({
    url: `${US_CORE}-${name}`,
    extension: [
      ...(random.next() < 0.6
        ? [{ url: 'ombCategory', valueCoding: { code: oneOf('2106-3', '2054-5', '2028-9') } }]
        : []),
      { url: 'text', valueString: oneOf('One', 'Other') },
    ],
  });
  const line = (_: unknown, nth: number): string =>
    `${JSON.stringify({
      resourceType: 'Patient',
      id: String(nth),
      extension: oneOf(
        undefined,
        [usCore('race')],
        [usCore('race'), usCore('ethnicity')],
        [{ url: 'http://example.org/other', valueString: String(nth) }],
      ),
      gender: maybe(oneOf('male', 'female', 'other', 'unknown')),
      birthDate: maybe(oneOf('1960', '1970-02', '1980-03-04', '1990-05-06')),
      ...oneOf(
        {},
        { deceasedBoolean: true },
        { deceasedBoolean: false },
        { deceasedDateTime: '2019-01-02T03:04:05Z' },
      ),
      address: oneOf(undefined, [address()], [address(), address()]),
    })}\n`;
  const folder = join(parent, 'invented');
  mkdirSync(join(folder, 'export'), { recursive: true });
  symlinkSync(join(PROJECT_ROOT, 'test', 'reading', 'node_modules'), join(folder, 'node_modules'));
  for (let file = 0; file < 2; file++) {
    const lines = Array.from({ length: count / 2 }, (_own, nth) => line(_own, file * count + nth));
    writeFileSync(join(folder, 'export', `Patient-${file}-0.ndjson`), lines.join(''));
  }
  const comparison = { quasiIdentifiers: DEFAULT_QUASI_IDENTIFIERS, fhirVersion: 'R4', now: 0 } as const;
  return { folder, risk: await riskOfFolder(join(folder, 'export'), comparison) };
}
