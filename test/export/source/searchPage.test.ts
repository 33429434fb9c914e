import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../functions/json/json.js';
import { readSearchPage } from '../../../functions/export/source/searchPage.js';
import { randomly, SEED } from '../../random.js';

const PATIENT: JsonObject = {
  resourceType: 'Patient',
  id: 'p',
  meta: { lastUpdated: '2020-01-01T00:00:00.000Z' },
};
const OBSERVATION: JsonObject = { resourceType: 'Observation', id: 'o' };

/** A page as it arrives. */
function bytesOf(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function bundle(...entry: JsonObject[]): JsonObject {
  return { resourceType: 'Bundle', type: 'searchset', entry };
}

function outcome(severity: string): JsonObject {
  return { resourceType: 'OperationOutcome', issue: [{ severity, code: 'informational' }] };
}

describe('a page of a search for Patient', () => {
  it.each([
    ['a match', { resource: PATIENT, search: { mode: 'match' } }, 1],
    ['a match that does not say that it is one', { resource: PATIENT }, 1],
    ['an include', { resource: OBSERVATION, search: { mode: 'include' } }, 0],
    ['an included resource of the same type', { resource: PATIENT, search: { mode: 'include' } }, 0],
    ['a warning', { resource: outcome('warning'), search: { mode: 'outcome' } }, 0],
    ['a warning that does not say what it is', { resource: outcome('information') }, 0],
  ] satisfies Array<[string, JsonObject, number]>)('with %s has %i row(s)', (_name, entry, rows) => {
    expect(readSearchPage(bytesOf(bundle(entry)), 'Patient').rows).toHaveLength(rows);
  });

  it.each([
    ['no Bundle', PATIENT, 'source-not-fhir', false],
    ['entries that are no list', { resourceType: 'Bundle', entry: {} }, 'source-not-fhir', true],
    ['an error', bundle({ resource: outcome('error') }), 'source-search-failed', true],
    ['an entry without a resource', bundle({ search: { mode: 'match' } }), 'source-search-failed', true],
    [
      'a match of another type',
      bundle({ resource: PATIENT }, { resource: OBSERVATION, search: { mode: 'match' } }),
      'source-ignored-parameter',
      false,
    ],
    [
      'a resource of another type that may be a match',
      bundle({ resource: OBSERVATION }),
      'source-ignored-parameter',
      false,
    ],
  ] satisfies Array<[string, JsonObject, string, boolean]>)(
    'that is or has %s is refused',
    (_name, page, code, retryable) => {
      expect(() => readSearchPage(bytesOf(page), 'Patient')).toThrow(
        expect.objectContaining({ code, retryable }),
      );
    },
  );
});

describe('bytes that are not UTF-8', () => {
  const latin1 = (page: JsonObject): Buffer => Buffer.from(JSON.stringify(page), 'latin1');
  const entryOf = (id: string): JsonObject => ({ resource: { ...PATIENT, id }, search: { mode: 'match' } });

  it('are an error of the resource that has them, and of no other', () => {
    const { rows } = readSearchPage(
      latin1(bundle(entryOf('Jos\u00e9'), entryOf('p'), entryOf('Jos\u00e8'))),
      'Patient',
    );
    expect(rows.map(({ json }) => json !== undefined)).toEqual([false, true, false]);
    expect(rows[1]?.resource()['id']).toBe('p');
    expect(() => rows[0]?.resource()).toThrow(expect.objectContaining({ code: 'source-not-fhir' }));
  });

  it('are an error of the page where they are in no resource', () => {
    const page = { ...bundle(entryOf('p')), link: [{ relation: 'next', url: 'http://e.org/\u00e9' }] };
    expect(() => readSearchPage(latin1(page), 'Patient')).toThrow(
      expect.objectContaining({ code: 'source-not-fhir' }),
    );
  });
});

describe('what was asked to come along', () => {
  const provenance: JsonObject = { resourceType: 'Provenance', id: 'v' };

  it.each([
    ['is distinguished from the matches', { resource: provenance, search: { mode: 'include' } }, 1, 0],
    ['may not say so', { resource: provenance }, 1, 0],
    [
      'may be mixed with what was not asked for',
      { resource: OBSERVATION, search: { mode: 'include' } },
      0,
      0,
    ],
    ['is no match of the same type', { resource: PATIENT, search: { mode: 'match' } }, 0, 1],
  ] satisfies Array<[string, JsonObject, number, number]>)('%s', (_name, entry, included, rows) => {
    const page = readSearchPage(bytesOf(bundle(entry)), 'Patient', 'Provenance');
    expect([page.included.length, page.rows.length, page.isCut]).toEqual([included, rows, false]);
  });

  it.each([
    ['a related link', { ...bundle(), link: [{ relation: 'related', url: 'http://source/$includes' }] }],
    [
      'an outcome',
      bundle({
        resource: { resourceType: 'OperationOutcome', issue: [{ severity: 'warning', code: 'incomplete' }] },
        search: { mode: 'outcome' },
      }),
    ],
  ] satisfies Array<[string, JsonObject]>)('is not all there where %s says so', (_name, page) => {
    expect(readSearchPage(bytesOf(page), 'Patient', 'Provenance').isCut).toBe(true);
  });

  it.each(['incomplete', 'timeout'])(
    'is refused where a warning of %s says that matches are missing',
    (code) => {
      const resource = { resourceType: 'OperationOutcome', issue: [{ severity: 'warning', code }] };
      const page = bundle({ resource: PATIENT }, { resource, search: { mode: 'outcome' } });
      expect(() => readSearchPage(bytesOf(page), 'Patient')).toThrow(
        expect.objectContaining({ code: 'source-search-failed', retryable: true }),
      );
    },
  );
});

describe(`a page read from its bytes (TEST_SEED=${SEED})`, () => {
  /** Resources of any content, keys and texts that look like JSON included. */
  const resources = fc.array(
    fc.record({
      resourceType: fc.constant('Patient'),
      id: fc.stringMatching(/^[A-Za-z0-9.-]{1,64}$/),
      meta: fc.constant({ lastUpdated: '2020-01-01T00:00:00Z' }),
      text: fc.string({ unit: 'binary' }),
      long: fc.string({ unit: fc.constantFrom('\\', '"', 'a', 'é'), minLength: 40, maxLength: 300 }),
      more: fc.jsonValue(),
    }),
    { maxLength: 5 },
  );
  const spaces = fc.constantFrom(undefined, 1, '\t', '\n');

  it('has the resources that a parser finds', () => {
    fc.assert(
      fc.property(resources, spaces, fc.boolean(), (all, space, mark) => {
        const page = {
          resourceType: 'Bundle',
          link: [{ relation: 'next', url: 'http://source/"}],' }],
          total: all.length,
          entry: all.map((resource) => ({ fullUrl: '{"', resource, search: { mode: 'match' } })),
        };
        const text = `${mark ? '\uFEFF' : ''}${JSON.stringify(page, undefined, space)}\n`;
        const read = readSearchPage(Buffer.from(text), 'Patient');
        expect(read.rows.map((row) => row.resource())).toEqual(JSON.parse(JSON.stringify(all)));
        expect(read.rows.map(({ id }) => id)).toEqual(all.map(({ id }) => id));
        expect(read).toMatchObject({ total: all.length, next: 'http://source/"}],' });
      }),
      randomly(1000),
    );
  });

  it('is refused wherever it was cut', () => {
    const whole = bytesOf(bundle({ resource: PATIENT }, { resource: { ...PATIENT, id: 'q', text: '\\"}' } }));
    for (let length = 0; length < whole.length; length++) {
      expect(() => readSearchPage(whole.subarray(0, length), 'Patient'), String(length)).toThrow(
        expect.objectContaining({ code: 'source-not-fhir' }),
      );
    }
    expect(readSearchPage(whole, 'Patient').rows).toHaveLength(2);
  });

  it('is refused where an id is hidden by an escape', () => {
    const text =
      '{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"a","\\u0069d":"b"}}]}';
    expect(() => readSearchPage(Buffer.from(text), 'Patient')).toThrow(/not complete JSON/);
  });
});
