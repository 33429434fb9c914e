import { describe, expect, it } from 'vitest';
import { CONSTRAINTS } from '../../../functions/deid/model/constraints.js';
import { FhirModel } from '../../../functions/deid/model/fhirModel.js';
import { REMOVED, shapeOf } from '../../../functions/deid/model/shape.js';
import type { FhirType } from '../../../functions/deid/model/types.js';
import { FHIR_VERSIONS, type FhirVersion } from '../../../functions/fhir/fhirVersion.js';
import { engineOf } from '../shared.js';

function typesOf(version: FhirVersion): ReadonlyMap<string, FhirType> {
  const model = FhirModel.of(version);
  const types = new Map<string, FhirType>();
  const visit = (type: FhirType): void => {
    if (types.has(type.path)) return;
    types.set(type.path, type);
    for (const element of type.elements.values()) if (element.type !== null) visit(element.type);
  };
  for (const type of model.resourceTypes()) visit(type);
  return types;
}

const TYPES = new Map(FHIR_VERSIONS.map((version) => [version, typesOf(version)]));

describe('the constraints', () => {
  it.each(CONSTRAINTS)('$key of $types has elements that a version has', ({ types, oneOf, beside }) => {
    const names = [...oneOf, ...(beside === undefined ? [] : [beside])];
    const known = FHIR_VERSIONS.flatMap((version) =>
      types.map((path) => [...(TYPES.get(version)?.get(path)?.elements.values() ?? [])].map((of) => of.name)),
    );
    expect(known.some((elements) => names.every((name) => elements.includes(name)))).toBe(true);
  });

  it.each(FHIR_VERSIONS)('ask of the types of %s no more than a shape holds', (version) => {
    const types = [...(TYPES.get(version)?.values() ?? [])];
    expect(types.filter((type) => shapeOf(type).isAsking).length).toBeGreaterThan(200);
  });
});

/** What is left of an object's elements, and which have to be marked: names without a choice's type. */
const LEFT: [version: FhirVersion, type: string, had: string, left: string, marked: string | undefined][] = [
  ['R4', 'Organization', 'name telecom', 'telecom', 'name'],
  ['R4', 'Organization', 'identifier name telecom', 'telecom', 'identifier'],
  ['R4', 'Organization', 'identifier name', 'name', ''],
  ['R4', 'Organization', 'telecom', 'telecom', ''],
  ['R4', 'AllergyIntolerance', 'patient clinicalStatus', 'patient', 'clinicalStatus'],
  ['R4', 'AllergyIntolerance', 'patient', 'patient', ''],
  ['R4', 'Timing.repeat', 'period periodMax', 'periodMax', 'period'],
  // What is marked asks for its unit.
  ['R4', 'Timing.repeat', 'period periodMax periodUnit', 'periodMax', 'period periodUnit'],
  ['R4', 'Timing.repeat', 'duration durationMax durationUnit', 'durationMax', 'duration durationUnit'],
  ['R4', 'Appointment', 'status start end', 'status start', 'end'],
  ['R4', 'MedicationAdministration.dosage', 'text dose', 'text', 'dose'],
  ['STU3', 'Condition.evidence', 'code', '', 'code'],
  ['R5', 'Extension', 'url value', 'value', undefined],
  ['R4', 'Encounter', 'status class subject', 'subject', 'status class'],
];

it.each(LEFT)('%s %s with %s, of which %s is left: %s', (version, path, had, left, marked) => {
  const type = TYPES.get(version)?.get(path);
  if (type === undefined) throw new Error(path);
  const shape = shapeOf(type);
  const bits = (names: string): number => names.split(' ').reduce((all, name) => all | shape.bit(name), 0);
  expect(shape.missing(bits(had), bits(left))).toBe(marked === undefined ? REMOVED : bits(marked));
});

it('mark an organization whose name is taken away', () => {
  const configuration = {
    fhirVersion: 'R4',
    fhirPathRules: [{ path: 'Organization.name', method: 'redact' }],
    parameters: { validOutput: true },
  };
  const organization = { resourceType: 'Organization', id: 'a', name: 'Example Clinic' };
  const result = engineOf(JSON.stringify(configuration), 'R4').anonymize(JSON.stringify(organization));
  const masked = { url: 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode: 'masked' };
  const { line } = result as { line: string };
  expect(JSON.parse(line)).toMatchObject({ _name: { extension: [masked] } });
});
