import { givesValue, isPerItem, type ValueKind } from './functionRow.js';
import { functionOf } from './functions.js';
import { QUANTITY_TYPES } from './operators.js';
import { isOperatorOf, partsOf, type Expression } from './syntax.js';
import { Quantity, Temporal, type Value } from '../values/values.js';
import type { FhirType } from '../model/types.js';

/** Types an expression's result may have; null where that is unknown. */
type Types = ReadonlySet<FhirType> | null;
/** What a value is to a comparison. */
type Kind = ValueKind | 'complex';
/** Kinds a value may have; null where that is unknown. */
type Kinds = ReadonlySet<Kind> | null;

/** Whether a comparison in an expression on elements of some types may be left open though both sides are there. */
export function mayBeUndecided(expression: Expression, types: Types): boolean {
  if (expression.kind === 'call') {
    const { focus } = expression;
    if (focus !== null && mayBeUndecided(focus, types)) return true;
    const { kinds } = functionOf(expression);
    return expression.arguments.some((argument, at) =>
      mayBeUndecided(argument, isPerItem(kinds[at]) ? typesOf(focus, types) : null),
    );
  }
  if (
    expression.kind === 'binary' &&
    isOperatorOf(expression.operator, 'equality', 'order') &&
    mayBeOpen(kindsOf(expression.left, types), kindsOf(expression.right, types))
  )
    return true;
  return partsOf(expression).some((part) => mayBeUndecided(part, types));
}

/**
 * What is wrong with a comparison that no values of its sides' types can make true; undefined where they can.
 * @param left @param right the types that the sides' elements may have
 */
export function neverTrue(
  { operator, left, right }: Extract<Expression, { kind: 'binary' }>,
  leftTypes: Types,
  rightTypes: Types,
): string | undefined {
  if (!isOperatorOf(operator, 'equality', 'order') || operator === '!=') return undefined;
  const one = leftTypes === null ? kindsOf(left, null) : kindsOfTypes(leftTypes);
  const two = rightTypes === null ? kindsOf(right, null) : kindsOfTypes(rightTypes);
  if (one === null || two === null || one.size === 0 || two.size === 0) return undefined;
  const comparable = [...one].some(
    (kind) => two.has(kind) || (kind === 'number' && two.has('quantity')) || (kind === 'quantity' && two.has('number')),
  ); // prettier-ignore
  if (comparable) return undefined;
  const age = [...(leftTypes ?? []), ...(rightTypes ?? [])].find(
    (type) => type.elements.has('code') && type.elements.has('comparator'),
  );
  const hint = age === undefined ? '' : `: FHIRPath sees no Quantity in '${age.name}', write '.value'`;
  return `Never true: ${describe(one, leftTypes)} is not comparable to ${describe(two, rightTypes)} by '${operator}'${hint}`;
}

function describe(kinds: ReadonlySet<Kind>, types: Types): string {
  const names = types === null ? [...kinds] : [...types].map(({ name }) => name);
  return [...new Set(names)].slice(0, 5).join(' or ');
}

function mayBeOpen(left: Kinds, right: Kinds): boolean {
  const both = (one: Kind, two: Kind): boolean => left?.has(one) !== false && right?.has(two) !== false;
  return (
    both('date', 'date') ||
    both('time', 'time') ||
    both('quantity', 'quantity') ||
    both('quantity', 'number') ||
    both('number', 'quantity') ||
    both('complex', 'complex') ||
    both('complex', 'quantity') ||
    both('quantity', 'complex')
  );
}

function kindsOf(expression: Expression, types: Types): Kinds {
  switch (expression.kind) {
    case 'literal':
      return expression.value === null ? null : new Set([kindOfValue(expression.value)]);
    case 'variable':
      return ['context', 'resource', 'rootResource'].includes(expression.name) ? null : new Set(['string']);
    case 'binary':
      return isOperatorOf(expression.operator, 'union', 'arithmetic', 'text') ? null : new Set(['boolean']);
    case 'polarity':
      return kindsOf(expression.operand, types);
    case 'call': {
      const { gives } = functionOf(expression);
      return givesValue(gives) ? new Set([gives]) : kindsOfElements(expression, types);
    }
    default:
      return kindsOfElements(expression, types);
  }
}

function kindsOfElements(expression: Expression, types: Types): Kinds {
  const found = typesOf(expression, types);
  return found === null ? null : kindsOfTypes(found);
}

/** What a value is to a comparison. */
export function kindOfValue(value: Value): ValueKind {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'boolean';
  if (value instanceof Temporal) return value.kind === 'Time' ? 'time' : 'date';
  return value instanceof Quantity ? 'quantity' : 'number';
}

function kindsOfTypes(types: ReadonlySet<FhirType>): ReadonlySet<Kind> {
  return new Set([...types].map(kindOfType));
}

function kindOfType({ name, primitive }: FhirType): Kind {
  switch (primitive) {
    case null:
      return QUANTITY_TYPES.has(name) ? 'quantity' : 'complex';
    case 'integer':
    case 'decimal':
      return 'number';
    case 'date':
    case 'dateTime':
      return 'date';
    case 'string':
    case 'boolean':
    case 'time':
      return primitive;
  }
}

/** The types of what an expression selects from elements of some types. */
function typesOf(expression: Expression | null, types: Types): Types {
  if (expression === null || expression.kind === 'this') return types;
  if (expression.kind === 'type') {
    return expression.operator === 'as' ? ofName(typesOf(expression.operand, types), expression.type) : null;
  }
  if (expression.kind === 'call') {
    const [argument] = expression.arguments;
    const { gives } = functionOf(expression);
    if (gives === 'same' || gives === 'some') return typesOf(expression.focus, types);
    return gives === 'typed' && argument?.kind === 'member'
      ? ofName(typesOf(expression.focus, types), argument.name)
      : null;
  }
  if (expression.kind !== 'member') return null;
  const from = typesOf(expression.focus, types);
  if (from === null) return null;
  const found = new Set<FhirType>();
  for (const type of from) {
    if (type.name === expression.name) return null;
    for (const element of type.elements.values()) {
      if (element.name !== expression.name) continue;
      if (element.type === null) return null;
      found.add(element.type);
    }
  }
  return found;
}

function ofName(types: Types, name: string): Types {
  const bare = name.replace(/^FHIR\./, '');
  return types === null ? null : new Set([...types].filter((type) => type.name === bare));
}
