import { isJsonObject, type JsonValue } from '../../json/json.js';
import { JsonNumber, numberFromText, numberText } from '../../json/jsonNumber.js';
import type { Collection } from '../expression/collection.js';
import { compileExpression, evaluate } from '../expression/evaluate.js';
import { valueText } from '../expression/conversions.js';
import { booleanOf } from '../expression/operators.js';
import type { Expression } from '../expression/syntax.js';
import { Decimal, FhirPathError, Temporal, type Value } from '../values/values.js';
import { FhirNode } from '../model/node.js';
import type { Primitive } from '../model/primitive.js';
import type { FhirType } from '../model/types.js';
import { checkedExpression, readExpression } from '../reading/expressions.js';
import { choice, type Setting, type SettingSite, type ValuesOf } from '../reading/settings.js';
import { dialect } from './dialect.js';
import type { Effect } from './effect.js';
import { GENERALIZED } from './labels.js';
import { method, type NodeMethod } from './method.js';
import { formOf } from './validWork.js';

/** One case: where `condition` holds of the value, `result` takes its place. */
interface Case {
  readonly condition: Expression;
  readonly result: Expression;
}

const cases: Setting<readonly Case[]> = (table, site) => {
  if (!isJsonObject(table)) {
    site.error('generalize needs cases: an object of FHIRPath conditions and results');
    return [];
  }
  const read: Case[] = [];
  for (const [key, value] of Object.entries(table)) {
    if (site.budget.isSpent || site.issues.isFull) break;
    const text = typeof value === 'number' || value instanceof JsonNumber ? numberText(value) : value;
    const condition = expressionIn(key, key, 'condition', site);
    const result = expressionIn(text, key, 'result', site);
    if (condition !== undefined && result !== undefined) read.push({ condition, result });
  }
  return read;
};

function expressionIn(
  value: JsonValue | undefined,
  key: string,
  part: string,
  site: SettingSite,
): Expression | undefined {
  const source = typeof value === 'boolean' ? String(value) : value;
  if (typeof source !== 'string' || source.trim() === '') {
    site.error(`The ${part} must be a FHIRPath expression in a string`, `["${key}"]`);
    return undefined;
  }
  return readExpression(
    () => checkedExpression(source, site.budget),
    `The ${part} is not a FHIRPath expression`,
    (problem) => site.error(problem, `["${key}"]`),
  );
}

const SETTINGS = { otherValues: choice('redact', 'keep'), cases };
type Values = ValuesOf<typeof SETTINGS>;

/** Replaces a value by the result of the first case whose condition holds. */
export const GENERALIZE = method({
  name: 'generalize',
  settings: SETTINGS,
  parameters: { dialect },
  dependsOnDialect: () => true,
  labels: [GENERALIZED],
  isForPrimitives: true,
  expressions: (settings) => settings.cases.flatMap(({ condition, result }) => [condition, result]),
  clears:
    'everything, if `otherValues` is `redact`, all results are constants (for dates: years), and the cases are 100 at most, each `true` or ranges of years or numbers (`$this >= @1980 and $this < @1990`); else in part: a table of values reveals which it was',
  effect: effectOf,
  prepare: ({ parameters }) => ({
    work: (settings) => {
      const generalize = generalizer(settings);
      // fhir-pseudonymizer leaves a complex element, such as an extension of a primitive, and goes on to what is in it.
      if (parameters.dialect !== 'miracum')
        return { ofValue: () => null, ofNode: () => generalize, isForPrimitives: true };
      return { ofValue: () => null, ofNode: ({ type }) => typed(generalize, type) };
    },
  }),
});

/** Most cases whose results are too few to distinguish values. */
const MAX_CASES = 100;

/**
 * A value can be concluded from a result that is made of it, from one that is as exact as a date, and from which case
 * held, unless the cases are ranges of years or numbers.
 */
function effectOf(settings: Values): Effect {
  const isConstant =
    settings.otherValues === 'redact' &&
    settings.cases.length <= MAX_CASES &&
    settings.cases.every(({ condition, result }) => isRange(condition) && isVague(result));
  return {
    key: `generalize ${isConstant}`,
    clearsAll: isConstant,
    clears: () => (isConstant ? 'full' : 'partial'),
  };
}

/** Whether a condition compares the value with years or numbers only, by their order. */
function isRange(condition: Expression): boolean {
  if (condition.kind === 'literal') return true;
  if (condition.kind !== 'binary') return false;
  const { operator, left, right } = condition;
  if (operator === 'and' || operator === 'or') return isRange(left) && isRange(right);
  if (!['<', '<=', '>', '>='].includes(operator)) return false;
  return (left.kind === 'this' && isLimit(right)) || (right.kind === 'this' && isLimit(left));
}

function isLimit(limit: Expression): boolean {
  if (limit.kind !== 'literal' || limit.value === null) return false;
  const { value } = limit;
  if (typeof value === 'bigint' || value instanceof Decimal) return true;
  return value instanceof Temporal && /^\d{4}(?:-01(?:-01)?)?$/.test(valueText(value));
}

function isVague(result: Expression): boolean {
  if (result.kind !== 'literal') return false;
  return result.value === null || !/\d{3,4}-\d\d/.test(valueText(result.value));
}

/** Counts as generalized even where no case holds. */
function generalizer(settings: Values): NodeMethod {
  const compiled = settings.cases.map(({ condition, result }) => ({
    condition: compileExpression(condition),
    result: compileExpression(result),
  }));
  return (node, environment, run) => {
    if (node.value === undefined) return undefined;
    run.did(GENERALIZED);
    const input: Collection = [node];
    environment.undecided?.takeCount();
    for (const { condition, result } of compiled) {
      // A condition that cannot be decided counts as true, as in the reference.
      const holds = isTrueOrOpen(evaluate(condition, input, environment));
      run.wasUndecided(environment.undecided?.takeCount() ?? 0);
      if (!holds) continue;
      return jsonOf(evaluate(result, input, environment));
    }
    return settings.otherValues === 'keep' ? node.value : undefined;
  };
}

/** The same with results in the form of their type, as fhir-pseudonymizer writes them: of the text `12` a number. */
function typed(generalize: NodeMethod, type: FhirType): NodeMethod {
  return (node, environment, run) => {
    const result = generalize(node, environment, run);
    return result === undefined ? undefined : (formOf(result, type) ?? result);
  };
}

function isTrueOrOpen(result: Collection): boolean {
  return result.length > 1 || booleanOf(result) !== false;
}

function jsonOf(result: Collection): Primitive | undefined {
  if (result.length > 1) throw new FhirPathError('generalize needs a single result');
  const item = result[0];
  if (item === undefined) return undefined;
  if (!(item instanceof FhirNode)) return jsonOfValue(item);
  if (item.type.primitive === null) throw new FhirPathError('generalize needs a value as its result');
  return item.value;
}

function jsonOfValue(value: Value): Primitive {
  if (typeof value === 'string') return wellFormed(value);
  if (typeof value === 'boolean') return value;
  if (typeof value === 'bigint') return numberFromText(String(value));
  // A Long is a string in FHIR's JSON.
  return value instanceof Decimal ? numberFromText(value.toString()) : valueText(value);
}

/** A text whose halves of surrogate pairs are replaced: a pattern or a substring may have cut a pair in two. */
function wellFormed(text: string): string {
  return text.replace(/\p{Cs}/gu, '\ufffd');
}
