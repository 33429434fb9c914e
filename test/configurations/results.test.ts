import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { ObjectEngine } from '../deid/bothWays.js';
import { FHIR_VERSIONS, type FhirVersion } from '../../functions/fhir/fhirVersion.js';
import { isJsonObject, parseJson, type JsonObject } from '../../functions/json/json.js';
import { engineOf } from '../deid/shared.js';

function sampleOf(version: FhirVersion): string {
  const file = `../../configurations/hipaa-safe-harbor-${version.toLowerCase()}.json`;
  return readFileSync(new URL(file, import.meta.url), 'utf8');
}

const engines = new Map<FhirVersion, ObjectEngine>();

function sampleEngine(version: FhirVersion): ObjectEngine {
  const engine = engines.get(version) ?? engineOf(sampleOf(version), version);
  engines.set(version, engine);
  return engine;
}

/** What a sample makes of a resource, without its labels. */
function resultOf(resource: object, version: FhirVersion = 'R4'): JsonObject {
  const result = sampleEngine(version).anonymize(JSON.stringify(resource));
  if (result.outcome === 'failed') throw new Error(result.failure.message);
  const { meta: _meta, ...rest } = parseJson(result.line) as JsonObject;
  return rest;
}

const UCUM = { system: 'http://unitsofmeasure.org' };
const LOINC_AGE = { coding: [{ system: 'http://loinc.org', code: '30525-0' }] };
const observation = (rest: object): object => ({ resourceType: 'Observation', status: 'final', ...rest });
const HASH = expect.stringMatching(/^[0-9a-f]{64}$/) as string;

describe('ages', () => {
  const BODY_WEIGHT = { coding: [{ system: 'http://loinc.org', code: '29463-7' }] };
  test.each<[string, object, object, boolean]>([
    ['years by the code', BODY_WEIGHT, { value: 90, code: 'a' }, false],
    ['years that are 89', BODY_WEIGHT, { value: 89, code: 'a' }, true],
    ['Julian years', BODY_WEIGHT, { value: 90, ...UCUM, code: 'a_j' }, false],
    ['years in words', BODY_WEIGHT, { value: 97.5, unit: 'Years ' }, false],
    ['years in short', BODY_WEIGHT, { value: 97, unit: 'yrs.' }, false],
    ['years in German', BODY_WEIGHT, { value: 97, unit: 'Jahre' }, false],
    ['years in French', BODY_WEIGHT, { value: 97, unit: 'ans' }, false],
    ['years in Chinese', BODY_WEIGHT, { value: 97, unit: '岁' }, false],
    ['months', BODY_WEIGHT, { value: 1080, code: 'mo' }, false],
    ['months that are 89 years', BODY_WEIGHT, { value: 1079, code: 'mo' }, true],
    ['weeks', BODY_WEIGHT, { value: 4691, code: 'wk' }, false],
    ['days', BODY_WEIGHT, { value: 32851, unit: 'Tage' }, false],
    ['days that are 89 years', BODY_WEIGHT, { value: 32850, code: 'd' }, true],
    ['kilograms', BODY_WEIGHT, { value: 97, unit: 'kg', code: 'kg' }, true],
    ['no unit', BODY_WEIGHT, { value: 97 }, true],
    ['an age without a unit', LOINC_AGE, { value: 97 }, false],
    ['an age of 89 without a unit', LOINC_AGE, { value: 89 }, true],
    ['an age in an unknown unit', LOINC_AGE, { value: 97, unit: 'x' }, false],
    [
      'an age by SNOMED',
      { coding: [{ system: 'http://snomed.info/sct', code: '424144002' }] },
      { value: 97 },
      false,
    ],
    ['an age by its text', { text: ' AGE' }, { value: 97 }, false],
    ['an age by its display', { coding: [{ code: 'x', display: 'Alter' }] }, { value: 97 }, false],
  ])('%s', (_, code, valueQuantity, isKept) => {
    const valueOf = (json: unknown): unknown =>
      isJsonObject(json as JsonObject) ? (json as JsonObject)['value'] : undefined;
    const { value } = valueQuantity as { value: number };
    const result = resultOf(observation({ code, valueQuantity }));
    expect(valueOf(result['valueQuantity'])).toBe(isKept ? value : undefined);
    const [component] = (resultOf(observation({ component: [{ code, valueQuantity }] }))['component'] ??
      []) as JsonObject[];
    expect(valueOf(component?.['valueQuantity'])).toBe(isKept ? value : undefined);
  });

  test.each<[string, object]>([
    ['a whole number', observation({ code: LOINC_AGE, valueInteger: 97 })],
    [
      'a whole number of a component',
      observation({ component: [{ code: { text: 'age' }, valueInteger: 97 }] }),
    ],
    ['a range', observation({ code: LOINC_AGE, valueRange: { low: { value: 97 } } })],
    ['a ratio', observation({ valueRatio: { numerator: { value: 97, unit: 'a' } } })],
    [
      'a range of a condition',
      { resourceType: 'Condition', onsetRange: { low: { value: 91 }, high: { value: 97 } } },
    ],
    ['a range of a relative', { resourceType: 'FamilyMemberHistory', ageRange: { high: { value: 97 } } }],
    [
      'a range of a relative who died',
      { resourceType: 'FamilyMemberHistory', deceasedRange: { low: { value: 97 } } },
    ],
    [
      "a range of a relative's condition",
      { resourceType: 'FamilyMemberHistory', condition: [{ onsetRange: { low: { value: 97 } } }] },
    ],
    ['a range of a procedure', { resourceType: 'Procedure', performedRange: { low: { value: 97 } } }],
    ['months of Age', { resourceType: 'Condition', abatementAge: { value: 1176, code: 'mo' } }],
    [
      'an answer without a unit',
      { resourceType: 'QuestionnaireResponse', item: [{ answer: [{ valueQuantity: { value: 97 } }] }] },
    ],
    ['a year of birth', observation({ code: { text: 'Year of birth' }, valueInteger: 1931 })],
    ['a birth in a year whose people are 90', { resourceType: 'Patient', birthDate: '1936-12-20' }],
  ])('%s over 89 goes', (_, resource) => {
    expect(JSON.stringify(resultOf(resource))).not.toMatch(/9[17]|1176|193/);
  });

  test('up to 89 stay', () => {
    expect(resultOf(observation({ code: LOINC_AGE, valueInteger: 89 }))['valueInteger']).toBe(89);
    expect(resultOf({ resourceType: 'Patient', birthDate: '1937-01-01' })['birthDate']).toBe('1937');
  });
});

describe('postal codes', () => {
  test.each<[string, object, string | undefined]>([
    ['of the United States', { postalCode: '98052', country: 'US' }, '98000'],
    ['of nine digits', { postalCode: '98052-1234', country: 'US' }, '98000-0000'],
    ['without the leading zero', { postalCode: '2130', country: 'US' }, '02100'],
    ['without two of them', { postalCode: '501', country: 'US' }, '00500'],
    ['restricted, without the leading zero', { postalCode: '3601', country: 'US' }, '00000'],
    ['restricted since 2010', { postalCode: '75301-2233', country: 'US' }, '00000-0000'],
    ['with blanks', { postalCode: ' 02139 ', country: 'USA ' }, '02100'],
    ['after the state', { postalCode: 'MA 02139', country: 'us' }, '02100'],
    ['of a country in full', { postalCode: '02139', country: 'The United States of America' }, '02100'],
    ['that is no ZIP code', { postalCode: 'Elm 1', country: 'US' }, undefined],
    ['of another country', { postalCode: '1012 AB', country: 'NL' }, undefined],
    ['of another country, with five digits', { postalCode: '80331', country: 'DE' }, undefined],
    ['of no country', { postalCode: '02139' }, undefined],
  ])('%s', (_, address, expected) => {
    const { address: addresses } = resultOf({ resourceType: 'Patient', address: [address] });
    const [result] = (addresses ?? []) as JsonObject[];
    expect(result?.['postalCode']).toBe(expected);
  });

  test.each(['RelatedPerson', 'Person'])('of a %s goes', (resourceType) => {
    const address = [{ postalCode: '98052', country: 'US' }];
    expect(resultOf({ resourceType, address })).toEqual({ resourceType, address: [{ country: 'US' }] });
  });
});

describe('references and codes', () => {
  test('a reference says neither its server nor a version, and still leads to the resource', () => {
    const reference = 'https://jane-doe.example.org/r4/Patient/p/_history/20260102-Jane';
    const { subject } = resultOf(observation({ subject: { reference } }));
    expect(subject).toEqual({
      reference: expect.stringMatching(/^https:\/\/[0-9a-f]{32}\.invalid\/Patient\/[0-9a-f]{64}$/) as string,
    });
  });

  test.each<[string, object, object | undefined]>([
    [
      'of a public terminology',
      { system: 'http://snomed.info/sct', code: '1', display: 'x' },
      { system: 'http://snomed.info/sct', code: '1', display: 'x' },
    ],
    [
      'of HL7',
      { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'IMP', display: 'Jane' },
      { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'IMP' },
    ],
    [
      'that is text',
      { system: 'urn:oid:1.2.840.114350.1.13.0.1.7.4.698', code: 'Senator Doe', display: 'x' },
      { system: HASH, code: HASH },
    ],
    [
      'that is a URI of anybody (urn:ietf:rfc:3986)',
      { system: 'urn:ietf:rfc:3986', code: 'https://example.org/patients/jane-doe' },
      { system: HASH, code: HASH },
    ],
    ['without a system', { code: 'Senator Doe', version: 'Jane' }, { code: HASH }],
    [
      'of a genotype',
      { system: 'http://varnomen.hgvs.org', code: 'NM_000492.4:c.1521_1523del' },
      { system: HASH },
    ],
  ])('a code %s', (_, coding, expected) => {
    const { valueCodeableConcept } = resultOf(observation({ valueCodeableConcept: { coding: [coding] } }));
    expect(valueCodeableConcept).toEqual({ coding: [expected] });
  });

  test('a genotype goes with the value of its observation', () => {
    const code = { coding: [{ system: 'http://loinc.org', code: '48004-6' }] };
    const valueCodeableConcept = { coding: [{ system: 'http://loinc.org', code: 'LA6704-6' }] };
    expect(resultOf(observation({ component: [{ code, valueCodeableConcept }] }))['component']).toEqual([
      { code },
    ]);
  });

  test.each<[string, object, object]>([
    [
      'that equals its UCUM code',
      { value: 1, unit: 'nmol/L', code: 'nmol/L', ...UCUM },
      { value: 1, unit: 'nmol/L', code: 'nmol/L', ...UCUM },
    ],
    [
      'by a name of UCUM',
      { value: 1, unit: 'Milligram per deciliter', code: 'mg/dL', ...UCUM },
      { value: 1, unit: 'Milligram per deciliter', code: 'mg/dL', ...UCUM },
    ],
    ['without a code', { value: 1, unit: 'mmol/L' }, { value: 1, unit: 'mmol/L' }],
    ['that is text', { value: 1, unit: 'tablet from Dr. Smith' }, { value: 1 }],
    [
      'with a code that is text',
      { value: 1, system: 'http://x.example.org', code: 'Dr. Smith' },
      { value: 1, system: HASH, code: HASH },
    ],
  ])('a unit %s', (_, valueQuantity, expected) => {
    expect(resultOf(observation({ valueQuantity }))['valueQuantity']).toEqual(expected);
  });

  test('R5: the pattern of recurring appointments goes, but for years', () => {
    const recurrenceTemplate = [
      {
        lastOccurrenceDate: '2026-12-24',
        monthlyTemplate: { dayOfMonth: 24, monthInterval: 1 },
        occurrenceCount: 7,
      },
    ];
    expect(resultOf({ resourceType: 'Appointment', recurrenceTemplate }, 'R5')['recurrenceTemplate']).toEqual(
      [{ lastOccurrenceDate: '2026' }],
    );
  });
});

describe('what a newer version of the samples removes', () => {
  test.each(FHIR_VERSIONS)("%s: HL7's own tags keep their code alone", (version) => {
    const system = 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue';
    const tag = [{ system, version: 'Dr. Smith', code: 'SUBSETTED', display: 'by Dr. Smith' }];
    const result = sampleEngine(version).anonymize({ resourceType: 'Patient', meta: { tag } });
    const { meta } = parseJson('line' in result ? result.line : '{}') as { meta?: JsonObject };
    expect(meta?.['tag']).toEqual([{ system, code: 'SUBSETTED' }]);
  });

  test.each<FhirVersion>(['R4', 'R4B', 'R5'])('%s: numbers of all answers of a contract go', (version) => {
    const answer = [{ valueInteger: 4711 }, { valueDecimal: 47.11 }];
    const clause = { offer: { answer }, asset: [{ condition: 'x', period: [{ start: '2020' }], answer }] };
    const term = [{ ...clause, group: [{ ...clause, group: [clause] }] }];
    const result = resultOf({ resourceType: 'Contract', status: 'executed', term }, version);
    expect(JSON.stringify(result)).not.toMatch(/47\.?11/);
  });

  const PRIVATE_UNIT = { value: 5, system: 'http://st-mary.example.org/units', code: 'Dr. Smith' };
  const elementOf = (fixed: object): object => ({
    resourceType: 'StructureDefinition',
    differential: { element: [fixed] },
  });
  test.each<[string, object, FhirVersion?]>([
    ['a quantity', observation({ valueRatio: { numerator: PRIVATE_UNIT } })],
    ['an age', { resourceType: 'Condition', onsetAge: PRIVATE_UNIT }],
    ['a duration', { resourceType: 'Encounter', length: PRIVATE_UNIT }],
    ['a distance', elementOf({ fixedDistance: PRIVATE_UNIT })],
    ['a count', elementOf({ fixedCount: PRIVATE_UNIT })],
    ['money', { resourceType: 'Claim', total: PRIVATE_UNIT }, 'STU3'],
  ])('the unit of %s, and its system, are hashed where they are not public', (_, resource, only) => {
    for (const version of only === undefined ? FHIR_VERSIONS : [only]) {
      const line = JSON.stringify(resultOf(resource, version));
      expect(line).toMatch(/"value":5,"system":"[0-9a-f]{64}","code":"[0-9a-f]{64}"/);
    }
  });

  test.each<[string, object, FhirVersion?]>([
    ['years', { resourceType: 'Condition', onsetAge: { value: 5, ...UCUM, code: 'a' } }],
    ['an age in years, by their code', { resourceType: 'Condition', onsetAge: { value: 5, code: 'a' } }],
    ['a duration in weeks', { resourceType: 'Encounter', length: { value: 5, ...UCUM, code: 'wk' } }],
    ['a distance', elementOf({ fixedDistance: { value: 5, ...UCUM, code: '[mi_i]' } })],
    ['a count', elementOf({ fixedCount: { value: 5, ...UCUM, code: '1' } })],
    [
      'money',
      { resourceType: 'Claim', total: { value: 5, system: 'urn:iso:std:iso:4217', code: 'EUR' } },
      'STU3',
    ],
  ])('public units stay: %s', (_, resource, only) => {
    for (const version of only === undefined ? FHIR_VERSIONS : [only])
      expect(resultOf(resource, version)).toMatchObject(resource);
  });
});
