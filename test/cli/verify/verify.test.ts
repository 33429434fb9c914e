import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { readArguments, UsageError } from '../../../cli/command.js';
import { verify as verifyExport } from '../../../cli/verify.js';
import { ContentCounter } from '../../../functions/deid/run/contentCounter.js';
import { emptyTypeReport } from '../../../functions/deid/run/typeReport.js';
import { FhirModel } from '../../../functions/deid/model/fhirModel.js';
import { contentOf } from '../../../functions/export/records/content.js';
import { tapeOf } from '../../../functions/json/json.js';

const OPTIONS = {
  manifest: { value: 'NAME', description: '' },
  report: { value: 'NAME', description: '' },
  strict: { description: '' },
  raw: { description: '' },
};
const parent = mkdtempSync(join(tmpdir(), 'verify-'));
let folder = '';
let folders = 0;

const PATIENTS = 'Patient-0-0-a.ndjson';
const OBSERVATIONS = 'Observation-1-0-b.ndjson';
const DELETIONS = 'deleted-Patient-2-0-c.ndjson';
const ERRORS = 'OperationOutcome-d.ndjson';

/** Whatever is wrong, this is not to be printed. */
const SECRET = 'MrsMiller';

const FILES: Record<string, { type: string; lines: string[] }> = {
  [PATIENTS]: {
    type: 'Patient',
    lines: [
      `{"resourceType":"Patient","id":"a","birthDate":"1970","name":[{"family":"${SECRET}"}]}`,
      '{"resourceType":"Patient","id":"b","birthDate":"1971-02-03"}',
    ],
  },
  [OBSERVATIONS]: {
    type: 'Observation',
    lines: [
      '{"resourceType":"Observation","id":"a","subject":{"reference":"Patient/a"},"issued":"2015-02-07T13:28:17Z"}',
      '{"resourceType":"Observation","id":"b","subject":{"reference":"Patient/b"}}',
      '{"resourceType":"Observation","id":"c","subject":{"reference":"Patient/b"},"status":"final"}',
    ],
  },
  [DELETIONS]: {
    type: 'Bundle',
    lines: [
      '{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Patient/z"}}]}',
    ],
  },
  [ERRORS]: { type: 'OperationOutcome', lines: ['{"resourceType":"OperationOutcome","issue":[]}'] },
};

type Json = Record<string, any>; // oxlint-disable-line typescript/no-explicit-any

function textOf(name: string): string {
  return FILES[name]?.lines.map((line) => `${line}\n`).join('') ?? '';
}

function manifest(): Json {
  const entry = (name: string): Json => ({
    type: FILES[name]?.type,
    url: `http://localhost/fhir/_operations/export/0a/files/${name}?sig=x`,
    count: FILES[name]?.lines.length,
  });
  return {
    output: [entry(PATIENTS), entry(OBSERVATIONS)],
    deleted: [entry(DELETIONS)],
    error: [entry(ERRORS)],
    extension: { resourcesWritten: 5 },
  };
}

function asStu4({ output, deleted, error }: Json): Json {
  const untyped = (files: Json[]): Json[] => files.map(({ type: _type, ...file }) => file);
  return {
    manifestType: 'http://hl7.org/fhir/uv/bulkdata/StructureDefinition/BulkDataManifest',
    output,
    deleted: untyped(deleted),
    outcome: untyped(error),
    extension: [{ url: 'urn:fhir-deidentified-export:manifest:resourcesWritten', valueInteger: 5 }],
  };
}

function report(): Json {
  const counter = new ContentCounter(FhirModel.of('R4'));
  const types = [PATIENTS, OBSERVATIONS].map((name) => {
    const content = emptyTypeReport();
    for (const line of FILES[name]?.lines ?? []) {
      const { tape, node } = tapeOf(line);
      counter.add(tape, node, content);
    }
    return { type: FILES[name]?.type, written: content.resources, content: contentOf(content) };
  });
  const files = [PATIENTS, OBSERVATIONS, DELETIONS].map((name) => ({
    type: FILES[name]?.type,
    name,
    count: FILES[name]?.lines.length,
    bytes: Buffer.byteLength(textOf(name)),
    sha256: createHash('sha256').update(textOf(name)).digest('hex'),
  }));
  return { fhirVersion: 'R4', types, files };
}

const save = (name: string, content: string | Uint8Array): void => writeFileSync(join(folder, name), content);
const saveJson = (name: string, content: Json): void => save(name, JSON.stringify(content));
const edit = (name: string, from: string, to: string): void =>
  save(name, readFileSync(join(folder, name), 'utf8').replace(from, to));

async function verify(...options: string[]): Promise<{ code: number; out: string; err: string }> {
  const lines: string[] = [];
  const log = vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(`${line}\n`));
  const command = { name: 'verify', summary: '', operand: 'FOLDER', options: OPTIONS, run: verifyExport };
  const given = readArguments(command, [folder, ...options]);
  if (given === 'help') throw new Error('Help was not asked for.');
  let code = 2;
  let err = '';
  try {
    code = await verifyExport({ ...given, environment: {} });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    err = error.message;
  } finally {
    log.mockRestore();
  }
  const out = lines.join('');
  expect(`${out}${err}`).not.toContain(SECRET);
  return { code, out, err };
}

beforeEach(() => {
  folder = join(parent, String(folders++));
  mkdirSync(folder);
  for (const name of Object.keys(FILES)) save(name, textOf(name));
  saveJson('manifest.json', manifest());
  saveJson('report.json', report());
});
afterAll(() => rmSync(parent, { recursive: true, force: true }));

describe('an export is as it says', () => {
  it.each<[string, () => void, string[]]>([
    ['as it was written', () => undefined, []],
    ['with a manifest of STU 4', () => saveJson('manifest.json', asStu4(manifest())), []],
    [
      'with compressed files, under their names or with .gz',
      () => {
        save(PATIENTS, gzipSync(textOf(PATIENTS)));
        rmSync(join(folder, OBSERVATIONS));
        save(`${OBSERVATIONS}.gz`, gzipSync(textOf(OBSERVATIONS)));
      },
      [],
    ],
    [
      'with manifest and report under other names',
      () => {
        renameSync(join(folder, 'manifest.json'), join(folder, 'status'));
        renameSync(join(folder, 'report.json'), join(folder, 'r'));
      },
      ['--manifest', 'status', '--report', 'r'],
    ],
    [
      'where the name of a file is percent-encoded in its URL',
      () => {
        edit('manifest.json', PATIENTS, 'Patient%2D0-0-a.ndjson');
      },
      [],
    ],
  ])('%s', async (_name, change, options) => {
    change();
    const { code, out, err } = await verify('--strict', ...options);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toBe(`files: 4 of 4
resources: 5
references to Patient: 3 resolve
The export is as its manifest and report say.
`);
  });
});

describe('data that may have identities', () => {
  const raw = 'http://localhost/fhir/$export?_type=Patient&_raw=true';
  const said = (deidentified: boolean): Json => ({ resourcesWritten: 5, deidentified });
  const stu4 = (): Json => {
    const form = asStu4(manifest());
    const url = 'urn:fhir-deidentified-export:manifest:deidentified';
    return { ...form, extension: [...form['extension'], { url, valueBoolean: false }] };
  };
  it.each<[string, () => Json, string[], boolean]>([
    ['as the manifest says', () => ({ ...manifest(), extension: said(false) }), [], true],
    ['as a manifest of STU 4 says', stu4, [], true],
    ['as was not asked for', () => ({ ...manifest(), request: raw.replace('true', 'false'), extension: said(false) }), [], true],
    ['as was asked for in the URL', () => ({ ...manifest(), request: raw, extension: said(false) }), [], false],
    ['as was asked for in a body', () => ({ ...manifest(), extension: said(false) }), ['--raw'], false],
    ['as the manifest denies', () => ({ ...manifest(), extension: said(true) }), [], false],
  ])('%s', async (_name, content, options, isWarned) => {
    saveJson('manifest.json', content());
    const { code, out } = await verify(...options);
    expect(code).toBe(0);
    expect(/\nwarning: .*may hold identities.*\n$/.test(out)).toBe(isWarned);
    expect((await verify('--strict', ...options)).code).toBe(isWarned ? 1 : 0);
  }); // prettier-ignore
});

describe('an export is not as it says where', () => {
  it.each<[string, () => void, RegExp]>([
    [
      'a file is missing',
      () => {
        rmSync(join(folder, PATIENTS));
      },
      /^Patient-0-0-a\.ndjson +file +there +missing$/m,
    ],
    [
      'a file of errors is missing',
      () => {
        rmSync(join(folder, ERRORS));
      },
      /^OperationOutcome-d\.ndjson +file +there +missing$/m,
    ],
    [
      'the end of a file is missing',
      () => {
        save(OBSERVATIONS, textOf(OBSERVATIONS).slice(0, -30));
      },
      /^Observation-1-0-b\.ndjson +lines that are no JSON object +0 +1: line 3$/m,
    ],
    [
      'the last line break is missing',
      () => {
        save(OBSERVATIONS, textOf(OBSERVATIONS).slice(0, -1));
      },
      /^Observation-1-0-b\.ndjson +line break at the end +there +missing$/m,
    ],
    [
      'a line is missing',
      () => {
        edit(OBSERVATIONS, `${FILES[OBSERVATIONS]?.lines[1]}\n`, '');
      },
      /^Observation-1-0-b\.ndjson +lines, by the manifest +3 +2\n.*\n.*bytes.*\n.*SHA-256[^]*^all files +resources +5 +4\n[^]*^Observation +with element id +3 +2$/m,
    ],
    [
      'a line is there twice',
      () => {
        save(PATIENTS, textOf(PATIENTS).replace(/^.*"a".*\n/, '$&$&'));
      },
      /^Patient-0-0-a\.ndjson +ids that are there twice +0 +1: line 2$/m,
    ],
    [
      'a resource went into two files',
      () => {
        edit(PATIENTS, '"id":"b"', '"id":"a"');
      },
      /^Patient-0-0-a\.ndjson +ids that are there twice +0 +1: line 2$/m,
    ],
    [
      'a line is empty',
      () => {
        save(PATIENTS, `\n\n${textOf(PATIENTS)}\n\n`);
      },
      /^Patient-0-0-a\.ndjson +lines that are no JSON object +0 +4: line 1, 2, 5, …$/m,
    ],
    [
      'a resource is of another type',
      () => {
        edit(PATIENTS, '"Patient"', '"Person"');
      },
      /^Patient-0-0-a\.ndjson +resources that are no Patient +0 +1: line 1$/m,
    ],
    [
      'bytes are of another encoding',
      () => {
        save(PATIENTS, Buffer.from(textOf(PATIENTS).replace(SECRET, 'M\u00fcller'), 'latin1'));
      },
      /^Patient-0-0-a\.ndjson +lines that are not UTF-8 +0 +1: line 1$/m,
    ],
    [
      'a byte was changed',
      () => {
        edit(PATIENTS, '"1971-02-03"', '"1971-02-04"');
      },
      /^Patient-0-0-a\.ndjson +SHA-256 +[0-9a-f]{16} +[0-9a-f]{16}\n\nThe export is not/m,
    ],
    [
      'a tool took the time of a date',
      () => {
        edit(OBSERVATIONS, 'T13:28:17Z', '');
      },
      /^Observation +dates by day +0 +1\nObservation +dates by timeWithOffset +1 +0$/m,
    ],
    [
      'a tool took an element, and references',
      () => {
        edit(OBSERVATIONS, '"subject":{"reference":"Patient/b"}', '"subject":{"display":"x"}');
        edit(OBSERVATIONS, ',"status":"final"', '');
      },
      /^Observation +with element status +1 +0\nObservation +references to Patient +3 +2$/m,
    ],
    [
      'an element was added whose name says something',
      () => {
        edit(PATIENTS, '"birthDate":"1970"', `"birthDate":"1970","${SECRET}":1`);
      },
      /^Patient +with element \(unknown\) +0 +1$/m,
    ],
    [
      'a file is of another export',
      () => {
        edit('manifest.json', PATIENTS, 'Patient-other.ndjson');
        save('Patient-other.ndjson', textOf(PATIENTS));
      },
      /^Patient-other\.ndjson +file of the manifest +in report\.json +not there\nPatient-0-0-a\.ndjson +file of report\.json +in the manifest +not there$/m,
    ],
    [
      'the manifest lacks a file that the report has',
      () => {
        const changed = manifest();
        changed['output'].pop();
        saveJson('manifest.json', changed);
      },
      /^Observation-1-0-b\.ndjson +file of report\.json +in the manifest +not there$/m,
    ],
    [
      'a compressed file is cut',
      () => {
        save(PATIENTS, gzipSync(textOf(PATIENTS)).subarray(0, 60));
      },
      /^Patient-0-0-a\.ndjson +file +can be read +Z_BUF_ERROR$/m,
    ],
    [
      'a name leads out of the folder',
      () => {
        edit('manifest.json', PATIENTS, '..%2f..%2fetc%2fpasswd');
      },
      /^\.\.\/\.\.\/etc\/passwd +file +there +missing$/m,
    ],
  ])('%s', async (_name, change, expected) => {
    change();
    const { code, out } = await verify();
    expect(out).toMatch(expected);
    expect(out).toMatch(/\nThe export is not as its manifest and report say\.\n$/);
    expect(code).toBe(1);
  });
});

describe('a warning, which --strict fails on, is given', () => {
  it.each<[string, () => void, string]>([
    [
      'where references lead to no resource',
      () => {
        const changed = manifest();
        changed['output'].shift();
        saveJson('manifest.json', { output: changed['output'] });
        rmSync(join(folder, 'report.json'));
      },
      'warning: 3 references to Patient lead to no resource of the export',
    ],
    [
      'without a report',
      () => {
        rmSync(join(folder, 'report.json'));
      },
      'warning: there is no report.json, so what the resources contain is not compared',
    ],
    [
      'where the report is of an earlier version',
      () => {
        const { types } = report();
        saveJson('report.json', { types: types.map(({ type, written }: Json) => ({ type, written })) });
      },
      'warning: report.json does not say what all Patient contain, so it is not compared',
    ],
    [
      'of resources without id',
      () => {
        save(PATIENTS, textOf(PATIENTS).replaceAll(/"id":".",/g, ''));
        rmSync(join(folder, 'report.json'));
      },
      'warning: 2 resources have no id, so none of them can be known to be there twice',
    ],
    [
      'of other files that a reader may take for the export',
      () => {
        save('old.ndjson', '');
      },
      'warning: the folder has 1 other NDJSON files, which the manifest does not name',
    ],
  ])('%s', async (_name, change, warning) => {
    change();
    const { code, out } = await verify();
    expect(out).toContain(`${warning}\n`);
    expect(code).toBe(0);
    expect((await verify('--strict')).code).toBe(1);
  });
});

describe('a mistake is', () => {
  it.each<[string, () => void, RegExp]>([
    ['no folder', () => (folder += 'x'), /There is no folder .*x\.$/],
    [
      'no manifest',
      () => {
        rmSync(join(folder, 'manifest.json'));
      },
      /There is no manifest\.json in .*--manifest\.$/,
    ],
    [
      'a file of the manifest without a URL',
      () => {
        save('manifest.json', '{"output":[{"type":"Patient"}]}');
      },
      /output is no list of files with type and url\.$/,
    ],
    [
      'a report that is none',
      () => {
        save('report.json', '{"types":{}}');
      },
      /report\.json is no report of an export/,
    ],
    [
      'a manifest that is none',
      () => {
        saveJson('manifest.json', {});
      },
      /no manifest of an export/,
    ],
    [
      'a report that is no JSON',
      () => {
        save('report.json', `{"${SECRET}`);
      },
      /report\.json is no JSON object\.$/,
    ],
  ])('%s', async (_name, change, expected) => {
    change();
    const { code, err } = await verify();
    expect(err).toMatch(expected);
    expect(code).toBe(2);
  });
});
