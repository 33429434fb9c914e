import { describe, expect, it } from 'vitest';
import { elementNames, readElements } from '../../../functions/export/request/elements.js';
import { FhirModel } from '../../../functions/deid/model/fhirModel.js';
import type { RawKickOff } from '../../../functions/export/request/given.js';
import { readKickOff } from '../../../functions/export/request/kickOff.js';
import type { OutcomeIssue } from '../../../functions/fhir/operationOutcome.js';
import { readTypeFilters } from '../../../functions/export/request/typeFilter.js';
import { costOf } from '../../processorTime.js';

const TYPES = ['Patient', 'Observation', 'MedicationRequest'];
const hasElement = elementNames(FhirModel.of('R4'));
const isResourceType = (name: string): boolean => TYPES.includes(name);

/** Through the URL, as clients send it: each value as it is behind `_typeFilter=`. */
function fromUrl(...values: string[]): ReturnType<typeof readKickOff> {
  const raw: RawKickOff = {
    level: { kind: 'system' },
    method: 'GET',
    url: `https://host.example/fhir/$export?_type=${TYPES.join(',')}${values.map((value) => `&_typeFilter=${value}`).join('')}`,
    accept: 'application/fhir+json',
    prefer: 'respond-async',
    body: undefined,
  };
  return readKickOff(raw, {
    now: Date.parse('2026-11-21T12:00:00Z'),
    isResourceType,
    hasElement,
    isInCompartment: () => true,
  });
}

const OBSERVATION = { type: 'Observation', search: [['code', '1']] };
const PATIENT = { type: 'Patient', search: [['gender', 'male']] };

describe('filters are read', () => {
  it.each([
    ['separated by a comma', ['Observation%3Fcode%3D1,Patient%3Fgender%3Dmale'], [OBSERVATION, PATIENT]],
    [
      'separated by a percent-encoded comma',
      ['Observation%3Fcode%3D1%2CPatient%3Fgender%3Dmale'],
      [OBSERVATION, PATIENT],
    ],
    ['repeated', ['Observation?code=1', 'Patient?gender=male'], [OBSERVATION, PATIENT]],
    ['the same one once', ['Observation?code=1,Observation?code=1'], [OBSERVATION]],
    [
      'with commas in a search, which are alternatives',
      ['Observation?code=1,2%2C3,Patient?gender=male'],
      [{ type: 'Observation', search: [['code', '1,2,3']] }, PATIENT],
    ],
    [
      'with an escaped comma before what looks like a filter',
      ['Observation?code:text=a%5C,Patient?b'],
      [{ type: 'Observation', search: [['code:text', 'a\\,Patient?b']] }],
    ],
    [
      'with several parameters, percent-encoded once',
      ['MedicationRequest%3Fstatus%3Dactive%26date%3Dge2020-01-01'],
      [
        {
          type: 'MedicationRequest',
          search: [
            ['status', 'active'],
            ['date', 'ge2020-01-01'],
          ],
        },
      ],
    ],
    [
      'with a system, percent-encoded twice',
      ['Observation%3Fcode%3Dhttp%253A%252F%252Floinc.org%257C1-2'],
      [{ type: 'Observation', search: [['code', 'http://loinc.org|1-2']] }],
    ],
    ...['+02:00', '%2B02:00', '%252B02:00'].map((offset): [string, string[], object[]] => [
      `with the time zone ${offset}`,
      [`Observation?date=gt2020-01-01T00:00:00${offset}`],
      [{ type: 'Observation', search: [['date', 'gt2020-01-01T00:00:00+02:00']] }],
    ]),
    [
      'chained and with modifiers',
      ['Observation?subject:Patient.name:exact=Ann'],
      [{ type: 'Observation', search: [['subject:Patient.name:exact', 'Ann']] }],
    ],
  ] satisfies Array<[string, string[], object[]]>)('%s', (_name, values, expected) => {
    const { kickOff, issues } = fromUrl(...values);
    expect(issues).toEqual([]);
    expect(kickOff?.typeFilters).toEqual(expected);
  });
});

describe('a filter is refused', () => {
  it.each([
    ['without search', 'Observation', /question mark/],
    ['with an empty search', 'Observation?', /question mark/],
    ['with a parameter without value', 'Observation?code=1&status=', /without name or value/],
    ['of an unknown type', 'Foo?code=1', /no resource type/],
    ...[
      '_sort', '_count', '_include', '_include:iterate', '_revinclude', '_summary', '_elements', '_SORT',
      '_total', '_format', '_contained',
    ].map((name): [string, string, RegExp] => [`with ${name}`, `Observation?${name}=x`, /may not be used/]), // prettier-ignore
  ] satisfies Array<[string, string, RegExp]>)('%s', (_name, filter, words) => {
    const { kickOff, issues } = fromUrl(encodeURIComponent(filter));
    expect(kickOff).toBeUndefined();
    expect(issues.map(({ expression }) => expression?.[0])).toEqual(['_typeFilter']);
    expect(issues[0]?.diagnostics).toMatch(words);
  });

  it('of a type that _type does not name', () => {
    const issues: OutcomeIssue[] = [];
    readTypeFilters(['Observation?code=1'], ['Patient'], isResourceType, issues);
    expect(issues.map(({ expression }) => expression?.[0])).toEqual(['_typeFilter']);
  });

  it('in hundreds, at once and quickly', () => {
    const cost = costOf(() => {
      const { issues } = fromUrl(Array.from({ length: 3000 }, (_, n) => `Observation?code=${n}`).join(','));
      expect(issues[0]?.diagnostics).toMatch(/more than 100 filters/);
      fromUrl(','.repeat(100_000));
      fromUrl(`Observation?code=${' ,'.repeat(50_000)}`);
    });
    expect(cost).toBeLessThan(1000);
  });
});

it.each([
  [['birthDate,Observation.value', 'name'], 3],
  [['birthDate, name'], 2],
])('elements %o are read', (values, expected) => {
  const issues: OutcomeIssue[] = [];
  expect(readElements(values, undefined, { isResourceType, hasElement }, issues)).toHaveLength(expected);
  expect(issues).toEqual([]);
});

it.each(['', 'Patient.name.given', 'Foo.name', 'Patient', 'name,', '*', '_id'])(
  'elements "%s" are refused',
  (value) => {
    const issues: OutcomeIssue[] = [];
    readElements([value], undefined, { isResourceType, hasElement }, issues);
    expect(issues.map(({ expression }) => expression?.[0])).toEqual(['_elements']);
  },
);

it.each([
  ['STU3', 'birthdate', undefined, ['birthdate']],
  ['R4', 'birthDate,valueQuantity,value,id,meta', undefined, []],
  ['R4', 'birthDate', ['Observation'], ['birthDate']],
  ['R4', 'birthDate', ['Observation', 'Patient'], []],
  ['R4', 'Observation.birthDate,Patient.birthDate', ['Observation'], ['Observation.birthDate']],
  ['STU3', 'Patient.animal', undefined, []],
  [
    'R5',
    'Patient.animal,Patient.naem,constructor',
    undefined,
    ['Patient.animal', 'Patient.naem', 'constructor'],
  ],
] as const)(
  'in %s, of _elements=%s for types %o those that no type has are refused: %o',
  (version, value, types, listed) => {
    const issues: OutcomeIssue[] = [];
    const names = { isResourceType, hasElement: elementNames(FhirModel.of(version)) };
    readElements([value], types, names, issues);
    const expected = listed.map((name) => `"${name}"`).join(', ');
    expect(issues.map(({ diagnostics }) => /version: (.*)\. Names/.exec(diagnostics)?.[1])).toEqual(
      listed.length === 0 ? [] : [expected],
    );
  },
);
