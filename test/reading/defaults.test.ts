import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROJECT_ROOT } from '../../local/paths.js';
import { missingNode22, missingPandas, PYTHON, runDuckDb, runProgram } from './tools.js';

// What the page says tools do by default, of what matters most. Where one of these fails, a tool has changed: change the page.

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fhir-reading-'));
  symlinkSync(join(PROJECT_ROOT, 'test', 'reading', 'node_modules'), join(folder, 'node_modules'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(file: string, ...resources: object[]): void {
  writeFileSync(join(folder, file), resources.map((resource) => `${JSON.stringify(resource)}\n`).join(''));
}

function runModule(code: string): unknown {
  writeFileSync(join(folder, 'module.mjs'), code);
  return JSON.parse(runProgram([process.execPath, 'module.mjs'], { cwd: folder }));
}

it('DuckDB moves a date with an offset to the day before', () => {
  write('Observation-0.ndjson', { id: 'a', effectiveDateTime: '2015-02-07T00:00:00.000+02:00' });
  const sql = `SELECT effectiveDateTime::DATE::VARCHAR AS day FROM read_ndjson('Observation-0.ndjson')`;
  expect(runDuckDb(folder, sql)).toEqual([{ day: '2015-02-06' }]);
});

it('DuckDB rewrites ids and times, although its date formats are none', () => {
  write('Patient-3.ndjson', { id: '0C3151BD-1CBF-4D64-B04D-CD9187A4C6E0', time: '08:00' });
  const options = `dateformat = 'none', timestampformat = 'none'`;
  const sql = `SELECT id::VARCHAR AS id, time::VARCHAR AS time FROM read_ndjson('Patient-3.ndjson', ${options})`;
  expect(runDuckDb(folder, sql)).toEqual([{ id: '0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0', time: '08:00:00' }]);
});

const noPandas = missingPandas();
describe.skipIf(noPandas !== undefined)('pandas', () => {
  const run = (code: string): string =>
    runProgram([PYTHON, '-'], { cwd: folder, input: `import pandas\n${code}` }).trim();

  it('makes 1970 of a year', () => {
    write('Patient-0.ndjson', { id: 'a', birthDate: '1976' });
    const code = `patients = pandas.read_json("Patient-0.ndjson", lines=True)
print(pandas.to_datetime(patients["birthDate"])[0].date())`;
    expect(run(code)).toBe('1970-01-01');
  });

  it('reads decimals that are off in the last digit', () => {
    write('Observation-1.ndjson', { id: 'a', value: 1.14 });
    const code = `print(pandas.read_json("Observation-1.ndjson", lines=True, dtype=False)["value"][0] == 1.14)`;
    expect(run(code)).toBe('False');
  });
});

const noNode22 = missingNode22();
describe.skipIf(noNode22 !== undefined)('JavaScript', () => {
  it('Arrow makes false of a missing boolean, and counts no null', () => {
    const code = `import { tableFromJSON } from 'apache-arrow';
const column = tableFromJSON([{ id: 'a', deceasedBoolean: true }, { id: 'b' }]).getChild('deceasedBoolean');
console.log(JSON.stringify([column.get(1), column.nullCount]));`;
    expect(runModule(code)).toEqual([false, 0]);
  });

  it('Polars drops elements that are not in the first of several files, although it infers from all lines', () => {
    write('Patient-1.ndjson', { id: 'a' });
    write('Patient-2.ndjson', { id: 'b', deceasedBoolean: true });
    const code = `import polars from 'nodejs-polars';
const frame = polars.scanJson('Patient-[12].ndjson', { inferSchemaLength: null }).collectSync();
console.log(JSON.stringify([frame.height, frame.columns]));`;
    expect(runModule(code)).toEqual([2, ['id']]);
  });

  it("Medplum's view runner returns the extension of a nested primitive that has nothing else", () => {
    const extension = [
      { url: 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode: 'masked' },
    ];
    const code = `import { evalSqlOnFhir } from '@medplum/core';
const view = { resource: 'Observation', select: [{ column: [{ name: 'display', path: 'code.coding.first().display' }] }] };
const extension = ${JSON.stringify(extension)};
const observation = { resourceType: 'Observation', code: { coding: [{ code: '1', _display: { extension } }] } };
console.log(JSON.stringify(evalSqlOnFhir(view, [observation])));`;
    expect(runModule(code)).toEqual([{ display: { extension } }]);
  });
});
