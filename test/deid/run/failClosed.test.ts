import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FhirVersion } from '../../../functions/fhir/fhirVersion.js';
import { type JsonObject } from '../../../functions/json/json.js';
import { Choices, ResourceGenerator } from '../generate.js';
import { engineOf } from '../shared.js';
import { randomly, SEED } from '../../random.js';

const KEEP_ALL = JSON.stringify({ fhirPathRules: [{ path: 'Resource', method: 'keep' }] });
const REDACT_ALL = JSON.stringify({ fhirPathRules: [{ path: 'Resource', method: 'redact' }] });

/** The line of a resource and what was dropped, with a configuration that keeps all it can. */
function keepAll(
  text: string,
  version: FhirVersion = 'R4',
): { json: unknown; dropped: Record<string, number> } {
  const engine = engineOf(KEEP_ALL, version);
  const result = engine.anonymize(text);
  if (result.outcome === 'failed') throw new Error(result.failure.message);
  return { json: JSON.parse(result.line), dropped: Object.fromEntries(engine.takeReport().dropped) };
}

describe('what is not defined, or has the wrong type, is dropped and counted', () => {
  it.each<[string, string, object, object]>([
    ['an unknown element', '"secret":"Peter"', {}, { 'Patient.(unknown)': 1 }],
    [
      'an unknown element of a data type',
      '"name":[{"nick":"Pete","family":"C"}]',
      { name: [{ family: 'C' }] },
      { 'HumanName.(unknown)': 1 },
    ],
    ['an unknown sibling', '"_secret":{"id":"Peter"}', {}, { 'Patient.(unknown)': 1 }],
    ['a sibling of a complex element', '"_name":[{"id":"Peter"}]', {}, { 'Patient.(unknown)': 1 }],
    ['__proto__', '"__proto__":{"active":true}', {}, { 'Patient.(unknown)': 1 }],
    ['an object for a string', '"language":{"a":"Peter"}', {}, { 'Patient.language': 1 }],
    ['a string for an object', '"name":["Peter"]', {}, { 'Patient.name': 1 }],
    ['a string for an object alone', '"maritalStatus":"Peter"', {}, { 'Patient.maritalStatus': 1 }],
    ['a number for a date', '"birthDate":19740101', {}, { 'Patient.birthDate': 1 }],
    ['a text for a boolean', '"active":"true"', {}, { 'Patient.active': 1 }],
    ['a text for an integer', '"multipleBirthInteger":"3"', {}, { 'Patient.multipleBirthInteger': 1 }],
    ['1.0 for an integer', '"multipleBirthInteger":1.0', {}, { 'Patient.multipleBirthInteger': 1 }],
    ['an impossible day', '"birthDate":"2015-02-30"', {}, { 'Patient.birthDate': 1 }],
    ['a time for a date', '"birthDate":"2015-02-03T10:00:00Z"', {}, { 'Patient.birthDate': 1 }],
    ['hour 24', '"deceasedDateTime":"2015-02-03T24:00:00Z"', {}, { 'Patient.deceasedDateTime': 1 }],
    ['a list for a single element', '"gender":["male"]', {}, { 'Patient.gender': 1 }],
    ['a list in a list', '"name":[[{"family":"Peter"}]]', {}, { 'Patient.name': 1 }],
    ['a resource of no type', '"contained":[{"name":"Peter"}]', {}, { 'Patient.contained': 1 }],
    [
      'a resource of an unknown type',
      '"contained":[{"resourceType":"Person2","id":"p"}]',
      {},
      { 'Patient.contained': 1 },
    ],
    [
      'an abstract resource',
      '"contained":[{"resourceType":"DomainResource","id":"p"}]',
      {},
      { 'Patient.contained': 1 },
    ],
    ['a type that no choice has', '"deceasedString":"Peter"', {}, { 'Patient.(unknown)': 1 }],
    ['a choice by its bare name', '"deceased":true', {}, { 'Patient.(unknown)': 1 }],
    [
      'two types of a choice, and a sibling',
      '"deceasedBoolean":true,"deceasedDateTime":"2020","_deceasedBoolean":{"id":"a"}',
      { deceasedBoolean: true, deceasedDateTime: '2020', _deceasedBoolean: { id: 'a' } },
      {},
    ],
    ['an id that is an object', '"id":{"a":"Peter"}', {}, { 'Patient.id': 1 }],
    ['a sibling that is a text', '"_birthDate":"Peter"', {}, { 'Patient.birthDate': 1 }],
  ])('%s', (_, member, expected, dropped) => {
    const result = keepAll(`{"resourceType":"Patient",${member}}`);
    expect(result).toEqual({ json: { resourceType: 'Patient', ...expected }, dropped });
    expect(JSON.stringify(result)).not.toContain('Peter');
  });

  it.each(['null', '""', '{}', '[]', '[null]', '[{}]'])('%s goes without a word', (nothing) => {
    const member = nothing.includes('[') || nothing === '{}' ? `"name":${nothing}` : `"gender":${nothing}`;
    expect(keepAll(`{"resourceType":"Patient",${member}}`)).toEqual({
      json: { resourceType: 'Patient' },
      dropped: {},
    });
  });

  it('comments of old versions go without a word', () => {
    expect(keepAll('{"resourceType":"Patient","fhir_comments":["Peter"],"active":true}')).toEqual({
      json: { resourceType: 'Patient', active: true },
      dropped: {},
    });
  });
});

describe('a resource that cannot be processed fails, without a word of it', () => {
  it.each([
    ['no type', '{"name":"Peter"}'],
    ['an unknown type', '{"resourceType":"Peter"}'],
    ['a type that is no text', '{"resourceType":{"a":"Peter"}}'],
    ['a type of Object.prototype', '{"resourceType":"constructor","a":"Peter"}'],
    ['a data type', '{"resourceType":"HumanName","family":"Peter"}'],
    [
      'too deep',
      `{"resourceType":"Patient","extension":${'[{"extension":'.repeat(2000)}[{"url":"Peter"}]${'}]'.repeat(2000)}}`,
    ],
    ['deep lists', `{"resourceType":"Patient","name":${'['.repeat(50_000)}"Peter"${']'.repeat(50_000)}}`],
  ])('%s', (_, text) => {
    const engine = engineOf(KEEP_ALL, 'R4');
    const result = engine.anonymize(text);
    if (result.outcome === 'failed') expect(JSON.stringify(result.failure)).not.toContain('Peter');
    else expect(result.line).not.toContain('Peter');
    // The engine goes on with the next.
    expect(engine.anonymize({ resourceType: 'Patient' })).toEqual({
      outcome: 'anonymized',
      line: '{"resourceType":"Patient"}',
    });
  });

  it('a failing expression is reported by rule, not by value', () => {
    const rules = [
      { path: 'Patient.name', method: 'redact' },
      { path: 'Patient.telecom.where(value > 5)', method: 'keep' },
    ];
    const engine = engineOf(JSON.stringify({ processingErrors: 'skip', fhirPathRules: rules }), 'R4');
    const result = engine.anonymize({ resourceType: 'Patient', telecom: [{ value: 'Peter' }] });
    expect(result).toMatchObject({ outcome: 'failed', failure: { code: 'expression-failed' } });
    expect(JSON.stringify(result)).not.toContain('Peter');
    expect(engine.processingErrors).toBe('skip');
  });
});

describe('a primitive that has only a sibling is reached by rules', () => {
  it.each([
    ['Patient.birthDate', '{"_birthDate":{"extension":[{"url":"u","valueString":"Peter"}]}}'],
    [
      'Patient.name.given',
      '{"name":[{"given":["a",null],"_given":[null,{"extension":[{"url":"u","valueString":"Peter"}]}]}]}',
    ],
    ["nodesByType('date')", '{"_birthDate":{"id":"Peter"}}'],
  ])('%s', (path, members) => {
    const engine = engineOf(JSON.stringify({ fhirPathRules: [{ path, method: 'redact' }] }), 'R4');
    const result = engine.anonymize({ resourceType: 'Patient', ...JSON.parse(members) } as JsonObject);
    expect(JSON.stringify(result)).not.toContain('Peter');
  });
});

describe(`nothing leaks from generated hostile resources (TEST_SEED=${SEED})`, () => {
  it.each<[FhirVersion]>([['STU3'], ['R4'], ['R4B'], ['R5']])('%s', (version) => {
    const types = ['Patient', 'Observation', 'Bundle', 'Parameters', 'Claim', 'Questionnaire'];
    const engine = engineOf(REDACT_ALL, version);
    fc.assert(
      fc.property(fc.gen(), (generate) => {
        const choices = new Choices(generate);
        const text = new ResourceGenerator(choices, version, 30).resource(choices.of(types));
        const result = engine.anonymize(text);
        if (result.outcome === 'failed') return;
        const left = JSON.parse(result.line) as unknown;
        expect(textsOf(left).filter((value) => !LABEL_TEXTS.has(value) && !/^[A-Z]\w+$/.test(value))).toEqual(
          [],
        );
      }),
      randomly(500),
    );
    // What is told of them names elements of the definition alone.
    for (const path of engine.takeReport().dropped.keys())
      expect(path).toMatch(/^[A-Za-z0-9.]+(?:\.\(unknown\))?$/);
  });
});

const LABEL_TEXTS = new Set(['redacted', 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue']);

function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value === 'number' || typeof value === 'boolean') return [String(value)];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsOf) : [];
}
