import { describe, expect, it } from 'vitest';
import { FHIR_VERSIONS, type FhirVersion } from '../../../functions/fhir/fhirVersion.js';
import { definitionsOf } from '../../../functions/deid/model/definitions.js';
import { FhirModel } from '../../../functions/deid/model/fhirModel.js';
import type { FhirElement, FhirType } from '../../../functions/deid/model/types.js';

/** All types that a resource can hold, by path, and their elements. */
function typesOf(model: FhirModel): ReadonlyMap<string, FhirType> {
  const types = new Map<string, FhirType>();
  const visit = (type: FhirType): void => {
    if (types.has(type.path)) return;
    types.set(type.path, type);
    for (const element of type.elements.values()) if (element.type !== null) visit(element.type);
  };
  for (const type of model.resourceTypes()) visit(type);
  return types;
}

function elementOf(version: FhirVersion, path: string): FhirElement {
  const dot = path.lastIndexOf('.');
  const element = typesOf(FhirModel.of(version))
    .get(path.slice(0, dot))
    ?.elements.get(path.slice(dot + 1));
  if (element === undefined) throw new Error(`${version} has no element ${path}.`);
  return element;
}

describe.each(FHIR_VERSIONS)('facts of %s', (version) => {
  const types = typesOf(FhirModel.of(version));
  const { required, codes } = definitionsOf(version);

  it('have required elements that the model has', () => {
    const unknown = Object.entries(required).flatMap(([path, names]) =>
      names
        .split(' ')
        .filter((name) => ![...(types.get(path)?.elements.values() ?? [])].some((of) => of.name === name))
        .map((name) => `${path}.${name}`),
    );
    expect(unknown).toEqual([]);
  });

  it('have codes of elements that the model has, and that are of type code', () => {
    const wrong = Object.entries(codes).flatMap(([path, keys]) =>
      Object.keys(keys).filter((key) => types.get(path)?.elements.get(key)?.type?.name !== 'code'),
    );
    expect(wrong).toEqual([]);
    const lists = Object.values(codes).flatMap((keys) => Object.values(keys));
    expect(lists.every((list) => list.size > 0 && list.size <= 100)).toBe(true);
  });

  it('demand no id and no extension', () => {
    const all = [...types.values()].flatMap(({ elements }) => [...elements.values()]);
    const demanded = all.filter(({ isRequired, key }) => isRequired && ['id', 'extension'].includes(key));
    expect(demanded).toEqual([]);
  });

  it('demand of data types what all versions demand', () => {
    const demanded = ['Extension.url', 'Narrative.status', 'Narrative.div', 'UsageContext.valueQuantity'];
    expect(demanded.filter((path) => !elementOf(version, path).isRequired)).toEqual([]);
    expect(['Extension.valueCode', 'Age.value', 'Reference.reference'].filter((path) => elementOf(version, path).isRequired)).toEqual([]); // prettier-ignore
    expect([...(elementOf(version, 'Age.comparator').codes ?? elementOf(version, 'Quantity.comparator').codes ?? [])]).toContain('<='); // prettier-ignore
    expect([...(elementOf(version, 'Narrative.status').codes ?? [])].sort()).toEqual(['additional', 'empty', 'extensions', 'generated']); // prettier-ignore
  });
});

/** Elements of single versions: whether they are required, from the pages of the specification. */
const REQUIRED: [FhirVersion, string, boolean][] = [
  ['STU3', 'MedicationRequest.subject', true],
  ['STU3', 'MedicationRequest.medicationReference', true],
  ['STU3', 'MedicationRequest.status', false],
  ['STU3', 'Binary.content', true],
  ['STU3', 'Encounter.class', false],
  ['R4', 'Encounter.class', true],
  ['R4', 'Encounter.subject', false],
  ['R4', 'Immunization.occurrenceString', true],
  ['R4', 'Observation.component.code', true],
  ['R4', 'Observation.valueQuantity', false],
  ['R4', 'Signature.when', true],
  ['R4B', 'MedicationRequest.medicationCodeableConcept', true],
  ['R4B', 'EvidenceVariable.characteristic.definitionReference', true],
  ['R5', 'MedicationRequest.medication', true],
  ['R5', 'MedicationAdministration.occurenceDateTime', true],
  ['R5', 'Signature.when', false],
  ['R5', 'Encounter.class', false],
];

describe('required elements', () => {
  it.each(REQUIRED)('%s %s: %s', (version, path, expected) => {
    expect(elementOf(version, path).isRequired).toBe(expected);
  });

  it('include those that a content reference shares', () => {
    // Bundle.entry.link is the definition of Bundle.link.
    const { elements } = elementOf('R4', 'Bundle.entry.link').type ?? {};
    expect(elements?.get('relation')?.isRequired).toBe(true);
  });
});

/** Numbers of required elements and of lists of codes: a new version of a source package shows here. */
const COUNTS: Record<FhirVersion, [required: number, coded: number]> = {
  STU3: [580, 277],
  R4: [773, 321],
  R4B: [805, 333],
  R5: [906, 365],
};

it.each(FHIR_VERSIONS)('%s has as many facts as its sources', (version) => {
  const { required, codes } = definitionsOf(version);
  const count = [
    Object.values(required).flatMap((names) => names.split(' ')).length,
    Object.values(codes).flatMap((keys) => Object.keys(keys)).length,
  ];
  expect(count).toEqual(COUNTS[version]);
});
