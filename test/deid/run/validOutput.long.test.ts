import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileEngine } from '../../../functions/deid/compileEngine.js';
import type { Engine } from '../../../functions/deid/run/engine.js';
import { anonymizeText, type AnonymizeResult } from '../../../functions/deid/run/anonymizeText.js';
import { firstInstantOf } from '../../../functions/deid/model/format.js';
import type { FhirVersion } from '../../../functions/fhir/fhirVersion.js';
import { parseJson, type JsonObject, type JsonValue } from '../../../functions/json/json.js';
import { JsonNumber, numberText } from '../../../functions/json/jsonNumber.js';
import { BothWays } from '../bothWays.js';
import { Choices, ConfigurationGenerator, ResourceGenerator } from '../generate.js';
import { HABITS, HardSpelling } from './hardSpelling.js';
import { configurationOf, engineOptions } from '../shared.js';
import { randomlyAtCost, SEED } from '../../random.js';

const VERSIONS: readonly FhirVersion[] = ['STU3', 'R4', 'R4B', 'R5'];
const TYPES = ['Patient', 'Observation', 'Encounter', 'Claim', 'Condition', 'Bundle', 'Parameters'];

/** The same rules with and without `validOutput`. */
function bothOutputs(text: string): { valid: string; plain: string } {
  const { parameters, ...rest } = JSON.parse(text) as { parameters: JsonObject };
  const of = (validOutput: boolean): string =>
    JSON.stringify({ ...rest, parameters: { ...parameters, validOutput } });
  return { valid: of(true), plain: of(false) };
}

function engine(text: string, version: FhirVersion): Engine {
  const options = { ...engineOptions(version), randomBytes: (size: number) => new Uint8Array(size).fill(90) };
  return compileEngine(configurationOf(text, version), options);
}

/** How often each value is at each path, as text. */
function leavesOf(result: AnonymizeResult): Map<string, number> {
  const leaves = new Map<string, number>();
  const visit = (value: JsonValue, path: string): void => {
    if (value instanceof JsonNumber || value === null || typeof value !== 'object') {
      if (value === null) return;
      const text =
        typeof value === 'number' || value instanceof JsonNumber ? numberText(value) : String(value);
      const leaf = `${path} ${text}`;
      leaves.set(leaf, (leaves.get(leaf) ?? 0) + 1);
    } else if (Array.isArray(value)) for (const item of value) visit(item, path);
    else for (const [name, member] of Object.entries(value)) visit(member as JsonValue, `${path}.${name}`);
  };
  if (result.outcome === 'anonymized') visit(parseJson(result.line), '');
  return leaves;
}

const MASKED =
  /\.extension\.(?:url http:\/\/hl7\.org\/fhir\/StructureDefinition\/data-absent-reason|valueCode masked)$/;

/** Values that are there with `validOutput` and would not be without. */
function added(valid: AnonymizeResult, plain: AnonymizeResult): string[] {
  const without = leavesOf(plain);
  const instants = new Map<string, number>();
  for (const [leaf, count] of without) {
    const [, path, date] = /^(\S+) ([0-9]{4}(?:-[0-9]{2}){0,2})$/.exec(leaf) ?? [];
    if (path === undefined || date === undefined) continue;
    const instant = `${path} ${firstInstantOf(date)}`;
    instants.set(instant, (instants.get(instant) ?? 0) + count);
  }
  // A text in the place of a boolean becomes one.
  const lower = new Map([...without].map(([leaf, count]) => [leaf.toLowerCase(), count]));
  return [...leavesOf(valid)]
    .filter(([leaf, count]) => {
      const expected = (without.get(leaf) ?? 0) + (instants.get(leaf) ?? 0);
      return !MASKED.test(leaf) && count > expected && count > (lower.get(leaf) ?? 0);
    })
    .map(([leaf]) => leaf);
}

describe(`with validOutput, whatever the rules and the resource (TEST_SEED=${SEED})`, () => {
  it('nothing is there that is not there without it, but marks and first instants of dates', () => {
    fc.assert(
      fc.property(fc.gen(), (generate) => {
        const choices = new Choices(generate);
        const version = choices.of(VERSIONS);
        const text = new ConfigurationGenerator(choices, version, TYPES).configuration();
        const { valid, plain } = bothOutputs(text);
        const engines = [engine(valid, version), engine(plain, version)] as const;
        const resources = new ResourceGenerator(choices, version, 10);
        for (let count = 0; count < 6; count++) {
          const json = resources.resource(choices.of(TYPES));
          const [one, other] = engines.map((made) => anonymizeText(made, json)) as [
            AnonymizeResult,
            AnonymizeResult,
          ];
          // Nothing fails that does not fail with it.
          if (one.outcome === 'anonymized') expect(other.outcome, `${text}\n${json}`).toBe('anonymized');
          expect(added(one, other), `${version} ${text}\n${json}`).toEqual([]);
        }
      }),
      randomlyAtCost(100),
    );
  });

  it('both engines leave the same of resources in hard spellings', () => {
    fc.assert(
      fc.property(fc.gen(), (generate) => {
        const choices = new Choices(generate);
        const version = choices.of(VERSIONS);
        const text = new ConfigurationGenerator(choices, version, TYPES).configuration();
        const both = new BothWays(configurationOf(bothOutputs(text).valid, version), engineOptions(version));
        const resources = new ResourceGenerator(choices, version, 5);
        for (let count = 0; count < 4; count++) {
          const resource = parseJson(resources.resource(choices.of(TYPES))) as JsonObject;
          const spelling = new HardSpelling(choices, [choices.of(HABITS), choices.of(HABITS)]);
          both.compare(spelling.resource(resource));
        }
      }),
      randomlyAtCost(100),
    );
  });
});
