import { describe, expect, it } from 'vitest';
import { compileEngine } from '../../../functions/deid/compileEngine.js';
import type { Engine } from '../../../functions/deid/run/engine.js';
import { EngineReport } from '../../../functions/deid/run/report.js';
import { tapeOf } from '../../../functions/json/json.js';
import { JsonTape } from '../../../functions/json/jsonTape.js';
import { LineBuffer } from '../../../functions/json/lineBuffer.js';
import { ways, withoutQuickWalk } from '../bothWays.js';
import { configurationOf, engineOptions } from '../shared.js';

/** What the walk in WebAssembly has of its own: hashes, what it remembers, its bounds. The tree is the long tests' concern. */

const RULES = [
  { path: "nodesByType('Reference').reference", method: 'cryptoHash' },
  { path: "nodesByType('string')", method: 'cryptoHash' },
  { path: "Observation.code.coding.where(code = 'a' or code = 'b').version", method: 'redact' },
  { path: "nodesByType('dateTime')", method: 'redact' },
  { path: "nodesByType('date')", method: 'redact' },
  { path: "nodesByType('instant')", method: 'redact' },
  { path: 'Resource.id', method: 'cryptoHash' },
];

function engineWith(parameters: object = {}): Engine {
  const text = JSON.stringify({
    fhirPathRules: RULES,
    parameters: { cryptoHashKey: 'k', enablePartialDatesForRedact: true, ...parameters },
  });
  return compileEngine(configurationOf(text, 'R4'), { ...engineOptions('R4'), validation: 'report' });
}

const line = new LineBuffer();

/** The line of a resource, by the walk in WebAssembly where it can; what was counted goes to a report. */
function lineOf(engine: Engine, json: string, report: EngineReport): string {
  line.truncate(0);
  const failure = engine.anonymize(tapeOf(json), line, report);
  if (failure !== undefined) throw new Error(failure.message);
  return line.slice(0, line.length).toString();
}

function plain({ dropped, labels, types }: EngineReport): unknown {
  return [dropped, labels, types];
}

/** Expects the same lines and counts with WebAssembly and without. @returns resources that it did */
function expectSame(engine: Engine, resources: readonly object[]): number {
  const [quick, slow] = [new EngineReport(), new EngineReport()];
  const before = ways.quickly;
  for (const resource of resources) {
    const json = JSON.stringify(resource);
    const expected = withoutQuickWalk(() => lineOf(engine, json, slow));
    const made = lineOf(engine, json, quick);
    if (made !== expected) expect(made).toBe(expected);
  }
  expect(plain(quick)).toEqual(plain(slow));
  return ways.quickly - before;
}

const patient = (others: object): object => ({ resourceType: 'Patient', id: 'a', ...others });
const family = (text: string): object => patient({ name: [{ family: text }] });
const reference = (text: string): object => patient({ managingOrganization: { reference: text } });
const dated = (text: string): object =>
  patient({ meta: { lastUpdated: text }, birthDate: text.slice(0, 10), deceasedDateTime: text });
const numbers = (count: number): number[] => Array.from({ length: count }, (_, number) => number);

describe('the walk in WebAssembly', () => {
  it.each([
    ['a short key', {}],
    ['a key of more than a block', { cryptoHashKey: 'key'.repeat(50) }],
    ['32 digits', { truncate: 32 }],
    ['another hash', { cryptoHashFunction: 'sha512' }],
    ['valid output', { validOutput: true }],
  ])('hashes texts of any length: %s', (_name, parameters) => {
    const engine = engineWith(parameters);
    const texts = numbers(300).flatMap((length) => ['x'.repeat(length + 1), `${'x'.repeat(length)}é`]);
    expect(expectSame(engine, texts.map(family))).toBe(600);
    expect(
      expectSame(
        engine,
        texts.map((id) => patient({ id })),
      ),
    ).toBe(600);
  });

  it.each([
    ['servers that stay', {}],
    ['servers that are hashed', { referenceServers: 'hash' }],
    ['fhir-pseudonymizer', { dialect: 'miracum' }],
  ])('takes references apart as the method does: %s', (_name, parameters) => {
    const ids = [
      'a',
      'A-.9',
      'a_b',
      'a b',
      'ä',
      '',
      '.',
      '..',
      'x'.repeat(64),
      'x'.repeat(65),
      'a/_history/1',
      'a|1',
      'a#b',
    ];
    const types = [
      'Patient',
      'Patien',
      'patient',
      'Unknown',
      '',
      '#',
      'urn:uuid:',
      'http://e.org/Patient',
      'Patient/Patient',
    ];
    const texts = types.flatMap((type) => ids.flatMap((id) => [`${type}/${id}`, `${type}${id}`]));
    const engine = engineWith(parameters);
    expect(
      expectSame(engine, [...texts, ...texts].filter((text) => text !== '').map(reference)),
    ).toBeGreaterThan(400);
  });

  it('has results for more texts than it remembers', () => {
    const resources = numbers(3000).map((number) =>
      patient({ name: [{ given: numbers(30).map((other) => `${number} ${other}`) }] }),
    );
    expect(expectSame(engineWith(), [...resources, ...resources.slice(0, 100)])).toBe(3100);
  });

  it('has verdicts for more parts than it remembers', () => {
    const coded = (code: string): object => ({
      resourceType: 'Observation',
      id: 'a',
      status: 'final',
      code: { coding: [{ code, version: '1' }, { version: '2', code: 'a' }, { version: '2' }] },
    });
    const codes = ['b', 'a', 'x'.repeat(600), ...numbers(10_000).map(String), 'a', 'b'];
    expect(expectSame(engineWith(), codes.map(coded))).toBe(codes.length);
  });

  it.each([[{}], [{ validOutput: true }], [{ ageLimitByYear: true }]])(
    'leaves of dates what the method leaves: %o',
    (parameters) => {
      const days = [
        '01-01',
        '02-28',
        '02-29',
        '02-30',
        '04-31',
        '11-20',
        '11-21',
        '11-22',
        '12-31',
        '13-01',
        '00-10',
      ];
      const times = [
        '',
        'T00:00:00Z',
        'T23:59:59.999+13:59',
        'T24:00:00Z',
        'T10:00:00+14:00',
        'T10:00:00+15:00',
        'T10:00:00+13:60',
        'T10:60:00Z',
        'T10:00:60Z',
        'T10:00:00',
        'T10:00Z',
        'T10:00:00.Z',
        'Tx',
      ];
      const years = ['0000', '0001', '1850', '1935', '1936', '1937', '1938', '2000', '2026', '9999', '19x0'];
      const texts = years.flatMap((year) =>
        days.flatMap((day) => times.map((time) => `${year}-${day}${time}`)),
      );
      const engine = engineWith(parameters);
      expect(expectSame(engine, [...texts, ...years, '2000-01'].map(dated))).toBe(
        texts.length + years.length + 1,
      );
    },
  );

  it('takes back what was counted of objects that are removed, however many there are', () => {
    // Extensions without a URL.
    const removed = (year: number): object[] => [
      { valuePeriod: { start: `${year}-02-07`, end: `${year}` } },
      { valueHumanName: { use: 'none', period: { start: `${year}-02` } } },
      { valueReference: { reference: `Patient/${year}` } },
    ];
    const kept = { url: 'http://e.org/a', valuePeriod: { start: '2001', end: '2002-01-01' } };
    const extensions = numbers(8).flatMap((year) => [...removed(1990 + year), ...removed(1990), kept]);
    const resources = [1, 2, 3, 8, 24].map((count) => patient({ extension: extensions.slice(0, count) }));
    const nested = patient({ extension: [{ extension: extensions }, { extension: extensions }, kept] });
    const engine = engineWith({ validOutput: true });
    expect(expectSame(engine, [...resources, nested])).toBe(resources.length + 1);
  });

  it('takes turns with others, of which none has what is not its own', () => {
    const engines = numbers(6).map((key) => engineWith({ cryptoHashKey: `k${key}` }));
    const made = [...numbers(20), ...numbers(20)].map((number) =>
      engines.map((engine) => lineOf(engine, JSON.stringify(family(`x${number}`)), new EngineReport())),
    );
    expect(made.slice(0, 20)).toEqual(made.slice(20));
    expect(new Set(made.flat()).size).toBe(120);
  });

  it.each<[string, object, boolean]>([
    ['a text of 100,000 bytes', patient({ text: { div: 'x'.repeat(100_000) } }), true],
    ['more bytes than there is room for', patient({ text: { div: 'x'.repeat(200_000) } }), false],
    [
      'more values than there is room for',
      patient({ name: [{ given: numbers(20_000).map(() => 'x') }] }),
      false,
    ],
    [
      'a result larger than there is room for',
      patient({ name: [{ given: numbers(5000).map(String) }] }),
      false,
    ],
    ['values beside their siblings', patient({ _birthDate: { id: 'x' } }), false],
    ['a resource in another', patient({ contained: [{ resourceType: 'Patient', id: 'b' }] }), true],
  ])('%s', (_name, resource, isQuick) => {
    expect(expectSame(engineWith(), [resource]) === 1).toBe(isQuick);
  });

  it('walks the resources of pages in any order, whatever else is on them, as if each were alone', () => {
    const lengths = [1, 30, 400, 9000, 60_000, 110_000, 2];
    const texts = numbers(21).map((number) =>
      JSON.stringify(family(`x${number}`.padEnd(lengths[number % 7] ?? 1, 'é'))),
    );
    // Of the same length, and in the same memory: only that it was read again shows that it is another page.
    const pages = [texts, texts.map((text) => text.replace('"x', '"y'))];
    const alone = engineWith();
    const expected = pages.map((page) => page.map((text) => lineOf(alone, text, new EngineReport())));
    const engine = engineWith();
    const tape = new JsonTape();
    const bytes = Buffer.alloc(Buffer.byteLength(`[${texts.join()}]`));
    const before = ways.quickly;
    for (const turn of [0, 1, 0, 1]) {
      bytes.write(`[${pages[turn]?.join()}]`);
      if (!tape.read(bytes)) throw new Error('no JSON');
      const nodes: number[] = [];
      for (let node = tape.first(tape.root); node < tape.after(tape.root); node = tape.after(node))
        nodes.push(node);
      for (const place of [...numbers(21), ...numbers(21).map((number) => (number * 8 + 8) % 21)]) {
        line.truncate(0);
        engine.anonymize({ tape, node: nodes[place] ?? 0, bytes }, line, new EngineReport());
        if (line.slice(0, line.length).toString() !== expected[turn]?.[place])
          expect([turn, place]).toBe('as if it were alone');
      }
    }
    // 110,000 characters are more bytes than there is room for.
    expect(ways.quickly - before).toBe(4 * 2 * 18);
  });

  it('does not mind names that no element has, however many', () => {
    const resources = numbers(300).map((number) =>
      patient(Object.fromEntries(numbers(100).map((other) => [`unknown${number}x${other}`, 1]))),
    );
    expect(expectSame(engineWith(), resources)).toBeGreaterThan(90);
  });
});
