import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../functions/deid/json.js';
import { readSearchPage } from '../../functions/export/searchPage.js';

const PATIENT: JsonObject = {
  resourceType: 'Patient',
  id: 'p',
  meta: { lastUpdated: '2020-01-01T00:00:00.000Z' },
};
const OBSERVATION: JsonObject = { resourceType: 'Observation', id: 'o' };

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
    expect(readSearchPage(bundle(entry), 'Patient').rows).toHaveLength(rows);
  });

  it.each([
    ['no Bundle', PATIENT, 'source-not-fhir', false],
    ['entries that are no list', { resourceType: 'Bundle', entry: {} }, 'source-not-fhir', false],
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
      expect(() => readSearchPage(page, 'Patient')).toThrow(expect.objectContaining({ code, retryable }));
    },
  );
});
