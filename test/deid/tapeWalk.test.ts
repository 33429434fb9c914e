import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { compileEngine } from '../../functions/deid/compileEngine.js';
import type { Engine, FhirVersion } from '../../functions/deid/engine.js';
import { isJsonObject, parseJson, stringifyJson, type JsonObject } from '../../functions/json/json.js';
import { JsonTape, OBJECT } from '../../functions/json/jsonTape.js';
import { LineBuffer } from '../../functions/json/lineBuffer.js';
import { readSearchPage } from '../../functions/export/source/searchPage.js';
import { Choices, ConfigurationGenerator, ResourceGenerator } from './generate.js';
import { configurationOf, engineOptions } from './shared.js';

const SEED = Number(process.env['SEED'] ?? 20261125);
const VERSIONS: readonly FhirVersion[] = ['STU3', 'R4', 'R4B', 'R5'];
const TYPES = ['Patient', 'Observation', 'Encounter', 'Claim', 'Condition'];

/** Two engines that are asked in different orders, and still draw the same bytes. */
function engines(configuration: string, version: FhirVersion): [Engine, Engine] {
  const options = {
    ...engineOptions(version),
    randomBytes: (size: number) => new Uint8Array(size).fill(0x5a),
  };
  const read = configurationOf(configuration, version);
  return [compileEngine(read, options), compileEngine(read, options)];
}

function sampleConfiguration(version: FhirVersion): string {
  const url = new URL(
    `../../local/configurations/hipaa-safe-harbor-${version.toLowerCase()}.json`,
    import.meta.url,
  );
  return readFileSync(url, 'utf8');
}

/** Every object of a JSON text, as where it begins and where its members do. */
function objectsIn(text: string): { start: number; members: { start: number; end: number }[] }[] {
  const tape = new JsonTape();
  expect(tape.read(Buffer.from(text, 'utf8'))).toBe(true);
  const objects: { start: number; members: { start: number; end: number }[] }[] = [];
  const visit = (node: number): void => {
    const members: { start: number; end: number }[] = [];
    if (tape.kind(node) === OBJECT) objects.push({ start: tape.start(node), members });
    for (let inner = tape.first(node); inner < tape.after(node); inner = tape.after(inner)) {
      let start = tape.start(inner);
      if (tape.kind(node) === OBJECT) while (!/[{,]/.test(text[start - 1] ?? '')) start--;
      members.push({ start, end: tape.end(inner) });
      visit(inner);
    }
  };
  visit(tape.root);
  return objects;
}

/** The resource in a form that says the same, or that a careless reader takes for something else. */
function disguised(text: string, choices: Choices): string {
  // Positions are those of bytes, so what is not ASCII is escaped.
  const plain = text.replace(/[^ -~]/g, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
  const objects = objectsIn(plain).filter(({ members }) => members.length > 0);
  if (objects.length === 0) return plain;
  const { start, members } = choices.of(objects);
  const member = choices.of(members);
  const piece = plain.slice(member.start, member.end);
  const insert = (what: string): string => `${plain.slice(0, start + 1)}${what},${plain.slice(start + 1)}`;
  switch (
    choices.of(['twice', 'other value', 'escaped', 'escaped twin', 'unknown twins', 'reversed', 'as it is'])
  ) {
    case 'twice':
      return insert(piece);
    case 'other value':
      return insert(piece.replace(/:.*$/s, ':"someone"'));
    case 'escaped':
      return plain.slice(0, member.start) + escapedName(piece) + plain.slice(member.end);
    case 'escaped twin':
      return insert(escapedName(piece));
    case 'unknown twins':
      return insert('"surname":"someone","surname":{"é":"someone"}');
    case 'reversed':
      return stringifyJson(reversed(parseJson(plain) as JsonObject));
    default:
      return plain;
  }
}

function escapedName(member: string): string {
  return member.replace(/^(\s*")(.)/s, (_, quote: string, first: string) =>
    first === '\\' ? quote + first : `${quote}\\u${first.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function reversed(json: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(json)
      .reverse()
      .map(([key, value]) => [key, isJsonObject(value) ? reversed(value) : value]),
  );
}

describe(`resources on a tape (seed ${SEED})`, () => {
  console.log(`SEED=${SEED}`);
  let taken = 0;
  let all = 0;

  /** Asserts that both ways give one line, or that the tape has left the resource alone. */
  function compare(text: string, [byObject, byTape]: [Engine, Engine]): void {
    const bytes = Buffer.from(text);
    const tape = new JsonTape();
    const line = new LineBuffer();
    expect(tape.read(bytes)).toBe(true);
    all++;
    if (!byTape.anonymizeTape({ tape, node: tape.root, bytes }, line)) {
      expect(line.length).toBe(0);
      return;
    }
    taken++;
    const expected = byObject.anonymize(parseJson(text) as JsonObject);
    expect([line.slice(0, line.length).toString(), text]).toEqual([
      expected.outcome === 'anonymized' ? expected.line : expected.failure.code,
      text,
    ]);
  }

  it.each(VERSIONS)(
    'of %s are read as a parser reads them, however they are written',
    (version) => {
      const sample = engines(sampleConfiguration(version), version);
      fc.assert(
        fc.property(fc.gen(), (generate) => {
          const choices = new Choices(generate);
          const own = new ConfigurationGenerator(choices, version, TYPES).configuration();
          const resources = new ResourceGenerator(choices, version, 1);
          for (const pair of [sample, engines(own, version)]) {
            for (let each = 0; each < 6; each++)
              compare(disguised(resources.resource(choices.of(TYPES)), choices), pair);
          }
        }),
        { numRuns: 150, seed: SEED, endOnFailure: true },
      );
    },
    60_000,
  );

  it('were on it often enough', () => {
    console.log(`${taken} of ${all} were taken`);
    expect(taken / all).toBeGreaterThan(0.1);
  });

  it('do not know of each other on a page', () => {
    const configuration = sampleConfiguration('R4');
    const [byObject, byTape] = engines(configuration, 'R4');
    fc.assert(
      fc.property(fc.gen(), (generate) => {
        const choices = new Choices(generate);
        const resources = new ResourceGenerator(choices, 'R4', 5);
        const type = choices.of(TYPES);
        const texts = Array.from({ length: 5 }, () => resources.resource(type));
        const entries = texts.map((text) => `{"resource":${text},"search":{"mode":"match"}}`);
        const page = readSearchPage(
          Buffer.from(`{"resourceType":"Bundle","entry":[${entries.join()}]}`),
          type,
        );
        page.rows.forEach((row, place) => {
          const line = new LineBuffer();
          if (row.json === undefined || !byTape.anonymizeTape(row.json, line)) return;
          const expected = byObject.anonymize(parseJson(texts[place] ?? '') as JsonObject);
          expect(line.slice(0, line.length).toString()).toBe(
            expected.outcome === 'anonymized' ? expected.line : expected.failure.code,
          );
        });
        const [row] = page.rows;
        page.release?.();
        expect(row?.json !== undefined && byTape.anonymizeTape(row.json, new LineBuffer())).toBe(false);
        expect(() => row?.resource()).toThrow('released');
      }),
      { numRuns: 200, seed: SEED, endOnFailure: true },
    );
  });
});
