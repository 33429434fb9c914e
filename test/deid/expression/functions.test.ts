import { describe, expect, it } from 'vitest';
import type { Collection, Item } from '../../../functions/deid/expression/collection.js';
import { compileExpression, evaluate } from '../../../functions/deid/expression/evaluate.js';
import {
  givesValue,
  selectsFromInput,
  type Argument,
  type FhirPathFunction,
  type ValueKind,
} from '../../../functions/deid/expression/functionRow.js';
import { FUNCTIONS } from '../../../functions/deid/expression/functions.js';
import { kindOfValue } from '../../../functions/deid/expression/comparisonTypes.js';
import { parseFhirPath } from '../../../functions/deid/expression/parser.js';
import { Decimal, FhirPathError, Quantity, Temporal } from '../../../functions/deid/values/values.js';
import { FhirModel } from '../../../functions/deid/model/fhirModel.js';
import { FhirNode } from '../../../functions/deid/model/node.js';
import { isTotal } from '../../../functions/deid/plan/totality.js';
import { isJsonObject, parseJson } from '../../../functions/json/json.js';
import { NOW } from '../shared.js';

/** Arguments of each kind, none of which fails on any item. */
const ARGUMENTS: Readonly<Record<Argument, readonly string[]>> = {
  condition: ['true', "id = 'a'", '$this.exists()', '{} = 1'],
  projection: ['$this', 'given', 'children()'],
  recursion: ['given', 'children()'],
  branch: ['true', 'false', '$this', '{}'],
  type: ['HumanName', 'string', 'System.String'],
  collection: ['$this', '{}', "'a' | 1", 'name'],
  string: ["'a'", "''", "'hex'", "'html'", "'HumanName'", "'name'"],
  integer: ['0', '1', '-1', '99'],
  number: ['0', '2', '0.5'],
  pattern: ["'a'", "'^(.)'"],
  replacement: ["'b'", "'$1'"],
};

const patient = rootOf(
  '{"resourceType":"Patient","id":"a","active":true,"birthDate":"1970-01-02","multipleBirthInteger":2,' +
    '"name":[{"use":"official","family":"Ånn","given":["a","b","a"]},{"_family":{"id":"x"}},{"use":"official"}],' +
    '"extension":[{"url":"a","valueDecimal":1.50},{"url":"b","valueQuantity":{"value":3,"code":"kg"}}],' +
    '"contained":[{"resourceType":"Observation","id":"a"}]}',
);

function rootOf(json: string): FhirNode {
  const object = parseJson(json);
  const context = { model: FhirModel.of('R4'), onDropped: (path: string) => expect.fail(path) };
  const root = isJsonObject(object) ? FhirNode.ofResource(context, object) : undefined;
  return root ?? expect.fail('not a resource');
}

const at = (path: string): Collection => run(path, [patient]);

function run(path: string, input: Collection): Collection {
  const environment = { resource: patient, rootResource: patient, now: NOW };
  return evaluate(compileExpression(parseFhirPath(path)), input, environment);
}

const INPUTS: readonly Collection[] = [
  [],
  [patient],
  at('name'),
  at('name.first()'),
  at('name.family'),
  at('name.given'),
  at('active'),
  at('birthDate'),
  at('multipleBirth'),
  at('extension.value'),
  at('extension.value.ofType(Quantity)'),
  ['a'],
  ['', '1'],
  ['true'],
  ['61'],
  ['10:11:12'],
  [true, false],
  [true],
  [-3n],
  [1n, 1n, 'a'],
  [new Decimal(25n, 1)],
  [new Quantity(new Decimal(1n, 0), 'mg'), new Quantity(new Decimal(2n, 0), 's')],
  [Temporal.today(NOW), Temporal.fromInstant(NOW)],
];

/** Calls of a function with arguments of the kinds that it takes, as few and as many as it may have. */
function callsOf({ name, arity: [least, most], kinds }: FhirPathFunction): string[] {
  let lists: string[][] = [[]];
  const calls: string[] = [];
  for (let count = 0; count <= most; count++) {
    if (count >= least) calls.push(...lists.map((list) => `${name}(${list.join(', ')})`));
    const kind = kinds[count];
    if (kind !== undefined)
      lists = lists.flatMap((list) => ARGUMENTS[kind].map((argument) => [...list, argument]));
  }
  return calls;
}

function kindOf(item: Item): ValueKind | 'element' {
  return item instanceof FhirNode ? 'element' : kindOfValue(item);
}

describe('what the table says of a FHIRPath function is so:', () => {
  it.each([...FUNCTIONS.values()].map((row) => [row.name, row] as const))('%s()', (_name, row) => {
    const given: Item[] = [];
    for (const call of callsOf(row)) {
      for (const input of INPUTS) {
        let result: Collection;
        try {
          result = run(call, input);
        } catch (error) {
          expect(error, call).toBeInstanceOf(FhirPathError);
          expect(row.fails, `${call} on ${input.length} items`).not.toBe('never');
          if (row.fails === 'on several items') expect(input.length, call).toBeGreaterThan(1);
          continue;
        }
        if (givesValue(row.gives))
          expect(new Set(result.map(kindOf)), call).toEqual(new Set(result.length === 0 ? [] : [row.gives]));
        if (selectsFromInput(row) && input.length === 0) expect(result, call).toEqual([]);
        if (row.gives === 'same') expect(result, call).toEqual(input);
        if (row.gives === 'some' || row.gives === 'typed')
          for (const item of result) expect(input, call).toContain(item);
        given.push(...result);
      }
    }
    // A function that gives nothing for any of these was not looked at.
    expect(given.length).toBeGreaterThan(0);
  });
});

describe('a condition that counts as one that never fails', () => {
  const conditions = [...FUNCTIONS.values()].flatMap((row) => [
    ...callsOf(row),
    ...callsOf(row).map((call) => `name.${call}`),
    ...callsOf(row).map((call) => `name.${call} = name.given`),
    ...callsOf(row).map((call) => `name.where(${call}).exists()`),
    ...callsOf(row).map((call) => `name.exists().${call}`),
  ]);
  const total = conditions.filter((condition) => isTotal(parseFhirPath(condition)));

  it('is one of more than a hundred of these', () => {
    expect(total.length).toBeGreaterThan(150);
    expect(total).not.toContain('not()');
  });

  it('fails on nothing', () => {
    for (const condition of total)
      for (const input of INPUTS) expect(() => run(condition, input), condition).not.toThrow();
  });
});

it.each([
  ['extension(name.given).exists()', 'an argument that may be several texts'],
  ['name.single().exists()', 'several items where there may be one'],
  ['name.given.not()', 'several items as a condition'],
  ['name.where(given.upper() = name).exists()', 'a text of several items'],
])('%s may fail: %s', (condition) => {
  expect(isTotal(parseFhirPath(condition))).toBe(false);
});
