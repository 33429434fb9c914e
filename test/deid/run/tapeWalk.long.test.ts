import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { compileEngine } from '../../../functions/deid/compileEngine.js';
import type { FhirVersion } from '../../../functions/fhir/fhirVersion.js';
import { parseJson, type JsonObject } from '../../../functions/json/json.js';
import { JsonTape } from '../../../functions/json/jsonTape.js';
import { nameNumber, UNRESOLVED_NAME } from '../../../functions/json/keyNames.js';
import { EngineReport } from '../../../functions/deid/run/report.js';
import { LineBuffer } from '../../../functions/json/lineBuffer.js';
import { readSearchPage } from '../../../functions/export/source/searchPage.js';
import { BothWays } from '../bothWays.js';
import { Choices, ConfigurationGenerator, ResourceGenerator } from '../generate.js';
import { HABITS, HardSpelling, type Habit } from './hardSpelling.js';
import { configurationOf, engineOptions } from '../shared.js';
import { randomlyAtCost, SEED } from '../../random.js';

const VERSIONS: readonly FhirVersion[] = ['STU3', 'R4', 'R4B', 'R5'];
const TYPES = ['Patient', 'Observation', 'Encounter', 'Claim', 'Condition'];

/** Rules about what the tape writes in a way of its own: the id, `meta` with its labels, values that repeat. */
const OWN_RULES: readonly (readonly object[])[] = [
  [{ path: 'Resource.meta', method: 'redact' }],
  [
    { path: 'Resource.meta.security', method: 'redact' },
    { path: "nodesByType('date')", method: 'redact' },
  ],
  [
    { path: "nodesByType('Coding').where(code = 'A' or userSelected = true)", method: 'redact' },
    { path: 'Resource.id', method: 'cryptoHash' },
    { path: 'Resource.meta.versionId', method: 'redact' },
  ],
  [
    { path: "nodesByType('date')", method: 'dateShift' },
    { path: "nodesByType('dateTime')", method: 'dateShift' },
    { path: "nodesByType('instant')", method: 'dateShift' },
    { path: "nodesByType('Reference').reference", method: 'cryptoHash' },
    { path: 'Resource.id', method: 'cryptoHash' },
  ],
  [
    { path: "nodesByType('HumanName').family", method: 'encrypt' },
    { path: "nodesByType('string')", method: 'cryptoHash' },
    { path: "nodesByType('Quantity')", method: 'perturb', span: 1, rangeType: 'fixed', roundTo: 1 },
    { path: 'Resource.id', method: 'redact' },
  ],
  [{ path: 'Patient.contained', method: 'redact' }],
  [{ path: 'Resource', method: 'redact' }],
];

function ownConfiguration(choices: Choices): string {
  return JSON.stringify({
    fhirPathRules: choices.of(OWN_RULES),
    parameters: {
      dateShiftKey: 'k',
      cryptoHashKey: 'h',
      encryptKey: '0123456789abcdef',
      dateShiftScope: choices.of(['resource', 'patient']),
      enablePartialDatesForRedact: choices.chance(50),
    },
  });
}

function sampleConfiguration(version: FhirVersion): string {
  const url = new URL(
    `../../../configurations/hipaa-safe-harbor-${version.toLowerCase()}.json`,
    import.meta.url,
  );
  return readFileSync(url, 'utf8');
}

function bothWaysOf(configuration: string, version: FhirVersion): BothWays {
  return new BothWays(configurationOf(configuration, version), engineOptions(version));
}

/** A resource of which every name is there once. */
function plainResource(resources: ResourceGenerator, choices: Choices): JsonObject {
  return parseJson(resources.resource(choices.of(TYPES))) as JsonObject;
}

/** One habit, or two that meet. */
function someHabits(choices: Choices): Habit[] {
  return Array.from({ length: 1 + choices.below(2) }, () => choices.of(HABITS));
}

/** A page with resources, as one JSON text, and each of them on the page's tape. */
function onPage(texts: readonly string[]): { tape: JsonTape; nodes: number[]; bytes: Buffer } {
  const bytes = Buffer.from(`{"entry":[${texts.map((text) => `{"resource":${text}}`).join()}]}`);
  const tape = new JsonTape();
  expect(tape.read(bytes)).toBe(true);
  const entries = tape.member(tape.root, nameNumber('entry'));
  const nodes: number[] = [];
  for (let entry = tape.first(entries); entry < tape.after(entries); entry = tape.after(entry))
    nodes.push(tape.member(entry, nameNumber('resource')));
  return { tape, nodes, bytes };
}

describe(`resources on a tape (TEST_SEED=${SEED})`, () => {
  const shares = new Map(HABITS.map((habit) => [habit, { all: 0, onTape: 0 }]));

  it.each(VERSIONS)('of %s are read as a parser reads them, however they are written', (version) => {
    const sample = bothWaysOf(sampleConfiguration(version), version);
    fc.assert(
      fc.property(fc.gen(), (generate) => {
        const choices = new Choices(generate);
        const generated = new ConfigurationGenerator(choices, version, TYPES).configuration();
        const resources = new ResourceGenerator(choices, version, choices.of([0, 1, 10]));
        for (const both of [
          sample,
          bothWaysOf(generated, version),
          bothWaysOf(ownConfiguration(choices), version),
        ]) {
          for (let each = 0; each < 6; each++) {
            const habits = someHabits(choices);
            const spelling = new HardSpelling(choices, habits);
            const isTaken = both.compare(spelling.resource(plainResource(resources, choices)));
            const share = new Set(habits).size === 1 ? shares.get(habits[0] as Habit) : undefined;
            if (share === undefined) continue;
            share.all++;
            if (isTaken) share.onTape++;
          }
        }
      }),
      randomlyAtCost(60),
    );
  });

  it('were on it often enough, whatever the habit', () => {
    const found = new Map([...shares].map(([habit, { all, onTape }]) => [habit, onTape / all]));
    console.log(Object.fromEntries([...found].map(([habit, share]) => [habit, share.toFixed(2)])));
    // Names twice or with escapes are for the tree engine; not every resource has one. Some siblings are there already.
    const least = new Map<Habit, number>([
      ['siblings', 0.3],
      ['names twice', 0],
      ['escaped names', 0],
    ]);
    for (const [habit, share] of found) expect(share, habit).toBeGreaterThan(least.get(habit) ?? 0.6);
  });

  it('do not know of each other on a page', () => {
    const sample = bothWaysOf(sampleConfiguration('R4'), 'R4');
    let taken = 0;
    let all = 0;
    fc.assert(
      fc.property(fc.gen(), (generate) => {
        const choices = new Choices(generate);
        const resources = new ResourceGenerator(choices, 'R4', 2);
        const texts = Array.from({ length: 5 }, () =>
          new HardSpelling(choices, choices.chance(40) ? someHabits(choices) : []).resource(
            plainResource(resources, choices),
          ),
        );
        const { tape, nodes, bytes } = onPage(texts);
        for (const both of [sample, bothWaysOf(ownConfiguration(choices), 'R4')]) {
          // In any order, and again: a tape stays as it is.
          for (let each = 0; each < 8; each++) {
            const place = choices.below(texts.length);
            all++;
            if (both.compareAt({ tape, node: nodes[place] as number, bytes }, texts[place] as string))
              taken++;
          }
        }
      }),
      randomlyAtCost(60),
    );
    console.log(`${taken} of ${all} were taken`);
    expect(taken / all).toBeGreaterThan(0.5);
  });

  it('have conditions that hold or not by what they look at, among thousands that look alike', () => {
    const both = bothWaysOf(
      JSON.stringify({
        fhirPathRules: [
          {
            path: "nodesByType('Coding').where(system = 'ab' and code.startsWith('1')).display",
            method: 'redact',
          },
          { path: "nodesByType('Coding').where(code = 'ab').display", method: 'cryptoHash' },
        ],
        parameters: { cryptoHashKey: 'k' },
      }),
      'R4',
    );
    for (let first = 1000; first < 5000; first += 10) {
      const codings = Array.from({ length: 10 }, (_, index) => first + index).flatMap((number) => [
        // The same bytes under other names, one right after the other.
        `{"system":"ab","code":"${number}","display":"someone"}`,
        `{"code":"ab","system":"${number}","display":"someone"}`,
        `{"system":"${number}","code":"ab","display":"someone"}`,
      ]);
      expect(both.compare(`{"resourceType":"Observation","code":{"coding":[${codings.join()}]}}`)).toBe(true);
    }
  });

  it('are none any more when their page is released', () => {
    const engine = compileEngine(configurationOf(sampleConfiguration('R4'), 'R4'), engineOptions('R4'));
    const text = '{"resourceType":"Patient","id":"a"}';
    const page = readSearchPage(
      Buffer.from(`{"resourceType":"Bundle","entry":[{"resource":${text}}]}`),
      'Patient',
    );
    const [row] = page.rows;
    if (row?.json === undefined) throw new Error('no row');
    const { json } = row;
    const report = new EngineReport();
    expect(engine.anonymize(json, new LineBuffer(), report)).toBe(undefined);
    page.release?.();
    const line = new LineBuffer();
    expect(() => engine.anonymize(json, line, report)).toThrow('released');
    expect([line.length, report.resources]).toEqual([0, 1]);
    expect(() => row.resource()).toThrow('released');
  });
});

describe('resources with more names than have numbers', () => {
  // Last, as it fills the table of this process.
  it('are left alone, or give what the other way gives', () => {
    const names = Array.from({ length: 12_000 }, (_, index) => `"name-${index}":${index}`).join();
    const crowd = `{"resourceType":"Patient",${names}}`;
    const known = bothWaysOf(sampleConfiguration('R4'), 'R4');
    known.compare('{"resourceType":"Patient","id":"a","gender":"male"}');
    known.compare(crowd);
    const full = new JsonTape();
    expect(full.read(Buffer.from('{"nobody":1}'))).toBe(true);
    expect(full.name(full.first(full.root))).toBe(UNRESOLVED_NAME);
    expect(known.compare('{"resourceType":"Patient","id":"b","gender":"male"}')).toBe(true);
    // Of a type, and with rules, that were not met before: their own names are not told either.
    const configuration = JSON.stringify({
      fhirPathRules: [
        { path: "MolecularSequence.quality.score.where(comparator = '<').unit", method: 'redact' },
        { path: "nodesByType('Reference').where(display = 'someone')", method: 'redact' },
        { path: 'MolecularSequence.contained', method: 'redact' },
      ],
      parameters: { dateShiftScope: 'patient', dateShiftKey: 'k' },
    });
    const fresh = bothWaysOf(configuration, 'R4');
    for (const text of [
      '{"resourceType":"MolecularSequence","coordinateSystem":1,"specimen":{"display":"someone","reference":"S/1"}}',
      '{"resourceType":"MolecularSequence","quality":[{"score":{"comparator":"<","unit":"u","value":1.0}}]}',
      '{"resourceType":"MolecularSequence","observedSeq":"x","_observedSeq":{"id":"s"},"readCoverage":2}',
      '{"resourceType":"MolecularSequence","contained":[{"resourceType":"Patient"}],"pointer":[{"display":"x"}]}',
      '{"resourceType":"MolecularSequence","nobody":"someone","id":"x"}',
    ])
      fresh.compare(text);
  });
});
