import { describe, expect, it } from 'vitest';
import { FhirModel } from '../../../functions/deid/model/fhirModel.js';
import { elementNames } from '../../../functions/export/request/elements.js';
import type { RawKickOff } from '../../../functions/export/request/given.js';
import { knownParametersOnly, readKickOff } from '../../../functions/export/request/kickOff.js';
import { readScopes } from '../../../functions/http/authorization/smartScopes.js';
import { costOf } from '../../processorTime.js';

/** What a request of 1 MiB may cost, in milliseconds of processor time. */
const MAX_MS = 50;
/** Machines on which the tests run are so much slower at most, other work on them included. */
const MACHINE_FACTOR = 4;
const MAX_BYTES = 1_048_576;

const BASE = 'https://host.example/fhir/$export';
const model = FhirModel.of('R4');
const context = {
  now: Date.parse('2026-11-21T12:00:00Z'),
  isResourceType: (name: string): boolean => model.resource(name) !== undefined,
  isInCompartment: (): boolean => true,
  hasElement: elementNames(model),
};

/** As many pieces as 1 MiB holds, numbered. */
function filled(piece: (n: number) => string, separator: string): string {
  const pieces: string[] = [];
  for (let bytes = 0, n = 0; ; n++) {
    const next = piece(n);
    bytes += next.length + separator.length;
    if (bytes > MAX_BYTES - 500) return pieces.join(separator);
    pieces.push(next);
  }
}

const parameters = (list: string): string => `{"resourceType":"Parameters","parameter":[${list}]}`;
const each = (name: string, value: (n: number) => string): string =>
  parameters(filled((n) => `{"name":"${name}","valueString":"${value(n)}"}`, ','));
const one = (name: string, value: (n: number) => string, separator = ','): string =>
  parameters(`{"name":"${name}","valueString":"${filled(value, separator)}"}`);
const post = (body: string): Partial<RawKickOff> => ({ method: 'POST', body });
const get = (query: string): Partial<RawKickOff> => ({ url: `${BASE}?${query}` });

const REQUESTS: Record<string, Partial<RawKickOff>> = {
  'names of elements that are none': post(one('_elements', (n) => `e${n}`)),
  'the same name of an element': post(one('_elements', () => 'zzzzzz')),
  'elements of types': post(one('_elements', (n) => `Patient.x${n}`)),
  'elements that are there': post(one('_elements', () => 'id')),
  'a parameter for each element': post(each('_elements', (n) => `e${n}`)),
  types: post(one('_type', (n) => `T${n}`)),
  'the same type': post(one('_type', () => 'Patient')),
  'commas alone': post(one('_type', () => '')),
  blanks: post(one('_type', () => ' ', '')),
  'a parameter for each type': post(each('_type', (n) => `T${n}`)),
  filters: post(one('_typeFilter', (n) => `Patient?a=${n}`)),
  'filters of every type but those that are asked for': get(
    `_type=Patient&_typeFilter=${filled((n) => `Observation?a=${n}`, ',')}`,
  ),
  'a parameter for each filter': post(each('_typeFilter', (n) => `Patient?a=${n}`)),
  'a filter of many parameters': post(one('_typeFilter', (n) => `${n === 0 ? 'Patient?' : ''}a${n}=b`, '&')),
  'a filter of reserved parameters': post(
    one('_typeFilter', (n) => `${n === 0 ? 'Patient?' : ''}_sort=b`, '&'),
  ),
  'a filter of digits': post(one('_typeFilter', (n) => (n === 0 ? 'Patient?a=T' : '1'), '')),
  'a filter of blanks': post(one('_typeFilter', () => ' ', '')),
  'a filter that begins again and again': post(one('_typeFilter', () => 'A', '')),
  'a filter of commas and letters': post(one('_typeFilter', () => ',A', '')),
  'a filter of commas and blanks': post(one('_typeFilter', (n) => (n % 1000 === 0 ? ',' : ' '), '')),
  'a filter of backslashes': post(one('_typeFilter', () => '\\\\,A?', '')),
  patients: post(
    parameters(filled((n) => `{"name":"patient","valueReference":{"reference":"Patient/${n}"}}`, ',')),
  ),
  'patients that are none': post(parameters(filled(() => `{"name":"patient","valueString":"x"}`, ','))),
  'patients in one text': post(one('patient', (n) => `Patient/${n}`)),
  'names of parameters': post(parameters(filled((n) => `{"name":"a${n}","valueString":""}`, ','))),
  'ignored parameters': {
    ...post(parameters(filled((n) => `{"name":"b${n}","valueString":""}`, ','))),
    prefer: 'respond-async, handling=lenient',
  },
  'a long name': post(parameters(filled((n) => (n === 0 ? '{"name":"' : 'an'), '') + '","valueString":"x"}')),
  'the same parameter': post(each('_since', () => 'x')),
  'many values of one parameter': post(
    parameters(`{"name":"_type",${filled((n) => `"valueString${n}":"x"`, ',')}}`),
  ),
  'a name of a container': post(one('_container', () => 'a', '')),
  'a name of a configuration': post(one('_anonymizationConfig', () => 'a/', '')),
  'a name of a configuration of dots': post(one('_anonymizationConfig', () => '../', '')),
  'an ETag': post(one('_anonymizationConfigEtag', () => 'x', '')),
  'a reference of an image': post(
    parameters(
      `{"name":"_anonymizationConfig","valueString":"a"},{"name":"_anonymizationConfigCollectionReference","valueString":"${filled(() => 'a-', '').slice(0, 1_000_000)}"}`,
    ),
  ),
  'a reference of an image of slashes': post(one('_anonymizationConfigCollectionReference', () => 'a/', '')),
  'an instant': post(one('_since', () => '1', '')),
  'deep JSON': post('['.repeat(MAX_BYTES)),
  'deep objects': post('{"a":'.repeat(MAX_BYTES / 5)),
  'a query of names': get(filled((n) => `a${n}`, '&')),
  'a query of percent signs': get(filled(() => '%', '')),
  'a header of types': { accept: filled(() => '*/*', ',') },
  'a header of blanks': { accept: filled(() => ' ', '') },
  'a header of preferences': { prefer: filled(() => 'respond-async', ',') },
};

it.each([
  ['_elements', one('_elements', (n) => `e${n}`)],
  ['_type', one('_type', (n) => `T${n}`)],
  ['_typeFilter', one('_typeFilter', (n) => `Patient?a=${n}`)],
  ['Parameters.parameter', each('_type', (n) => `T${n}`)],
])('a request of too many names is refused, naming the parameter: %s', (expression, body) => {
  const { issues } = readKickOff(
    {
      level: { kind: 'system' },
      method: 'POST',
      url: BASE,
      accept: 'application/fhir+json',
      prefer: 'respond-async',
      body,
    },
    context,
  );
  expect(issues.map((issue) => issue.expression?.[0])).toContain(expression);
  expect(JSON.stringify(issues).length).toBeLessThan(2000);
});

describe(`any request of 1 MiB is read or refused within ${MAX_MS} ms (${MACHINE_FACTOR} times as much on slow machines):`, () => {
  it.each(Object.entries(REQUESTS))('%s', (_name, more) => {
    const raw: RawKickOff = {
      level: { kind: 'patient' },
      method: 'GET',
      url: BASE,
      accept: 'application/fhir+json',
      prefer: 'respond-async',
      body: undefined,
      ...more,
    };
    const cost = costOf(() => {
      if (readKickOff(raw, context).kickOff !== undefined) knownParametersOnly(raw.url);
    });
    expect(cost).toBeLessThan(MAX_MS * MACHINE_FACTOR);
  });

  it('scopes of a token', () => {
    const scopes = filled((n) => `system/T${n}.rs`, ' ').split(' ');
    expect(costOf(() => readScopes(scopes, 'export.raw', context.isResourceType))).toBeLessThan(
      MAX_MS * MACHINE_FACTOR,
    );
  });
});
