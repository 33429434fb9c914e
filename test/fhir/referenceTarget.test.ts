import { expect, test } from 'vitest';
import { targetTypeOf } from '../../functions/fhir/referenceTarget.js';

const isResourceType = (name: string): boolean => ['Patient', 'Encounter'].includes(name);

test.each([
  ['Patient/1', 'Patient'],
  ['Patient/1/_history/2', 'Patient'],
  ['https://fhir.example.org/r4/Encounter/e-1', 'Encounter'],
  ['http://example.org/Encounter/e-1/_history/3', 'Encounter'],
  ['#med', 'contained'],
  ['#', 'contained'],
  ['urn:uuid:9b1f6b8e-7a5c-4c8e-9a0b-1f2e3d4c5b6a', 'urn'],
  ['urn:oid:1.2.3', 'urn'],
  // Text of the data is no name of a type.
  ['MrsMiller/1', 'other'],
  ['Patient', 'other'],
  ['Patient/', 'other'],
  ['Patient?identifier=123', 'other'],
  ['https://example.org/Patient/1?x=2', 'other'],
  ['', 'other'],
])('%j refers to %s', (reference, target) => {
  expect(targetTypeOf(reference, isResourceType)).toBe(target);
});
