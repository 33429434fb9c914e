import { readAnyReference } from './reference.js';

/**
 * What a `Reference.reference` refers to: the name of a resource type for a relative or absolute URL of a resource, else
 * `contained`, `urn` or `other`. Names that are no resource type are `other`, so that no text of the data becomes a key.
 * https://hl7.org/fhir/R4/references.html#literal
 */
export function targetTypeOf(reference: string, isResourceType: (name: string) => boolean): string {
  if (reference.startsWith('#')) return 'contained';
  if (reference.startsWith('urn:')) return 'urn';
  const target = readAnyReference(reference);
  return target !== undefined && isResourceType(target.type) ? target.type : 'other';
}
