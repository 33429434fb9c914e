import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileExpression, evaluate } from '../../../functions/deid/expression/evaluate.js';
import { valueText } from '../../../functions/deid/expression/conversions.js';
import { parseFhirPath } from '../../../functions/deid/expression/parser.js';
import { Decimal, Long, Quantity } from '../../../functions/deid/values/values.js';
import { conversionFactor } from '../../../functions/deid/values/ucum.js';
import type { Item } from '../../../functions/deid/expression/collection.js';
import { FhirModel } from '../../../functions/deid/model/fhirModel.js';
import { FhirNode } from '../../../functions/deid/model/node.js';
import { primitiveText } from '../../../functions/deid/model/primitive.js';
import { isJsonObject, parseJson } from '../../../functions/json/json.js';
import { readFileSync } from 'node:fs';
import { NOW, hasShared, readText } from '../shared.js';
import { randomly } from '../../random.js';

/** What the reference's FHIRPath library gave: `[type, text]` of each item, or an error. */
interface Row {
  resource: string;
  expression: string;
  values?: [type: string, text: string][];
  error?: boolean;
}

const isThere = hasShared('goldens/fhirpath');
const rows = isThere
  ? readText('goldens', 'fhirpath', 'quantities-dates-r4.jsonl')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Row)
  : [];

/** Where ours differs on purpose: decimals count to their last digit; there, to eight places. */
const DIFFERENT: Readonly<Record<string, string>> = {
  '1.000000001 = 1.000000002': 'Boolean false',
  '1.000000001 < 1.000000002': 'Boolean true',
  '0.123456789 = 0.1234567891': 'Boolean false',
};

function typed(item: Item): string {
  if (item instanceof FhirNode) {
    return `${item.type.name} ${item.value === undefined ? 'null' : primitiveText(item.value)}`;
  }
  if (typeof item === 'string') return `String ${item}`;
  if (typeof item === 'boolean') return `Boolean ${item}`;
  if (typeof item === 'bigint') return `Integer ${item}`;
  if (item instanceof Long) return `Long ${item.value}`;
  if (item instanceof Decimal) return `Decimal ${item.toString()}`;
  return `${item instanceof Quantity ? 'Quantity' : item.kind} ${valueText(item)}`;
}

function outcome({ resource, expression }: Row): string {
  const json = parseJson(resource);
  const context = { model: FhirModel.of('R4'), onDropped: () => undefined };
  const root = isJsonObject(json) ? FhirNode.ofResource(context, json) : undefined;
  if (root === undefined) throw new Error('not a resource');
  try {
    const environment = { resource: root, rootResource: root, now: NOW };
    const items = evaluate(compileExpression(parseFhirPath(expression)), [root], environment);
    return items.map(typed).join('\n');
  } catch {
    return 'error';
  }
}

describe.runIf(isThere)("quantities, decimals and partial dates as the reference's", () => {
  it.each(rows.map((row) => [row.expression, row] as const))('%s', (expression, row) => {
    const there = row.error
      ? 'error'
      : (row.values ?? []).map(([type, text]) => `${type} ${text}`).join('\n');
    expect(outcome(row)).toBe(DIFFERENT[expression] ?? there);
  });
});

/**
 * Durations, date arithmetic and decimals as Firely's Hl7.FhirPath 6.5.0 gave them: expression, tab, result. Of that
 * version nothing is here that converts units, which it does not do, unlike the reference's.
 */
const ownRows = readFileSync(new URL('firely-6.5.0.tsv', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => line.split('\t') as [expression: string, result: string]);

it('durations, dates and decimals give what Firely gave', () => {
  const different: string[] = [];
  for (const [expression, expected] of ownRows) {
    const here = outcome({ resource: '{"resourceType":"Patient","id":"p"}', expression }) || '{}';
    if (here !== expected) different.push(`${expression}: ${here}, not ${expected}`);
  }
  expect(different).toEqual([]);
});

const UNITS = [
  'kg',
  'g',
  'mg',
  '[lb_av]',
  'mmol/L',
  'umol/L',
  'mm[Hg]',
  'kPa',
  '/min',
  '/s',
  '%',
  '1',
  'Cel',
  'a',
  'd',
  'x',
];
const quantities = fc
  .tuple(
    fc.bigInt({ min: -(10n ** 9n), max: 10n ** 9n }),
    fc.integer({ min: 0, max: 6 }),
    fc.constantFrom(...UNITS),
  )
  .map(([coefficient, scale, unit]) => new Quantity(new Decimal(coefficient, scale), unit));

function sign(difference: number | null): number | null {
  return difference === null ? null : Math.sign(difference) + 0;
}

const DURATIONS = new Set(['a', 'd']);

describe('quantities with units', () => {
  it('compare one way as the other', () => {
    fc.assert(
      fc.property(quantities, quantities, fc.boolean(), (one, two, isEquality) => {
        const back = sign(two.compare(one, isEquality));
        expect(sign(one.compare(two, isEquality))).toBe(back === null ? null : 0 - back);
      }),
      randomly(100),
    );
  });

  it('are equal to themselves after a conversion there and back', () => {
    fc.assert(
      fc.property(quantities, fc.constantFrom(...UNITS), (quantity, unit) => {
        const there = conversionFactor(quantity.unit, unit);
        const back = conversionFactor(unit, quantity.unit);
        fc.pre(there !== null && back !== null);
        const converted = new Quantity(quantity.value.times(there), unit);
        expect(quantity.compare(converted, true)).toBe(
          quantity.unit === unit || !DURATIONS.has(unit) ? 0 : null,
        );
      }),
      randomly(100),
    );
  });

  it.each([
    ['[lb_av]', 'kg', '0.45359237'],
    ['mmol/L', 'umol/L', '1000'],
    ['mm[Hg]', 'kPa', '0.133322'],
    ['10*3/uL', '10*6/uL', '0.001'],
    ['Cel', '[degF]', null],
    ['mmol/L', 'mg/dL', null],
    ['[IU]', 'mg', null],
    ['year', 'mo', null],
    ['kg', 'm', null],
    ['', 'kg', null],
    ['x', 'kg', null],
    ['('.repeat(10_000), 'kg', null],
  ])('one %s is so many %s: %s', (from, to, factor) => {
    expect(conversionFactor(from, to)?.toString() ?? null).toBe(factor);
  });
});

/** What .NET 10 made of divisions of its decimals, which have 96 bits and at most 28 places. */
const QUOTIENTS: [one: string, other: string, quotient: string][] = [
  ['91', '3', '30.333333333333333333333333333'],
  ['26', '3', '8.666666666666666666666666667'],
  ['1', '3', '0.3333333333333333333333333333'],
  ['9482803', '6.3794', '1486472.5522776436655484841835'],
  ['564404694', '46.37168', '12171322.971261770114863209614'],
  ['-19347621315.530', '-74084672.7027426', '261.15552123933126139665067431'],
  ['-8616370.0', '2085679104.4331348', '-0.004131205985468141757690762'],
  ['-14505', '753532038.15677', '-0.0000192493474271923124307013'],
  ['15728414288.988408', '2180.785', '7212271.8603568935039446804706'],
];

it.each(QUOTIENTS)('%s / %s is %s, to the last digit', (one, other, quotient) => {
  expect(String(Decimal.parse(one).dividedBy(Decimal.parse(other)))).toBe(quotient);
});
