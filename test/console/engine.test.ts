import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readDefinitions } from '../../console/engine/node/readDefinitions.js';
import { definitionsOf } from '../../functions/deid/model/definitions.js';
import { compactDefinitions } from '../../infra/tools/console/compactDefinitions.js';
import { FHIR_VERSIONS } from '../../functions/fhir/fhirVersion.js';
import { startEngine } from './engineWorker.js';

const PATIENT = {
  resourceType: 'Patient',
  id: 'p1',
  active: true,
  name: [{ family: 'Ada' }, { given: ['Bo', 'Cy'] }],
  birthDate: '1970-05-06',
  _birthDate: { extension: [{ url: 'http://example.org/time', valueString: 'noon' }] },
  secret: 'Peter',
};
const RULES = {
  fhirPathRules: [
    { path: 'Patient.name.given', method: 'keep' },
    { path: 'Patient.name', method: 'redact' },
    { path: 'Patient.birthDate', method: 'dateShift' },
    { path: 'Patient.id', method: 'encrypt' },
  ],
  // With a random key, one shift of 101 is by no day.
  parameters: { dateShiftKey: 'a key that shifts' },
};

describe.each(FHIR_VERSIONS)('the tables of %s in the console', (version) => {
  it('are those of the app', () => {
    const definitions = definitionsOf(version);
    const { path2RefType: _, ...read } = readDefinitions(compactDefinitions(definitions));
    // What packages have besides is not asked for.
    expect({ ...definitions, ...read }).toEqual(definitions);
    expect(Object.keys(read)).toHaveLength(6);
    expect(Object.keys(read.type2Parent)).toEqual(Object.keys(definitions.type2Parent));
  });
});

/** A file without a name. */
const file = (data: string | Uint8Array<ArrayBuffer>) => ({ name: '', data });
const opened = (data: string | Uint8Array<ArrayBuffer>) => ({ files: [file(data)] });

describe('the engine in the console', () => {
  it('says what is wrong with a configuration, and where', async () => {
    const engine = startEngine('R4');
    const configuration = 'fhirPathRules:\n  - path: Patient.nam\n    method: redac\n';
    const { isValid, format, problems } = await engine.call('check', { configuration });
    expect({ isValid, format }).toEqual({ isValid: false, format: 'yaml' });
    expect(
      problems.map(({ severity, line, span }) => [severity, line, configuration.slice(span?.from, span?.to)]),
    ).toEqual([
      ['warning', 2, 'path: Patient.nam'],
      ['error', 3, 'method: redac'],
    ]);
  });

  it('shows each element before and after, with the rule that decided it', async () => {
    const engine = startEngine('R4');
    await engine.call('open', opened(JSON.stringify(PATIENT)));
    const trace = await engine.call('trace', { configuration: JSON.stringify(RULES), index: 0 });
    const { before, after = '' } = trace;
    const text = (all: string, span?: { from: number; to: number }): string | undefined =>
      span && all.slice(span.from, span.to).replaceAll(/\s+/g, '').slice(0, 12);
    expect(
      trace.elements.map((element) => [
        element.path,
        element.afterPath,
        element.by === 'rule' ? element.rule : element.by,
        element.change,
        text(before, element.before),
        element.path === 'id' || element.path === 'birthDate' ? '' : text(after, element.after),
      ]),
    ).toEqual([
      ['', '', 'none', 'changed', '{"resourceTy', '{"resourceTy'],
      ['id', 'id', 3, 'changed', '"p1"', ''],
      ['active', 'active', 'none', 'same', 'true', 'true'],
      ['name[0]', undefined, 1, 'removed', '{"family":"A', undefined],
      ['name[0].family', undefined, 1, 'removed', '"Ada"', undefined],
      ['name[1]', 'name[0]', 1, 'same', '{"given":["B', '{"given":["B'],
      ['name[1].given[0]', 'name[0].given[0]', 0, 'same', '"Bo"', '"Bo"'],
      ['name[1].given[1]', 'name[0].given[1]', 0, 'same', '"Cy"', '"Cy"'],
      ['birthDate', 'birthDate', 2, 'changed', '"1970-05-06"', ''],
      ['_birthDate.extension[0]', '_birthDate.extension[0]', 2, 'same', '{"url":"http', '{"url":"http'],
      [
        '_birthDate.extension[0].url',
        '_birthDate.extension[0].url',
        2,
        'same',
        '"http://exam',
        '"http://exam',
      ],
      [
        '_birthDate.extension[0].valueString',
        '_birthDate.extension[0].valueString',
        2,
        'same',
        '"noon"',
        '"noon"',
      ],
      ['secret', undefined, 'unknown', 'removed', '"Peter"', undefined],
      [undefined, 'meta', 'engine', 'added', undefined, '{"security":'],
    ]);
  });

  it('gives the same result each time, and counts the same by the tape and by the tree', async () => {
    const engine = startEngine('R4');
    await engine.call('open', opened(JSON.stringify(PATIENT)));
    const ask = { configuration: JSON.stringify(RULES) };
    const lines: unknown[] = [];
    const summary = await engine.call('preview', ask, (part) => lines.push(...part));
    const again: unknown[] = [];
    await engine.call('preview', ask, (part) => again.push(...part));
    expect(again).toEqual(lines);
    const trace = await engine.call('trace', { ...ask, index: 0 });
    expect(lines).toMatchObject([{ outcome: 'kept', counts: trace.counts }]);
    expect((lines as { line: string }[]).map(({ line }) => JSON.parse(line) as unknown)).toEqual([
      JSON.parse(trace.after ?? ''),
    ]);
    expect(summary).toMatchObject({
      kept: 1,
      decided: [
        { rule: 0, count: 2 },
        { rule: 1, count: 1 },
        { rule: 2, count: 3 },
        { rule: 3, count: 1 },
      ],
      unreached: [{ path: 'Patient.active', count: 1, index: 0 }],
      dropped: [{ path: 'Patient.(unknown)', count: 1, index: 0 }],
    });
  });

  it.each([
    [
      'a Bundle',
      JSON.stringify({ resourceType: 'Bundle', entry: [{ resource: PATIENT }, {}] }),
      ['Patient'],
      0,
    ],
    ['an array', JSON.stringify([PATIENT, PATIENT]), ['Patient', 'Patient'], 0],
    [
      'NDJSON',
      `${JSON.stringify(PATIENT)}\n\n{"resourceType":"Group"\n{"resourceType":"Group"}`,
      ['Patient', 'Group'],
      1,
    ],
    ['a text that is no JSON', '{"resourceType": "Patient",\n "id" 1}', [], 1],
    ['nothing', ' \n', [], 1],
    ['a number', '17', [], 1],
  ])('opens %s', async (_what, data, types, problems) => {
    const found = await startEngine('R4').call('open', opened(data));
    expect(found.resources.map(({ type }) => type)).toEqual(types);
    expect(found.problems).toHaveLength(problems);
    expect(JSON.stringify(found.problems)).not.toContain('resourceType');
  });

  it('reports bytes that are not UTF-8', async () => {
    const data = Buffer.from('{"resourceType":"Patient","id":"\xff"}', 'latin1');
    const found = await startEngine('R4').call('open', opened(new Uint8Array(data)));
    expect(found).toEqual({
      resources: [],
      problems: [{ file: 0, message: 'There are bytes that are not UTF-8, as JSON has to be.' }],
    });
  });

  it('opens several files, packed or not, each by its own form, and says what of which cannot be read', async () => {
    const bundle = JSON.stringify({ resourceType: 'Bundle', entry: [{ resource: PATIENT }] }, undefined, 2);
    const { resources, problems } = await startEngine('R4').call('open', {
      files: [
        file(bundle),
        { name: 'b.ndjson.gz', data: new Uint8Array(gzipSync('{"resourceType":"Group"}\n\n{\n')) },
        file('{"fhirPathRules":[]}'),
        file(''),
      ],
    });
    expect(resources).toEqual([
      { index: 0, type: 'Patient', id: 'p1', file: 0, entry: 0 },
      { index: 1, type: 'Group', id: '', file: 1, line: 1 },
    ]);
    expect(problems.map((problem) => [problem.file, problem.line, problem.message])).toEqual([
      [1, 3, expect.stringMatching(/^This is no JSON: /)],
      [2, undefined, expect.stringMatching(/^This is a configuration, not a resource/)],
      [3, undefined, 'There is no data: the text is empty.'],
    ]);
  });

  it('shifts dates by the file that a resource comes from, packed or not', async () => {
    const configuration = JSON.stringify({
      fhirPathRules: [{ path: 'Patient.birthDate', method: 'dateShift' }],
      parameters: { dateShiftScope: 'file', dateShiftKey: 'key' },
    });
    const engine = startEngine('R4');
    const data = JSON.stringify(PATIENT);
    const packed = new Uint8Array(gzipSync(data));
    const names = ['a', 'b', 'c', 'd', 'e', 'a.gz'];
    await engine.call('open', {
      files: names.map((name) => ({ name, data: name === 'a.gz' ? packed : data })),
    });
    const dates: unknown[] = [];
    await engine.call('preview', { configuration }, (part) => {
      for (const { line = '' } of part) dates.push((JSON.parse(line) as { birthDate: string }).birthDate);
    });
    expect(dates[5]).toBe(dates[0]);
    expect(new Set(dates).size).toBeGreaterThan(2);
  });

  it('keeps what was opened last, and nothing that was closed before it could be opened', async () => {
    const engine = startEngine('R4');
    const packed = { name: 'a.gz', data: new Uint8Array(gzipSync(JSON.stringify(PATIENT))) };
    const first = engine.call('open', { files: [packed] });
    const second = engine.call('open', opened('{"resourceType":"Group"}'));
    await expect(first).rejects.toThrow('superseded');
    expect((await second).resources).toMatchObject([{ type: 'Group' }]);
    const third = engine.call('open', { files: [packed] });
    await engine.call('close', {});
    await expect(third).rejects.toThrow('superseded');
    const ask = { configuration: JSON.stringify(RULES), index: 0 };
    await expect(engine.call('trace', ask)).rejects.toThrow('not-open');
  });

  it('leaves what is open where a file cannot be unpacked', async () => {
    const engine = startEngine('R4');
    await engine.call('open', opened(JSON.stringify(PATIENT)));
    const cut = { name: 'a.gz', data: new Uint8Array(gzipSync('{}')).slice(0, -3) };
    await expect(engine.call('open', { files: [cut] })).rejects.toThrow('invalid: a.gz is packed by gzip');
    expect(await engine.call('preview', { configuration: JSON.stringify(RULES) })).toMatchObject({ kept: 1 });
  });

  it('makes links of letters, digits, - and _, and opens them', async () => {
    const engine = startEngine('R4');
    const alphabet = new Set<string>();
    for (let round = 0; round < 30; round++) {
      const rules = [
        {
          path: `Patient.where(id = '${(round * 2_654_435_761).toString(36).repeat(round + 1)}').name`,
          method: 'redact',
        },
      ];
      const made = await engine.call('link', { configuration: JSON.stringify({ fhirPathRules: rules }) });
      expect(made.fragment).toMatch(/^c=[A-Za-z0-9_-]+$/);
      for (const letter of made.fragment.slice(2)) alphabet.add(letter);
      expect(await engine.call('openLink', { fragment: made.fragment })).toEqual({
        configuration: made.configuration,
      });
    }
    expect([...alphabet]).toEqual(expect.arrayContaining(['-', '_']));
  });

  it('fails for data that is not open, in words of its own', async () => {
    const engine = startEngine('R4');
    const ask = { configuration: JSON.stringify(RULES), index: 0 };
    await expect(engine.call('trace', ask)).rejects.toThrow('not-open');
    await engine.call('open', opened(JSON.stringify(PATIENT)));
    await engine.call('close', {});
    await expect(engine.call('preview', ask)).rejects.toThrow('not-open');
  });

  it('compares two configurations over the same data', async () => {
    const engine = startEngine('R4');
    const other = { ...PATIENT, id: 'p2', name: undefined };
    await engine.call('open', opened(JSON.stringify([PATIENT, other])));
    const one = JSON.stringify(RULES);
    const changed = RULES.fhirPathRules.filter(({ method }) => method !== 'keep');
    const parts: unknown[] = [];
    const ask = { one, other: JSON.stringify({ ...RULES, fhirPathRules: changed }) };
    const comparison = await engine.call('compare', ask, (part) => parts.push(...part));
    expect(comparison).toEqual({
      same: 1,
      different: 1,
      differences: [{ path: 'HumanName.given', count: 1, index: 0 }],
    });
    expect(parts).toMatchObject([
      {
        index: 0,
        elements: [
          { path: 'name[1].given[0]', oneRule: 0, otherRule: 0 },
          { path: 'name[1].given[1]', oneRule: 0, otherRule: 0 },
        ],
      },
    ]);
  });

  it('ends a preview where another one is asked for', async () => {
    const engine = startEngine('R4');
    await engine.call('open', opened(JSON.stringify([PATIENT, PATIENT])));
    const ask = { configuration: JSON.stringify(RULES) };
    const first = engine.call('preview', ask);
    const second = engine.call('preview', ask);
    await expect(first).rejects.toThrow('superseded');
    expect(await second).toMatchObject({ kept: 2 });
  });
});
