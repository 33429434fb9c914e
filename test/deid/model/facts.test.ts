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

/** Numbers of required elements and of lists of codes: a new version of a source package shows here. */
const COUNTS: Record<FhirVersion, [required: number, coded: number]> = {
  STU3: [580, 277],
  R4: [773, 321],
  R4B: [805, 333],
  R5: [906, 365],
};

describe.each(FHIR_VERSIONS)('facts of %s', (version) => {
  const types = typesOf(FhirModel.of(version));
  const demands = [...definitionsOf(version).demands].flatMap(([path, ofType]) =>
    [...ofType].map(([name, demand]) => {
      const elements = [...(types.get(path)?.elements.values() ?? [])].filter((of) => of.name === name);
      return { path: `${path}.${name}`, elements, ...demand };
    }),
  );

  it('are of elements that the model has', () => {
    expect(demands.filter(({ elements }) => elements.length === 0)).toEqual([]);
  });

  it('have codes of elements that are of type code', () => {
    const coded = demands.filter(({ codes }) => codes !== undefined);
    expect(coded.filter(({ elements }) => elements.some(({ type }) => type?.name !== 'code'))).toEqual([]);
    expect(coded.filter(({ codes }) => codes === undefined || codes.size === 0 || codes.size > 100)).toEqual(
      [],
    );
  });

  it('are as many as those of their sources', () => {
    const count = [
      demands.filter(({ isRequired }) => isRequired).length,
      demands.filter(({ codes }) => codes !== undefined).length,
    ];
    expect(count).toEqual(COUNTS[version]);
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
