import { describe, expect, it } from 'vitest';
import type { FhirVersion } from '../../../functions/fhir/fhirVersion.js';
import { parseJson, stringifyJson } from '../../../functions/json/json.js';
import { FhirModel } from '../../../functions/deid/model/fhirModel.js';
import type { FhirElement, FhirType } from '../../../functions/deid/model/types.js';
import { comparable, engineOf, filesIn, hasShared, readText } from '../shared.js';

function elementOf(version: FhirVersion, path: string): FhirElement {
  const [root = '', ...keys] = path.split('.');
  let type: FhirType | null | undefined =
    FhirModel.of(version).resource(root) ?? FhirModel.of(version).type(root);
  let element: FhirElement | undefined;
  for (const key of keys) {
    element = type?.elements.get(key);
    type = element?.type;
  }
  if (element === undefined) throw new Error(`${version} has no ${path}`);
  return element;
}

describe('types and elements', () => {
  it.each<[FhirVersion, string, string, boolean, string]>([
    ['R4', 'Patient.birthDate', 'date', false, 'birthDate'],
    ['R4', 'Patient.id', 'id', false, 'id'],
    ['R4', 'Patient.name', 'HumanName', true, 'name'],
    ['R4', 'Patient.name.id', 'string', false, 'id'],
    ['R4', 'Patient.contact', 'BackboneElement', true, 'contact'],
    ['R4', 'Patient.deceasedDateTime', 'dateTime', false, 'deceased'],
    ['R4', 'Extension.url', 'uri', false, 'url'],
    ['R4', 'Extension.valueAge', 'Age', false, 'value'],
    ['R4', 'Timing.repeat', 'Element', false, 'repeat'],
    ['R4', 'Timing.repeat.boundsPeriod', 'Period', false, 'bounds'],
    ['R4', 'Questionnaire.item.item.item', 'BackboneElement', true, 'item'],
    ['R4', 'Observation.component.referenceRange.low', 'Quantity', false, 'low'],
    ['R4', 'Narrative.div', 'xhtml', false, 'div'],
    ['R4', 'Patient.birthDate.extension', 'Extension', true, 'extension'],
    ['STU3', 'Patient.animal.species', 'CodeableConcept', false, 'species'],
    ['STU3', 'Claim.item.udi', 'Reference', true, 'udi'],
    ['R4B', 'Ingredient.manufacturer.manufacturer', 'Reference', false, 'manufacturer'],
    ['R4B', 'SubscriptionStatus.notificationEvent.timestamp', 'instant', false, 'timestamp'],
    ['R4B', 'Extension.valueRatioRange', 'RatioRange', false, 'value'],
    ['R4B', 'PackagedProductDefinition.package.package.quantity', 'integer', false, 'quantity'],
    ['R4B', 'Evidence.certainty.subcomponent', 'BackboneElement', true, 'subcomponent'],
    ['R5', 'Observation.valueInteger', 'integer', false, 'value'],
    ['R5', 'Encounter.actualPeriod', 'Period', false, 'actualPeriod'],
    ['R5', 'Attachment.size', 'integer64', false, 'size'],
  ])('%s: %s is %s', (version, path, type, repeats, name) => {
    const element = elementOf(version, path);
    expect([element.type?.name, element.repeats, element.name]).toEqual([type, repeats, name]);
  });

  it.each<[FhirVersion, string[], string[]]>([
    ['STU3', ['DeviceComponent', 'ProcessRequest'], ['ServiceRequest', 'Ingredient', 'Resource']],
    [
      'R4',
      ['ServiceRequest', 'MedicinalProduct'],
      ['DeviceComponent', 'Ingredient', 'DomainResource', 'HumanName'],
    ],
    [
      'R4B',
      ['ServiceRequest', 'Ingredient', 'Citation'],
      ['MedicinalProduct', 'SubstanceSpecification', 'Transport'],
    ],
    ['R5', ['Transport', 'GenomicStudy'], ['Media', 'RequestGroup', 'CanonicalResource', 'MetadataResource']],
  ])('%s has %j and not %j', (version, has, hasNot) => {
    const model = FhirModel.of(version);
    expect(has.filter((name) => model.resource(name) === undefined)).toEqual([]);
    expect(hasNot.filter((name) => model.resource(name) !== undefined)).toEqual([]);
  });

  it.each<[FhirVersion]>([['STU3'], ['R4'], ['R4B'], ['R5']])(
    'every type of %s has elements, down to primitives',
    (version) => {
      const model = FhirModel.of(version);
      const seen = new Set<FhirType>();
      const visit = (type: FhirType): void => {
        if (seen.has(type)) return;
        seen.add(type);
        expect(type.elements.has('id'), type.path).toBe(true);
        if (type.primitive === null && type.name !== 'Element')
          expect(type.elements.size, type.path).toBeGreaterThan(2);
        for (const element of type.elements.values()) if (element.type !== null) visit(element.type);
      };
      for (const name of model.resourceNames()) visit(model.resource(name) as FhirType);
      expect(seen.size).toBeGreaterThan(400);
    },
  );
});

describe('samples go through whole', () => {
  it.each<[FhirVersion, string]>([
    ['R4', 'synthea-r4'],
    ['STU3', 'synthea-stu3'],
  ])('%s: nothing is dropped, no digit changed', (version, folder) => {
    if (!hasShared(`samples/${folder}`)) return;
    const engine = engineOf(JSON.stringify({ fhirPathRules: [] }), version);
    for (const file of filesIn('samples', folder)) {
      for (const line of readText('samples', folder, file).trim().split('\n')) {
        const result = engine.anonymize(line);
        if (result.outcome === 'failed') throw new Error(result.failure.message);
        if (result.line !== stringifyJson(parseJson(line)))
          expect(comparable(parseJson(result.line))).toEqual(comparable(parseJson(line)));
      }
    }
    expect(engine.takeReport().dropped).toEqual(new Map());
  });
});
