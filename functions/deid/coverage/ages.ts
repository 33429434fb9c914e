import { compileExpression, evaluate } from '../expression/evaluate.js';
import { booleanOf } from '../expression/operators.js';
import type { Expression } from '../expression/syntax.js';
import { FhirPathError } from '../values/values.js';
import type { FhirModel } from '../model/fhirModel.js';
import { FhirNode } from '../model/node.js';
import type { stepsOf } from '../plan/pattern.js';
import { readsOf } from '../plan/reads.js';

type Path = NonNullable<ReturnType<typeof stepsOf>>[number];

/** Quantities that are ages over 89, as sources write them. */
const AGES = [
  { value: 90, unit: 'years', system: 'http://unitsofmeasure.org', code: 'a' },
  { value: 90, system: 'http://unitsofmeasure.org', code: 'a' },
  { value: 90, unit: 'years' },
];

/** Ages over 89, by the bits of a number: those that a rule selects for certain, and those that it may select. */
export interface SelectedAges {
  readonly certain: number;
  readonly possible: number;
}

export const ALL_AGES: SelectedAges = { certain: (1 << AGES.length) - 1, possible: (1 << AGES.length) - 1 };

/** The ages among quantities that a path selects, by its conditions on these or on their values. */
export function agesSelected(path: Path, model: FhirModel): SelectedAges {
  let { certain, possible } = ALL_AGES;
  path.forEach((step, at) => {
    if (step.kind !== 'some') return;
    AGES.forEach((age, bit) => {
      const verdict = holds(step.condition, nodeAt(path.slice(0, at), age, model));
      if (verdict !== true) certain &= ~(1 << bit);
      if (verdict === false) possible &= ~(1 << bit);
    });
  });
  return { certain, possible };
}

/** The quantity, or its value, where a path leads to one of them by its last steps; else undefined. */
function nodeAt(path: Path, age: (typeof AGES)[number], model: FhirModel): FhirNode | undefined {
  const moves = path.filter(({ kind }) => kind !== 'some');
  const last = moves.at(-1);
  const isValue = last?.kind === 'child' && last.name === 'value';
  const at = isValue ? moves.at(-2) : last;
  const isQuantity =
    (at?.kind === 'type' && at.name === 'Quantity') ||
    (at?.kind === 'within' && at.by === 'Type' && at.value === 'Quantity');
  const type = isQuantity ? model.type('Quantity') : undefined;
  if (type === undefined) return undefined;
  const context = { model, onDropped: () => undefined };
  const quantity = new FhirNode(context, null, { name: 'value', key: '' }, type, undefined, { ...age });
  return isValue ? quantity.children.find(({ name }) => name === 'value') : quantity;
}

/** @returns undefined where it cannot be known */
function holds(condition: Expression | null, node: FhirNode | undefined): boolean | undefined {
  if (condition === null || node === undefined || readsOf(condition) === null) return undefined;
  try {
    const environment = { resource: null, rootResource: null, now: 0 };
    return booleanOf(evaluate(compileExpression(condition), [node], environment)) === true;
  } catch (error) {
    if (error instanceof FhirPathError) return undefined;
    throw error;
  }
}
