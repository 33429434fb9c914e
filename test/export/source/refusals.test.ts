import { expect, it } from 'vitest';
import { ExportError } from '../../../functions/common/errors.js';
import { attemptsOf, mayTry, refusalOf, type Remedy } from '../../../functions/export/source/refusals.js';

const REMEDIES: readonly Remedy[] = [
  'again',
  'smaller page',
  'fewer ids',
  'fewer members',
  'other search',
  'leave out',
];

const REFUSED = ['fewer ids', 'fewer members', 'other search', 'leave out'];
const BUSY = ['again', 'fewer members'];

it.each([
  [400, 'source-refused', REFUSED],
  [401, 'source-denied', []],
  [403, 'source-forbidden', ['fewer members', 'leave out']],
  [404, 'source-refused', REFUSED],
  [405, 'source-refused', REFUSED],
  [406, 'source-refused', REFUSED],
  [408, 'source-busy', BUSY],
  [410, 'source-link-expired', ['other search']],
  [413, 'source-page-too-large', ['smaller page', 'fewer ids', 'fewer members']],
  [414, 'source-refused', REFUSED],
  [429, 'source-busy', BUSY],
  [500, 'source-failed', ['again', 'smaller page', 'fewer ids', 'fewer members']],
  [501, 'source-refused', REFUSED],
  [503, 'source-busy', BUSY],
  [599, 'source-busy', BUSY],
])('status %i is %s, and may be tried by %j', (status, code, remedies) => {
  const error = refusalOf(status, 'see the credentials');
  expect(error.code).toBe(code);
  expect(error.message).toContain(status === 410 ? 'expired' : String(status));
  expect(REMEDIES.filter((remedy) => mayTry(remedy, error))).toEqual(remedies);
  expect(error.retryable).toBe(mayTry('again', error));
});

it('a request is made once, four times, or as often as the settings allow', () => {
  const attempts = [400, 500, 503].map((status) => attemptsOf(refusalOf(status, '')));
  expect(attempts).toEqual([1, 4, Number.POSITIVE_INFINITY]);
  expect(attemptsOf(new ExportError('source-timeout', '', true))).toBe(1);
});

it('nothing is tried after an error of another kind', () => {
  for (const error of [new Error('any'), new ExportError('source-not-fhir', ''), undefined]) {
    expect(REMEDIES.filter((remedy) => mayTry(remedy, error))).toEqual([]);
  }
});
