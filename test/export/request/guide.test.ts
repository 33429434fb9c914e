import { describe, expect, it } from 'vitest';
import { FhirModel } from '../../../functions/deid/model/fhirModel.js';
import { elementNames } from '../../../functions/export/request/elements.js';
import type { RawKickOff } from '../../../functions/export/request/given.js';
import { readKickOff } from '../../../functions/export/request/kickOff.js';

/** Rules of a kick-off by their section in the Bulk Data Access guide: https://hl7.org/fhir/uv/bulkdata/STU2/export.html */
type Row = readonly [rule: string, query: string, more: Partial<RawKickOff>, expected: Expected];
interface Expected {
  /** What of the kick-off is as here; absent: it is refused. */
  kickOff?: object;
  /** What the issues are about, those that are ignored included. */
  about?: string[];
  /** Of each, in their order, what it says. */
  says?: RegExp[];
}

const KEY = 'k'.repeat(52) + '==';
const LENIENT = { prefer: 'respond-async, handling=lenient' };
const post = (...parameter: object[]): Partial<RawKickOff> => ({
  method: 'POST',
  body: JSON.stringify({ resourceType: 'Parameters', parameter }),
});

const RULES: Readonly<Record<string, readonly Row[]>> = {
  'headers: Accept': [
    ['missing', '', { accept: undefined }, { kickOff: {} }],
    ['of any type', '', { accept: '*/*' }, { kickOff: {} }],
    ['of any application', '', { accept: 'application/*;q=0.5' }, { kickOff: {} }],
    ['of JSON, as fhirclient sends it', '', { accept: 'application/json' }, { kickOff: {} }],
    ['of FHIR JSON among others', '', { accept: 'text/html, application/fhir+json' }, { kickOff: {} }],
    ['of no type of ours', '', { accept: 'application/fhir+xml' }, { about: ['Accept'] }],
  ],
  'headers: Prefer: handling': [
    ['lenient: an unknown parameter is ignored, with a warning', '?_foo=secret', LENIENT, { kickOff: {}, about: ['_foo'], says: [/"_foo" is not known and was ignored/] }],
    ['strict: it is refused', '?_foo=secret', {}, { about: ['_foo'], says: [/"_foo" is not supported/] }],
  ],
  'query parameters: all': [
    ['an unknown one with any value', '', post({ name: '_foo', valueCodeableConcept: { text: 'x' } }), { about: ['_foo'] }],
    ['an unknown one with parts', '', post({ name: '_foo', part: [{ name: 'x', valueString: 'y' }] }), { about: ['_foo'] }],
    ['an unknown one with parts, leniently', '', { ...post({ name: '_foo', part: [{ name: 'x' }] }), ...LENIENT }, { kickOff: {}, about: ['_foo'] }],
    ['a known one with parts', '', post({ name: '_type', part: [{ name: 'x' }] }), { about: ['Parameters'] }],
    ['of FHIR: _format', '?_format=json', {}, { kickOff: {} }],
    ['of FHIR: _format by its media type', '?_format=application/fhir+json&_pretty=true', {}, { kickOff: {} }],
    ['of FHIR: _format that there is not', '?_format=xml', {}, { about: ['_format'] }],
    ['of FHIR: _format that there is not, leniently', '?_format=xml', LENIENT, { kickOff: {}, about: ['_format'] }],
    ['of FHIR: _pretty', '?_pretty=yes', {}, { about: ['_pretty'] }],
  ],
  'query parameters: _since': [
    ['an instant', '?_since=2020-01-31T10:00:00.5%2B01:00', {}, { kickOff: { since: '2020-01-31T10:00:00.5+01:00', notes: [] } }],
    ['a year', '?_since=2020', {}, { kickOff: { since: '2019-12-31T10:00:00.000Z', notes: [expect.stringMatching(/^_since .* earliest .* 2019-12-31T10:00:00.000Z/)] } }],
    ['a month', '?_since=2020-03', {}, { kickOff: { since: '2020-02-29T10:00:00.000Z' } }],
    ['a day', '?_since=2020-01-31', {}, { kickOff: { since: '2020-01-30T10:00:00.000Z' } }],
    ['a minute', '?_since=2020-01-31T10:00%2B02:00', {}, { kickOff: { since: '2020-01-31T08:00:00.000Z' } }],
    ['a time without zone', '?_since=2020-01-31T10:00:00', {}, { kickOff: { since: '2020-01-30T20:00:00.000Z' } }],
    ['with all digits of its fraction', '?_since=2020-01-31T10:00:00.123456', {}, { kickOff: { since: '2020-01-30T20:00:00.123456Z' } }],
    ['today, which is not in the future anywhere', '?_since=2026-11-21', {}, { kickOff: { since: '2026-11-20T10:00:00.000Z' } }],
    ['in a body, as a date', '', post({ name: '_since', valueDate: '2020-01-31' }), { kickOff: { since: '2020-01-30T10:00:00.000Z' } }],
    ['no date', '?_since=31.1.2020', {}, { about: ['_since'] }],
    ['a year that there is not', '?_since=0000-01-01T00:00:00Z', {}, { about: ['_since'] }],
  ],
  'query parameters: _until': [
    ['a year', '?_until=2020', {}, { kickOff: { until: '2021-01-01T12:00:00.000Z' } }],
    ['a month', '?_until=2020-02', {}, { kickOff: { until: '2020-03-01T12:00:00.000Z' } }],
    ['a day', '?_till=2020-12-31', {}, { kickOff: { until: '2021-01-01T12:00:00.000Z' } }],
    ['a minute', '?_until=2020-01-31T23:59Z', {}, { kickOff: { until: '2020-02-01T00:00:00.000Z' } }],
    ['a time without zone', '?_until=2020-01-31T10:00:00', {}, { kickOff: { until: '2020-01-31T22:00:00.000Z' } }],
    ['the day of _since', '?_since=2020-01-31&_until=2020-01-31', {}, { kickOff: { since: '2020-01-30T10:00:00.000Z', until: '2020-02-01T12:00:00.000Z' } }],
    ['a year that ends beyond all', '?_until=9999', {}, { about: ['_until'] }],
  ],
  'query parameters: includeAssociatedData': [
    ['as a Coding of STU 3', '', post({ name: 'includeAssociatedData', valueCoding: { code: 'RelevantProvenanceResources' } }), { kickOff: { associatedData: ['RelevantProvenanceResources'] } }],
    ['as a code of STU 2', '', post({ name: 'includeAssociatedData', valueCode: 'RelevantProvenanceResources' }), { kickOff: { associatedData: ['RelevantProvenanceResources'] } }],
  ],
  'query parameters: allowPartialManifests': [
    ['true', '?allowPartialManifests=true', {}, { kickOff: {} }],
    ['false', '', post({ name: 'allowPartialManifests', valueBoolean: false }), { kickOff: {} }],
    ['neither', '?allowPartialManifests=1', {}, { about: ['allowPartialManifests'] }],
  ],
  '_typeFilter': [
    ['without _type', '?_typeFilter=Observation%3Fcode=1', {}, { kickOff: { types: undefined, typeFilters: [{ type: 'Observation', search: [['code', '1']] }] } }],
    ['cut off at an &', '?_typeFilter=Observation?category=x&status=final', {}, { about: ['_typeFilter'], says: [/"status" looks like a part of a filter for Observation whose & was not percent-encoded/] }],
    ['cut off at an &, leniently', '?_typeFilter=Observation?category=x&status=final&date:missing=true', LENIENT, { kickOff: {}, about: ['_typeFilter'], says: [/"status", "date:missing" look like.*more may be exported/] }],
    ['cut off before a name that is one of the host', '?_typeFilter=Observation?status=final&code=1234-5', {}, { about: ['_typeFilter'], says: [/"code" looks/] }],
    ['cut off before a name that is one of a kick-off', '?_typeFilter=Observation?status=final&patient=Patient/1', { level: { kind: 'patient' } }, { about: ['_typeFilter'], says: [/"patient" looks/] }],
    ['cut off before such a name, leniently', '?_typeFilter=Observation?status=final&patient=Patient/1', { level: { kind: 'patient' }, ...LENIENT }, { about: ['_typeFilter'] }],
    ['cut off within a value: no part of it is repeated', '?_typeFilter=Patient?name=Quexington&zacharias', LENIENT, { kickOff: {}, about: ['_typeFilter'], says: [/: a parameter without value looks/] }],
    ['cut off within a value, before what is no name of a search', '?_typeFilter=Patient?name=Quexington&Zacharias', LENIENT, { kickOff: {}, about: ['_typeFilter'], says: [/: a parameter without value looks/] }],
    ['cut off within a value, strictly', '?_typeFilter=Patient?name=Quexington&Zacharias%20Q', {}, { about: ['_typeFilter'], says: [/: a parameter without value looks/] }],
    ['before a key of the host', `?_typeFilter=Observation?status=final&code=${KEY}`, {}, { kickOff: { ignored: [] } }],
    ['before another parameter of the kick-off', '?_typeFilter=Observation?status=final&_type=Observation', {}, { kickOff: { types: ['Observation'] } }],
    ['behind a parameter that is not known', '?status=final&_typeFilter=Observation?code=1', {}, { about: ['status'], says: [/"status" is not supported/] }],
    ['with an & in a body', '', post({ name: '_typeFilter', valueString: 'Observation?code=1&status=final' }), { kickOff: { typeFilters: [{ type: 'Observation', search: [['code', '1'], ['status', 'final']] }] } }],
  ],
}; // prettier-ignore

describe.each(Object.entries(RULES))('%s', (_section, rows) => {
  it.each(rows)('%s', (_rule, query, more, { kickOff: expected, about = [], says = [] }) => {
    const { kickOff, issues } = readKickOff(
      {
        level: { kind: 'system' },
        method: 'GET',
        url: `https://host.example/fhir/$export${query}`,
        accept: 'application/fhir+json',
        prefer: 'respond-async',
        body: undefined,
        ...more,
      },
      {
        now: Date.parse('2026-11-21T12:00:00Z'),
        isResourceType: (name) => ['Patient', 'Observation'].includes(name),
        isInCompartment: () => true,
        hasElement: elementNames(FhirModel.of('R4')),
      },
    );
    if (expected === undefined) expect(kickOff).toBeUndefined();
    else expect(kickOff).toMatchObject(expected);
    const found = kickOff?.ignored ?? issues;
    expect(found.map(({ expression }) => expression?.[0])).toEqual(about);
    for (const [index, words] of says.entries()) expect(found[index]?.diagnostics).toMatch(words);
    for (const { severity } of kickOff?.ignored ?? []) expect(severity).toBe('warning');
    expect(JSON.stringify(found)).not.toMatch(/secret|zacharias|Quexington|Patient\/1/);
  });
});
