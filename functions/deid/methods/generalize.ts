import type { Collection, Environment, Evaluator } from '../expression/collection.js';
import { compileExpression, evaluate } from '../expression/evaluate.js';
import { valueText } from '../expression/functions.js';
import { booleanOf } from '../expression/operators.js';
import { Decimal, FhirPathError, type Value } from '../expression/values.js';
import { numberFromText } from '../../json/jsonNumber.js';
import { GENERALIZED } from './labels.js';
import { FhirNode } from '../model/node.js';
import type { Primitive } from '../model/primitive.js';
import type { Method } from '../configuration/ruleMethod.js';
import type { Run } from './method.js';

type Settings = Extract<Method, { name: 'generalize' }>;

/** Replaces a value by the result of the first case whose condition holds. */
export class Generalizer {
  private readonly cases: readonly { condition: Evaluator; result: Evaluator }[];
  private readonly otherValues: 'redact' | 'keep';

  constructor(settings: Settings) {
    this.otherValues = settings.otherValues;
    this.cases = settings.cases.map(({ condition, result }) => ({
      condition: compileExpression(condition),
      result: compileExpression(result),
    }));
  }

  /**
   * The value that takes the place of a primitive's. Counts as generalized even where no case holds.
   * @throws FhirPathError for an expression that fails, and for an element that is no plain primitive
   */
  generalize(node: FhirNode, environment: Environment, run: Run): Primitive | undefined {
    if (node.type.primitive === null) throw new FhirPathError('generalize is for primitive elements');
    if (node.value === undefined) return undefined;
    run.did(GENERALIZED);
    const input: Collection = [node];
    environment.undecided?.takeCount();
    for (const { condition, result } of this.cases) {
      // A condition that cannot be decided counts as true, as in the reference.
      const holds = isTrueOrOpen(evaluate(condition, input, environment));
      run.wasUndecided(environment.undecided?.takeCount() ?? 0);
      if (!holds) continue;
      return jsonOf(evaluate(result, input, environment));
    }
    return this.otherValues === 'keep' ? node.value : undefined;
  }
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
