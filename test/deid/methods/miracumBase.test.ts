import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../functions/json/json.js';
import { engineOf, madePseudonym } from '../shared.js';

/** Rules of the shapes that base configurations of hospitals have, in YAML as fhir-pseudonymizer takes it. */
const RULES = `
fhirVersion: R4
parameters:
  cryptoHashKey: an-invented-key
  dialect: miracum
fhirPathRules:
  - path: nodesByType('Identifier').where(type.coding.where(system='http://example.org/types' and code='CASE').exists()).value
    method: pseudonymize
    domain: cases
  - path: Patient.address.postalCode
    method: generalize
    cases:
      "$this": "$this.toString().substring(0,2)"
  - path: Patient.address.country
    method: keep
  - path: Patient.deceased.ofType(boolean)
    method: keep
  - path: Patient.deceased.ofType(dateTime)
    method: redact
  - path: Patient.birthDate
    method: generalize
    cases:
      "$this": "$this.toString().replaceMatches('(?<y>\\\\\\\\d{4})-(?<m>\\\\\\\\d{2})-(?<d>\\\\\\\\d{2})\\\\\\\\b', '\${y}-\${m}')"
  - path: nodesByType('Address')
    method: redact
  - path: Bundle.entry.request.where(method = 'PUT').url
    method: cryptoHash
    truncateToMaxLength: 32
  - path: Resource.id
    method: cryptoHash
    truncateToMaxLength: 32
  - path: nodesByType('Reference').reference
    method: cryptoHash
    truncateToMaxLength: 32
  - path: Bundle.entry.fullUrl
    method: cryptoHash
    truncateToMaxLength: 32
  - path: nodesByType('Reference').identifier.where(type.coding.where(system='http://example.org/types' and (code='CASE')).exists())
    method: keep
  - path: nodesByType('Reference').identifier
    method: redact
  - path: nodesByType('Identifier').where(type.coding.where(system='http://example.org/types' and (code='A' or code='B')).exists())
    method: redact
`;

/** Without what the labels say. */
function deidentify(resource: object): JsonObject {
  const result = engineOf(RULES, 'R4').anonymize(JSON.stringify(resource));
  if (result.outcome === 'failed') throw new Error(result.failure.message);
  return withoutLabels(JSON.parse(result.line) as JsonObject);
}

function withoutLabels(json: JsonObject): JsonObject {
  return JSON.parse(
    JSON.stringify(json, (key, value: unknown) => (key === 'meta' ? undefined : value)),
  ) as JsonObject;
}

const hash = (value: string): string =>
  createHmac('sha256', 'an-invented-key').update(value).digest('hex').slice(0, 32);
const pseudonym = (value: string): string => madePseudonym({ domain: 'cases', entici: undefined }, value);
const identifier = (code: string, value: string): object => ({
  type: { coding: [{ system: 'http://example.org/types', code }] },
  value,
});
const patient = (parts: object): object => ({ resourceType: 'Patient', ...parts });
const subject = (parts: object): object => ({
  resourceType: 'Encounter',
  status: 'finished',
  subject: parts,
});
const extended = (parts: object, url = 'http://example.org/x'): object => ({
  extension: [{ url, ...parts }],
});

describe('rules of hospital base configurations give the values of fhir-pseudonymizer', () => {
  it.each<[string, object, object]>([
    ['an identifier of the type', patient({ identifier: [identifier('CASE', '1')] }), patient({ identifier: [identifier('CASE', pseudonym('1'))] })],
    ['an identifier of another type', patient({ identifier: [identifier('C', '1')] }), patient({ identifier: [identifier('C', '1')] })],
    ['an identifier to be taken away', patient({ identifier: [identifier('B', '1'), identifier('C', '2')] }), patient({ identifier: [identifier('C', '2')] })],
    ['a postal code', patient({ address: [{ city: 'X', postalCode: '53127', country: 'DE' }] }), patient({ address: [{ postalCode: '53', country: 'DE' }] })],
    ['a short postal code', patient({ address: [{ postalCode: '5' }] }), patient({ address: [{ postalCode: '5' }] })],
    ['an address of another type', { resourceType: 'Location', address: { postalCode: '53127' } }, { resourceType: 'Location' }],
    ['deceased as a boolean', patient({ deceasedBoolean: true }), patient({ deceasedBoolean: true })],
    ['deceased as a date', patient({ deceasedDateTime: '2020-01-02' }), patient({})],
    ['a birth date', patient({ birthDate: '1980-02-03' }), patient({ birthDate: '1980-02' })],
    ['a birth date without a day', patient({ birthDate: '1980-02' }), patient({ birthDate: '1980-02' })],
    ['a birth date without a month', patient({ birthDate: '1980' }), patient({ birthDate: '1980' })],
    ['the reason why there is no birth date', patient({ _birthDate: extended({ valueCode: 'unknown' }) }), patient({ _birthDate: extended({ valueCode: 'unknown' }) })],
    ['a date in an extension of a birth date', patient({ birthDate: '1980-02-03', _birthDate: extended({ valueDate: '1980-02-03' }) }), patient({ birthDate: '1980-02', _birthDate: extended({ valueDate: '1980-02' }) })],
    ['texts in an extension of a postal code, with its url', patient({ address: [{ postalCode: '53127', _postalCode: extended({ valueCoding: { code: 'abc' } }) }] }), patient({ address: [{ postalCode: '53', _postalCode: extended({ valueCoding: { code: 'ab' } }, 'ht') }] })],
    ['a number in an extension of a postal code, with its url', patient({ address: [{ _postalCode: extended({ valueInteger: 123 }) }] }), patient({ address: [{ _postalCode: extended({ valueInteger: 12 }, 'ht') }] })],
    ['a boolean in an extension of a birth date', patient({ _birthDate: extended({ valueBoolean: true }) }), patient({ _birthDate: extended({ valueBoolean: true }) })],
    ['an id', patient({ id: '1' }), patient({ id: hash('1') })],
    ['a reference', subject({ reference: 'Patient/1' }), subject({ reference: `Patient/${hash('1')}` })],
    ['a reference with a version', subject({ reference: 'http://a.example/fhir/Patient/1/_history/2' }), subject({ reference: `http://a.example/fhir/Patient/${hash('1')}/_history/2` })],
    ['a reference by a search', subject({ reference: 'Patient?identifier=http://a.example|1' }), subject({ reference: `Patient?identifier=http://a.example|${hash('1')}` })],
    ['an identifier of a reference', subject({ identifier: identifier('C', '1') }), { resourceType: 'Encounter', status: 'finished' }],
    ['an identifier of a reference that is kept with its pseudonym', subject({ identifier: identifier('CASE', '1') }), subject({ identifier: identifier('CASE', pseudonym('1')) })],
  ])('%s', (_what, before, after) => {
    expect(deidentify(before)).toEqual(after);
  }); // prettier-ignore

  it('urls of a Bundle by the method of their requests', () => {
    const entries = (id: string, put: string): object => ({
      resourceType: 'Bundle',
      type: 'transaction',
      entry: [
        { fullUrl: `http://a.example/Patient/${id}`, request: { method: 'PUT', url: `Patient/${put}` } },
        { fullUrl: `http://a.example/Patient/${id}`, request: { method: 'POST', url: 'Patient' } },
      ],
    });
    expect(deidentify(entries('1', '1'))).toEqual(entries(hash('1'), hash('1')));
  });
});
