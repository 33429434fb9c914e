import type { FhirModel } from '../../functions/deid/model/fhirModel.js';
import type { FhirElement, FhirType } from '../../functions/deid/model/types.js';

/* Resources that have every element of their type, to try rules on what data at hand does not have. */

type Value = string | number | boolean | readonly Value[] | { readonly [name: string]: Value };

/** Elements that are left out: what they hold is not of the type. */
const LEFT_OUT: ReadonlySet<string> = new Set(['contained', 'extension', 'modifierExtension']);
/** Of a choice, the first of these types that it has: dates and references are what rules are mostly about. */
const PREFERRED = ['dateTime', 'date', 'Period', 'Reference', 'Quantity', 'CodeableConcept', 'string'];
/** How deep elements are in the resource and data types, unless they are required. */
const MAX_DEPTH = 3;

/** Values of primitives by the names of their types. */
const BY_TYPE: Readonly<Record<string, Value>> = {
  base64Binary: 'aW52ZW50ZWQ=',
  boolean: true,
  canonical: 'http://example.org/fhir/ValueSet/invented',
  code: 'en',
  date: '1950-02-03',
  dateTime: '2024-03-05T10:15:00+01:00',
  decimal: 1.5,
  id: 'invented-1',
  instant: '2024-03-05T10:15:00.000+01:00',
  integer: 7,
  integer64: '7',
  markdown: 'Invented: Anna Meier, born 1950-02-03',
  oid: 'urn:oid:1.2.3.4',
  positiveInt: 7,
  string: 'Invented: Anna Meier',
  time: '10:15:00',
  unsignedInt: 7,
  uri: 'http://example.org/invented',
  url: 'http://example.org/invented',
  uuid: 'urn:uuid:c757873d-ec9a-4326-a141-556f43239520',
  xhtml: '<div xmlns="http://www.w3.org/1999/xhtml">Anna Meier, born 1950-02-03</div>',
};
/** Texts by the names of their elements. */
const BY_NAME: Readonly<Record<string, string>> = {
  city: 'Springfield',
  country: 'US',
  district: 'Greene',
  family: 'Meier',
  given: 'Anna',
  line: '12 Invented Street',
  postalCode: '65801',
  prefix: 'Dr.',
  state: 'MO',
  suffix: 'Jr.',
};

/** A resource as JSON text; undefined for a type that the version does not define. */
export function everyElementOf(name: string, model: FhirModel): string | undefined {
  const type = model.resource(name);
  return type && JSON.stringify({ resourceType: name, ...objectOf(type, [type.path]) }, undefined, 2);
}

/** @param around paths of the types that it is in, which are not entered again unless they are required */
function objectOf(type: FhirType, around: readonly string[]): { readonly [name: string]: Value } {
  if (type.name === 'Reference') return { reference: 'Patient/invented-1', display: 'Anna Meier' };
  const made = elementsOf(type).flatMap((element) => {
    const value = valueOf(element, around);
    return value === undefined ? [] : [[element.key, element.repeats ? [value] : value] as const];
  });
  return Object.fromEntries(made);
}

/** Those of a type, of each choice one. */
function elementsOf(type: FhirType): FhirElement[] {
  const byName = new Map<string, FhirElement>();
  for (const element of type.elements.values()) {
    const other = byName.get(element.name);
    if (other === undefined || rank(element) < rank(other)) byName.set(element.name, element);
  }
  // Of elements within data types, `id` is for links inside a document.
  return [...byName.values()].filter(({ name }) => !LEFT_OUT.has(name) && (type.isResource || name !== 'id'));
}

/** Place among the types that are preferred; the others come last. */
function rank({ type }: FhirElement): number {
  const place = PREFERRED.indexOf(type?.name ?? '');
  return place < 0 ? PREFERRED.length : place;
}

function valueOf(
  { name, type, codes, isRequired }: FhirElement,
  around: readonly string[],
): Value | undefined {
  if (type === null) return undefined;
  if (codes !== undefined) return [...codes][0];
  if (type.primitive !== null) return (type.name === 'string' && BY_NAME[name]) || BY_TYPE[type.name];
  const depth = around.filter((path) => !path.includes('.')).length;
  if (!isRequired && (around.includes(type.path) || depth > MAX_DEPTH)) return undefined;
  return objectOf(type, [...around, type.path]);
}
