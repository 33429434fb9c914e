import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import fhirpath from 'fhirpath';
import r4 from 'fhirpath/fhir-context/r4';
import stu3 from 'fhirpath/fhir-context/stu3';
import { describe, expect, it } from 'vitest';
import { parseJson, type JsonObject } from '../../functions/deid/json.js';
import { FhirModel } from '../../functions/deid/model/fhirModel.js';
import type { FhirType } from '../../functions/deid/model/types.js';
import { Choices } from './generate.js';
import { comparable, engineOf, filesIn, hasShared, readText } from './shared.js';

const SEED = Number(process.env['SEED'] ?? 20261121);
const RUNS = 150;
const RESOURCES_PER_CONFIGURATION = 6;

/**
 * A second engine, as plain as can be: each rule's path goes to `fhirpath` with the whole resource, the elements it
 * selects are found again by their places, and one after the other is changed. It knows three methods, and only
 * resources and paths on which `fhirpath` and the reference agree (no primitives without values, no conditions that
 * see what earlier rules changed).
 */
interface PlainRule {
  path: string;
  method: 'redact' | 'cryptoHash' | 'keep';
}

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
type Place = readonly (string | number)[];

function plainly(rules: readonly PlainRule[], resource: Json, model: typeof r4): Json {
  const original = structuredClone(resource);
  const result = structuredClone(resource);
  const decided = new Set<string>();
  let redacted = false;
  let hashed = false;
  for (const { path, method } of rules) {
    for (const place of placesOf(path, original, model)) {
      for (const leaf of leavesOf(at(original, place), place)) {
        const key = leaf.join('/');
        if (decided.has(key)) continue;
        decided.add(key);
        if (method === 'keep' || leaf.at(-1) === 'resourceType') continue;
        const parent = at(result, leaf.slice(0, -1)) as Record<string | number, Json>;
        const name = leaf.at(-1) ?? '';
        if (method === 'redact') {
          redacted = true;
          parent[name] = null;
        } else {
          hashed = true;
          parent[name] = hash(at(original, leaf), leaf);
        }
      }
    }
  }
  const cleaned = (clean(result) ?? {}) as Record<string, Json>;
  const labels = [...(redacted ? [LABELS.redacted] : []), ...(hashed ? [LABELS.hashed] : [])];
  if (labels.length === 0) return cleaned;
  const meta = (cleaned['meta'] ?? {}) as Record<string, Json>;
  return { ...cleaned, meta: { ...meta, security: [...((meta['security'] ?? []) as Json[]), ...labels] } };
}

const SYSTEM = 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue';
const LABELS = {
  redacted: { system: SYSTEM, code: 'REDACTED', display: 'redacted' },
  hashed: { system: SYSTEM, code: 'CRYTOHASH', display: 'cryptographic hash function' },
};

const hmac = (value: string): string => createHmac('sha256', 'key').update(value).digest('hex');

function hash(value: Json | undefined, leaf: Place): string {
  const text = typeof value === 'object' ? '' : String(value);
  const reference = /^([A-Z][A-Za-z]+\/)([A-Za-z0-9.-]{1,64})$/.exec(text);
  if (leaf.at(-1) === 'reference' && reference !== null) return `${reference[1]}${hmac(reference[2] ?? '')}`;
  if (leaf.at(-1) === 'reference' && text.startsWith('#')) return `#${hmac(text.slice(1))}`;
  if (leaf.at(-1) === 'reference' && text.startsWith('urn:uuid:')) return `urn:uuid:${hmac(text.slice(9))}`;
  return hmac(text === 'true' ? 'True' : text === 'false' ? 'False' : text);
}

/** Where the elements that a path selects stand. `nodesByType` is spelled out: what `fhirpath` has comes nearest to it. */
function placesOf(path: string, resource: Json, model: typeof r4): Place[] {
  const type = /^nodesByType\('(\w+)'\)((?:\.\w+)?)$/.exec(path);
  const expression = type === null ? path : `descendants().ofType(FHIR.${type[1]})${type[2]}`;
  const found: Place[] = [];
  const capture = {
    capture: {
      fn: (nodes: { fullPropertyName(): string | null; getTypeInfo(): { name: string } }[]) => {
        for (const node of nodes) {
          if (type === null || type[2] !== '' || node.getTypeInfo().name === type[1])
            found.push(placeOf(resource, node.fullPropertyName() ?? ''));
        }
        return [];
      },
      arity: { 0: [] },
      internalStructures: true,
    },
  };
  fhirpath.evaluate(resource, `(${expression}).capture()`, {}, model, {
    userInvocationTable: capture as never,
  });
  return found;
}

/** `Patient.name[0].given` as steps, choices by their names in JSON; the type that comes first is the resource itself. */
function placeOf(resource: Json, path: string): Place {
  const place: (string | number)[] = [];
  for (const step of path
    .split(/[.[\]]+/)
    .filter((part) => part !== '')
    .slice(1)) {
    const names = Object.keys(at(resource, place) ?? {});
    const choice = names.find((name) => name.startsWith(step) && /^[A-Z]/.test(name.slice(step.length)));
    place.push(/^[0-9]+$/.test(step) ? Number(step) : names.includes(step) ? step : (choice ?? step));
  }
  return place;
}

function at(json: Json | undefined, place: Place): Json | undefined {
  let current: Json | undefined = json;
  for (const step of place) current = (current as Record<string | number, Json> | undefined)?.[step];
  return current;
}

/** Places of all values at and below a place, but for what belongs to resources inside. */
function leavesOf(json: Json | undefined, place: Place): Place[] {
  if (typeof json !== 'object' || json === null) return [place];
  return Object.entries(json)
    .filter(([name]) => name !== 'contained')
    .flatMap(([name, child]) => leavesOf(child, [...place, Array.isArray(json) ? Number(name) : name]));
}

function clean(json: Json): Json | undefined {
  if (json === null) return undefined;
  if (typeof json !== 'object') return json;
  if (Array.isArray(json)) {
    const items = json.map(clean).filter((item) => item !== undefined);
    return items.length === 0 ? undefined : items;
  }
  const members = Object.entries(json).flatMap(([name, child]) => {
    const left = clean(child);
    return left === undefined ? [] : [[name, left] as const];
  });
  return members.length === 0 ? undefined : Object.fromEntries(members);
}

/** Paths of the elements that a resource has; of choices and of `div`, an operator to `fhirpath`, none. */
function pathsIn(json: Json, type: FhirType, prefix: string, into: Set<string>): void {
  for (const item of Array.isArray(json) ? json : [json]) {
    if (typeof item !== 'object' || item === null || Array.isArray(item)) continue;
    for (const [key, child] of Object.entries(item)) {
      const element = type.elements.get(key);
      if (element?.type == null || element.name !== key || key === 'div') continue;
      into.add(`${prefix}.${key}`);
      pathsIn(child, element.type, `${prefix}.${key}`, into);
    }
  }
}

const TYPES = [
  'HumanName',
  'Address',
  'Coding',
  'CodeableConcept',
  'Identifier',
  'Period',
  'Reference',
  'Narrative',
  'dateTime',
  'instant',
  'date',
];

function generateRules(choices: Choices, paths: readonly string[]): PlainRule[] {
  const methods = ['redact', 'redact', 'cryptoHash', 'keep'] as const;
  // Conditions come first, where no rule has changed anything yet.
  const first = choices.of([
    [],
    ["Patient.name.where(use = 'official')"],
    ['Patient.identifier.where(system.exists() and value.exists()).value'],
    ['Encounter.type.where(coding.exists(code.exists())).text'],
  ]);
  const rest = Array.from({ length: 1 + choices.below(6) }, () =>
    choices.chance(50)
      ? choices.of(paths)
      : `nodesByType('${choices.of(TYPES)}')${choices.chance(30) ? `.${choices.of(['code', 'system', 'value', 'start', 'reference', 'url'])}` : ''}`,
  );
  return [...first, ...rest].map((path) => ({ path, method: choices.of(methods) }));
}

describe(`the compiled engine and a plain one on fhirpath (seed ${SEED})`, () => {
  it.each<['R4' | 'STU3', string, typeof r4]>([
    ['R4', 'synthea-r4', r4],
    ['STU3', 'synthea-stu3', stu3],
  ])(
    'agree on samples of %s',
    (version, folder, model) => {
      if (!hasShared(`samples/${folder}`)) return;
      const resources = filesIn('samples', folder).flatMap((file) =>
        readText('samples', folder, file).trim().split('\n').slice(0, 15),
      );
      // Decimals whose digits a double loses are another test's; choices are named without their type in paths.
      const usable = resources.filter((line) => !/"contained"|[0-9]\.[0-9]*0[,}]|"_/.test(line));
      const found = new Set<string>();
      for (const line of usable) {
        const resource = JSON.parse(line) as { resourceType: string } & Json;
        const type = FhirModel.of(version).resource(resource.resourceType);
        if (type !== undefined) pathsIn(resource, type, type.name, found);
      }
      const paths = [...found];
      let count = 0;
      fc.assert(
        fc.property(fc.gen(), (generate) => {
          const choices = new Choices(generate);
          const rules = generateRules(choices, paths);
          const engine = engineOf(
            JSON.stringify({ fhirPathRules: rules, parameters: { cryptoHashKey: 'key' } }),
            version,
          );
          for (let each = 0; each < RESOURCES_PER_CONFIGURATION; each++) {
            const line = choices.of(usable);
            const result = engine.anonymize(parseJson(line) as JsonObject);
            const type = (JSON.parse(line) as { resourceType: string }).resourceType;
            const own = rules.filter(({ path }) => path.startsWith('nodesBy') || path.startsWith(`${type}.`));
            const expected = plainly(own, JSON.parse(line) as Json, model);
            const actual = result.outcome === 'anonymized' ? parseJson(result.line) : result.failure.message;
            expect(comparable(actual), JSON.stringify({ rules: own, line })).toEqual(
              comparable(expected as JsonObject),
            );
            count++;
          }
        }),
        { seed: SEED, numRuns: RUNS, endOnFailure: !process.env['SHRINK'] },
      );
      expect(count).toBeGreaterThanOrEqual(RUNS * RESOURCES_PER_CONFIGURATION);
    },
    120_000,
  );
});
