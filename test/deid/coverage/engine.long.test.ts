import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { objectEngine } from '../bothWays.js';
import type { Configuration } from '../../../functions/deid/configuration/configuration.js';
import { coverageOf } from '../../../functions/deid/coverage/coverage.js';
import { identityOf } from '../../../functions/deid/coverage/identities.js';
import { reachOf } from '../../../functions/deid/coverage/reach.js';
import type { FhirVersion } from '../../../functions/fhir/fhirVersion.js';
import { FhirModel } from '../../../functions/deid/model/fhirModel.js';
import type { FhirType } from '../../../functions/deid/model/types.js';
import { isJsonObject, parseJson, type JsonObject, type JsonValue } from '../../../functions/json/json.js';
import { Choices, ConfigurationGenerator } from '../generate.js';
import { configurationOf, engineOptions } from '../shared.js';
import { randomlyAtCost, runs, SEED } from '../../random.js';

const VERSIONS: FhirVersion[] = ['STU3', 'R4', 'R4B', 'R5'];

type Rule = { path: string; method: string; [setting: string]: unknown };

const ALL: Rule = { path: 'Resource', method: 'redact' };

/** A resource that has of all a share, every value another one. */
class TokenResource {
  readonly #choices: Choices;
  readonly #model: FhirModel;
  #next = 100;
  readonly tokens = new Set<string>();

  constructor(choices: Choices, model: FhirModel) {
    this.#choices = choices;
    this.#model = model;
  }

  resource(name: string, depth = 0): JsonObject {
    const type = this.#model.resource(name);
    return type === undefined ? {} : { resourceType: name, ...this.#object(type, depth) };
  }

  #object(type: FhirType, depth: number): JsonObject {
    const json: JsonObject = {};
    const names = new Set<string>();
    for (const { key, name, type: of, repeats } of type.elements.values()) {
      if (names.has(name) || !this.#choices.chance([60, 40, 30, 25][depth] ?? 15)) continue;
      names.add(name);
      const item = this.#item(of, depth);
      if (item !== undefined) json[key] = repeats ? [item] : item;
      const hasSibling = of !== null && of.primitive !== null && depth < 3 && this.#choices.chance(10);
      if (hasSibling) {
        const sibling = this.#object(of, depth + 2);
        json[`_${key}`] = repeats ? [sibling] : sibling;
      }
    }
    return json;
  }

  #item(type: FhirType | null, depth: number): JsonValue | undefined {
    if (type === null)
      return depth > 2 ? undefined : this.resource(this.#choices.of(['Patient', 'Organization']), depth + 2);
    if (type.primitive === null) return depth > 4 ? undefined : this.#object(type, depth + 1);
    const at = this.#next++;
    const value = valueOf(type, at);
    if (typeof value !== 'boolean') this.tokens.add(String(value));
    return value;
  }
}

function valueOf(type: FhirType, at: number): JsonValue {
  switch (type.primitive) {
    case 'boolean':
      return true;
    case 'integer':
    case 'decimal':
      return at;
    case 'date':
    case 'dateTime':
      return new Date(Date.UTC(1950, 0, 10 * at)).toISOString().slice(0, 10);
    case 'time':
      return new Date(at * 1000).toISOString().slice(11, 19);
    case 'string':
    case null:
      return `tok${String(at).padStart(5, '0')}`;
  }
}

/** The elements of an output that hold a token and have to be cleared: by definition and by place. */
function leftIn(
  json: JsonValue | undefined,
  type: FhirType,
  place: string,
  tokens: ReadonlySet<string>,
  model: FhirModel,
): [definition: string, place: string][] {
  if (!isJsonObject(json)) return [];
  const left: [string, string][] = [];
  for (const [key, member] of Object.entries(json)) {
    const element = type.elements.get(key.replace(/^_/, ''));
    if (element === undefined) continue;
    const identity = identityOf(element);
    for (const item of Array.isArray(member) ? member : [member]) {
      if (isJsonObject(item)) {
        const inner = element.type ?? model.resource(String(item['resourceType']));
        if (inner !== undefined) left.push(...leftIn(item, inner, inner.isResource ? inner.name : element.path, tokens, model));
      } else if (identity?.needs === 'clearing' && tokens.has(String(item))) {
        left.push([`${type.path}.${element.key}`, `${place}.${element.key}`]);
      }
    }
  }
  return left;
} // prettier-ignore

function outputOf(configuration: Configuration, resource: JsonObject): JsonObject | undefined {
  const options = { ...engineOptions(configuration.fhirVersion), randomBytes: (size: number) => new Uint8Array(size) };
  const result = objectEngine(configuration, options).anonymize(resource);
  return result.outcome === 'failed' ? undefined : (parseJson(result.line) as JsonObject);
} // prettier-ignore

describe(`what the engine leaves is what coverage says (TEST_SEED=${SEED})`, () => {
  const types = ['Patient', 'Observation', 'Bundle', 'Organization', 'QuestionnaireResponse', 'Device'];

  it.each(VERSIONS)(
    'of %s, whatever the rules, and rules that never act do nothing',
    (version) => {
      const model = FhirModel.of(version);
      const found = { all: 0, complete: 0, left: 0, idle: 0 };
      fc.assert(
        fc.property(fc.gen(), (generate) => {
          const choices = new Choices(generate);
          const made = JSON.parse(
            new ConfigurationGenerator(choices, version, types).configuration(),
          ) as { fhirPathRules: Rule[]; parameters: JsonObject };
          if (choices.chance(50)) {
            const plain = made.fhirPathRules.filter(({ path, method }) => method !== 'generalize' && !path.includes('where'));
            made.fhirPathRules = [...plain, ALL];
          }
          // Of rules that are complete there are some in every run, whatever the seed.
          if (found.all++ % 5 === 0) {
            made.fhirPathRules = [...made.fhirPathRules.filter(({ method }) => method === 'redact'), ALL];
            made.parameters = {};
          }
          const keys = { cryptoHashKey: '', encryptKey: '', dateShiftKey: '' };
          Object.assign(made.parameters, { dateShiftFixedOffsetInDays: 3, ...keys });
          const configuration = configurationOf(JSON.stringify(made), version);
          const { isComplete, gaps } = coverageOf(configuration);
          const paths = new Set(gaps.flatMap((gap) => gap.paths));
          if (isComplete) found.complete++;
          const idle = new Set(reachOf(configuration).idle.map(({ rule }) => rule));
          const rules = configuration.rules.filter(({ index }) => !idle.has(index));
          for (let each = 0; each < 3; each++) {
            const maker = new TokenResource(choices, model);
            const name = choices.of(types);
            const resource = maker.resource(name);
            const output = outputOf(configuration, resource);
            const type = model.resource(name);
            if (output === undefined || type === undefined) continue;
            for (const [definition, place] of leftIn(output, type, name, maker.tokens, model)) {
              found.left++;
              expect(paths.has(definition) || paths.has(place), `${place} ${JSON.stringify(made)}`).toBe(true);
            }
            if (idle.size === 0) continue;
            found.idle++;
            expect(outputOf({ ...configuration, rules }, resource), JSON.stringify(made)).toEqual(output);
          }
        }),
        randomlyAtCost(25),
      );
      console.log(version, found);
      expect(found.complete).toBeGreaterThan(runs(2));
      expect(found.left).toBeGreaterThan(runs(100));
      expect(found.idle).toBeGreaterThan(runs(2));
    },
  ); // prettier-ignore
});
