import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExportError } from '../../../functions/common/errors.js';
import { type BulkAnswer, readStatus, waitOf } from '../../../functions/export/source/bulkStatus.js';
import { randomly } from '../../random.js';

const MINUTE_MS = 60_000;
const denied = (status: number): ExportError => new ExportError('source-denied', `${status}`);
const issue = (...codes: unknown[]): object => ({
  resourceType: 'OperationOutcome',
  issue: codes.map((code) => ({ severity: 'error', code, diagnostics: 'Zacharias Quexington' })),
});
const read = (answer: Partial<BulkAnswer> & Pick<BulkAnswer, 'status'>): ReturnType<typeof readStatus> =>
  readStatus({ retryAfterMs: 0, ...answer }, MINUTE_MS, denied);

describe('the status of the own export of the source', () => {
  it.each<[string, Partial<BulkAnswer> & Pick<BulkAnswer, 'status'>, object]>([
    ['200', { status: 200 }, { kind: 'complete' }],
    ['202', { status: 202 }, { kind: 'waiting', waitMs: 6000 }],
    ['202 with Retry-After', { status: 202, retryAfterMs: 120_000 }, { kind: 'waiting', waitMs: 120_000 }],
    [
      '202 with a Retry-After of a year',
      { status: 202, retryAfterMs: 3e10 },
      { kind: 'waiting', waitMs: 3_600_000 },
    ],
    ['429', { status: 429 }, { kind: 'waiting', error: { code: 'source-busy', retryable: true } }],
    [
      '503',
      { status: 503, retryAfterMs: 9000 },
      { kind: 'waiting', waitMs: 9000, error: { code: 'source-busy' } },
    ],
    ['500 without words', { status: 500 }, { kind: 'waiting', error: { code: 'source-busy' } }],
    ['500 that passes', { status: 500, outcome: issue('transient') as never }, { kind: 'waiting' }],
    [
      '500 that does not',
      { status: 500, outcome: issue('exception') as never },
      { kind: 'failed', isGone: false },
    ],
    ['500 of both', { status: 500, outcome: issue('transient', 'exception') as never }, { kind: 'failed' }],
    ['500 with an outcome without issues', { status: 500, outcome: issue() as never }, { kind: 'failed' }],
    ['400', { status: 400 }, { kind: 'failed', isGone: false }],
    ['404', { status: 404 }, { kind: 'failed', isGone: true }],
    ['410', { status: 410 }, { kind: 'failed', isGone: true }],
  ])('after %s', (_, answer, expected) => expect(read(answer)).toMatchObject(expected));

  it.each([401, 403])('is not asked for again after %i', (status) => {
    expect(() => read({ status })).toThrow(expect.objectContaining({ code: 'source-denied' }));
  });

  it.each<[string, string | undefined]>([
    ['45%', '45%'],
    ['45.5 % complete', '45%'],
    ['100%', '99%'],
    ['in-progress', 'in progress'],
    ['Build in progress - OVERALL', undefined],
    ['0% complete, Please wait...', '0%'],
    ['45%, at patient Zacharias Quexington', '45%'],
    ['Zacharias Quexington', undefined],
    ['running for Zacharias', undefined],
    ['250% of Zacharias', undefined],
    ['processing 1951', undefined],
    ['', undefined],
  ])('has of the progress %j what is no word of a patient', (progress, expected) => {
    const status = read({ status: 202, progress });
    expect(status.kind === 'waiting' ? status.progress : 'other').toBe(expected);
  });

  it('has no other text of the source', () => {
    const WORDS = /^(?:\d{1,3}%|[a-z]+(?: [a-z]+){0,5})$/;
    const answer = fc.record({
      status: fc.integer({ min: 200, max: 599 }).filter((status) => status !== 401 && status !== 403),
      retryAfterMs: fc.oneof(fc.nat(), fc.constantFrom(0, 1e15, Infinity)),
      progress: fc.oneof(
        fc.constant(undefined),
        fc.string(),
        fc.string().map((text) => `7% ${text}`),
      ),
      outcome: fc.oneof(
        fc.jsonValue(),
        fc.array(fc.jsonValue()).map((codes) => issue(...codes)),
      ),
    });
    fc.assert(
      fc.property(answer, fc.nat(), (given, elapsedMs) => {
        const status = readStatus(given as BulkAnswer, elapsedMs, denied);
        if (status.kind !== 'waiting') return;
        expect(status.waitMs).toBeGreaterThanOrEqual(1000);
        expect(status.waitMs).toBeLessThanOrEqual(3_600_000);
        if (status.progress !== undefined) expect(status.progress).toMatch(WORDS);
        if (status.error !== undefined) expect(status.error.message).not.toContain('Zacharias');
      }),
      randomly(1000),
    );
  });

  it.each([
    [0, 0, 1000],
    [0, MINUTE_MS, 6000],
    [0, 60 * MINUTE_MS, 60_000],
    [7_200_000, 0, 3_600_000],
  ])('of which it says %i ms after %i ms is asked for in %i ms', (retryAfterMs, elapsedMs, expected) => {
    expect(waitOf({ retryAfterMs }, elapsedMs)).toBe(expected);
  });
});
