import type { Primitive } from './primitive.js';
import type { FhirType } from './types.js';
export function isFormatted(_type: FhirType, _value: Primitive): boolean {
  return true;
}
export function firstInstantOf(year: string): string {
  return `${year}-01-01`.slice(0, 10) + 'T00:00:00+00:00';
}
