import { FhirNode } from '../model/node.js';
import type { Collection, Item } from './collection.js';
import type { Expression } from './syntax.js';
import { Decimal, FhirPathError, Long, Quantity, type Value } from '../values/values.js';

/** The type a type argument names: `Quantity`, `FHIR.Quantity`. @throws FhirPathError */
export function typeNameOf(expression: Expression | undefined): string {
  if (expression?.kind === 'member') {
    return expression.focus === null ? expression.name : `${typeNameOf(expression.focus)}.${expression.name}`;
  }
  if (expression?.kind === 'literal' && typeof expression.value === 'string') return expression.value;
  throw new FhirPathError('A type name is expected');
}

/** The test that `is`, `as` and `ofType` make of a collection. @throws FhirPathError for `is` on several items */
export function typeTest(operator: 'is' | 'as', type: string): (items: Collection) => Collection {
  if (operator === 'as') return (items) => items.filter((item) => hasType(item, type));
  return (items) => {
    if (items.length > 1) throw new FhirPathError("'is' on several items");
    return items[0] === undefined ? items : [hasType(items[0], type)];
  };
}

/** Type names match exactly: a `code` is no `string`, an element's value no System type. */
function hasType(item: Item, type: string): boolean {
  const name = type.replace(/^(?:FHIR|System)\./, '');
  if (item instanceof FhirNode) return !type.startsWith('System.') && item.type.name === name;
  return !type.startsWith('FHIR.') && systemTypeOf(item) === name;
}

/** The type in FHIRPath's namespace `System`. */
export function systemTypeOf(value: Value): string {
  if (typeof value === 'string') return 'String';
  if (typeof value === 'boolean') return 'Boolean';
  if (typeof value === 'bigint') return 'Integer';
  if (value instanceof Long) return 'Long';
  if (value instanceof Decimal) return 'Decimal';
  return value instanceof Quantity ? 'Quantity' : value.kind;
}
