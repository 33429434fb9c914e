import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileEngine } from '../../../functions/deid/compileEngine.js';
import type { FhirNode } from '../../../functions/deid/model/node.js';
import { anonymizeText, type AnonymizeResult } from '../../../functions/deid/run/anonymizeText.js';
import { EngineReport } from '../../../functions/deid/run/report.js';
import { Trace } from '../../../functions/deid/run/trace.js';
import { isJsonObject, parseJson, type JsonValue } from '../../../functions/json/json.js';
import type { FhirVersion } from '../../../functions/fhir/fhirVersion.js';
import { randomlyAtCost, SEED } from '../../random.js';
import { expectSame } from '../bothWays.js';
import { Choices, ConfigurationGenerator, ResourceGenerator } from '../generate.js';
import { comparable, configurationOf, engineOptions } from '../shared.js';

const TYPES = ['Patient', 'Observation', 'Encounter', 'Bundle', 'Condition'];

/** Bytes that do not depend on how often they were asked for. */
const sameBytes = (size: number): Uint8Array => new Uint8Array(size).fill(0x5a);

/** What a path as `name[0].given[1]` leads to. */
function valueAtPath(json: JsonValue, path: string): JsonValue | undefined {
  let at: JsonValue | undefined = json;
  for (const [step] of path.matchAll(/[^.[\]]+/g)) {
    if (Array.isArray(at)) at = at[Number(step)];
    // One value where several may be is taken for a list of one.
    else if (step === '0') continue;
    else at = isJsonObject(at) && Object.hasOwn(at, step) ? at[step] : undefined;
  }
  return at;
}

/** A path of a primitive's sibling. */
function siblingPath(path: string): string {
  return path.replace(/([^.[\]]+)(\[\d+\])?$/, '_$1$2');
}

function outcomeOf(result: AnonymizeResult): unknown {
  return result.outcome === 'failed' ? result.failure : comparable(parseJson(result.line));
}

/** All elements of the input. */
function* elementsOf(trace: Trace, node = trace.root): Generator<FhirNode> {
  if (node === undefined) return;
  yield node;
  for (const child of trace.originalChildren(node)) yield* elementsOf(trace, child);
}

describe(`a traced run (TEST_SEED=${SEED})`, () => {
  it.each<[FhirVersion, number]>([
    ['R4', 5],
    ['R4', 30],
    ['STU3', 10],
    ['R5', 10],
  ])('of %s gives what any other gives, with %i in a hundred members hostile', (version, hostility) => {
    fc.assert(
      fc.property(fc.gen(), (generate) => {
        const choices = new Choices(generate);
        const text = new ConfigurationGenerator(choices, version, TYPES).configuration();
        const configuration = configurationOf(text, version);
        const engine = compileEngine(configuration, { ...engineOptions(version), randomBytes: sameBytes });
        const resources = new ResourceGenerator(choices, version, hostility);
        for (let each = 0; each < 6; each++) {
          const json = resources.resource(choices.of(TYPES));
          const [plain, traced] = [new EngineReport(), new EngineReport()];
          const trace = new Trace();
          const expected = anonymizeText(engine, json, {}, plain);
          const result = anonymizeText(engine, json, { trace, isByTree: true }, traced);
          const about = `${text}\n${json}`;
          expectSame(outcomeOf(result), outcomeOf(expected), about);
          expectSame(traced.types, plain.types, about);
          expectSame(traced.labels, plain.labels, about);
          if (result.outcome === 'failed') continue;
          expectPlaces(trace, parseJson(json), parseJson(result.line), about);
        }
      }),
      randomlyAtCost(8),
    );
  });

  it('names the first rule that reached an element, and where the element is before and after', () => {
    const configuration = configurationOf(
      JSON.stringify({
        fhirPathRules: [
          { path: 'Patient.name.given', method: 'keep' },
          { path: 'Patient.name', method: 'redact' },
          { path: "Patient.contact.where(gender = 'male')", method: 'remove' },
          { path: 'Patient.address', method: 'substitute', replaceWith: { city: 'City' } },
        ],
      }),
      'R4',
    );
    const trace = new Trace();
    const result = anonymizeText(
      compileEngine(configuration, engineOptions('R4')),
      JSON.stringify({
        resourceType: 'Patient',
        name: [{ family: 'A' }, { family: 'B', given: ['C', null, 'D'] }],
        address: [{ city: 'E', line: ['F'] }],
        contact: [{ gender: 'male' }, { gender: 'female' }],
      }),
      { trace, isByTree: true },
    );
    expect(result.outcome).toBe('anonymized');
    const rows = [...elementsOf(trace)].map((node) => [
      trace.inputPath(node),
      trace.ruleOf(node)?.index,
      trace.outputPath(node),
    ]);
    expect(rows).toEqual([
      ['', undefined, ''],
      ['name[0]', 1, undefined],
      ['name[0].family', 1, undefined],
      ['name[1]', 1, 'name[0]'],
      ['name[1].family', 1, undefined],
      ['name[1].given[0]', 0, 'name[0].given[0]'],
      ['name[1].given[2]', 0, 'name[0].given[1]'],
      ['address[0]', 3, 'address[0]'],
      ['address[0].city', 3, 'address[0].city'],
      ['address[0].line[0]', 3, undefined],
      ['contact[0]', 2, undefined],
      ['contact[0].gender', 2, undefined],
      ['contact[1]', undefined, 'contact[0]'],
      ['contact[1].gender', undefined, 'contact[0].gender'],
    ]);
  });
});

/** Each element is where the trace says, and what no rule decided is as it came. */
function expectPlaces(trace: Trace, input: JsonValue, output: JsonValue, about: string): void {
  for (const node of elementsOf(trace)) {
    const path = trace.inputPath(node) ?? '';
    const came = valueAtPath(input, path);
    expectSame((came ?? valueAtPath(input, siblingPath(path))) !== undefined, true, `${path}\n${about}`);
    const after = trace.outputPath(node);
    if (after === undefined || node.type.primitive === null || trace.ruleOf(node) !== undefined) continue;
    const went = valueAtPath(output, after) ?? null;
    // A value that its type does not have is left out, and what was no list becomes one.
    if (went !== null)
      expectSame(comparable(went), comparable([came].flat()[0] ?? null), `${path}\n${about}`);
  }
}
