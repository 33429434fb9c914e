import { describe, expect, it } from 'vitest';
import { bulkKickOffs } from '../../../functions/export/plan/bulkKickOffs.js';
import { fileWindow } from '../../../functions/export/plan/filePlan.js';
import { transactionInstant } from '../../../functions/export/plan/partitions.js';
import { isInWindow, jobWindow } from '../../../functions/export/walk/window.js';
import { parseInstant } from '../../../functions/fhir/instant.js';
import { WHOLE_SCOPE } from '../requests.js';

const TIME = '2026-01-31T10:00:00.000Z';
const EARLIER = '2026-01-31T09:59:59.999Z';
const NOT_ASKED = { since: undefined, until: undefined };

/** By docs/consistency.md: what was changed exactly at a bound. */
describe('a resource that was changed', () => {
  it.each([
    ['search', 'exactly at transactionTime', TIME, jobWindow('Patient', NOT_ASKED, TIME), false],
    ['search', 'just before it', EARLIER, jobWindow('Patient', NOT_ASKED, TIME), true],
    ['search', 'exactly at _since, the transactionTime before', TIME, jobWindow('Patient', { ...NOT_ASKED, since: TIME }, '2027-01-01T00:00:00Z'), true],
    ['search', 'just before _since', EARLIER, jobWindow('Patient', { ...NOT_ASKED, since: TIME }, '2027-01-01T00:00:00Z'), false],
    ['search', 'exactly at _until', TIME, jobWindow('Patient', { ...NOT_ASKED, until: TIME }, transactionInstant(Date.parse('2027-01-01'), 0, TIME)), false],
    ['search', 'at the same moment in another zone', '2026-01-31T11:00:00.0000+01:00', jobWindow('Patient', NOT_ASKED, TIME), false],
    ['files or its own export', 'at transactionTime, as the lines are', TIME, fileWindow(NOT_ASKED), true],
    ['files or its own export', 'exactly at _since', TIME, fileWindow({ ...NOT_ASKED, since: TIME }), true],
    ['files or its own export', 'just before _since', EARLIER, fileWindow({ ...NOT_ASKED, since: TIME }), false],
    ['files or its own export', 'exactly at _until', TIME, fileWindow({ ...NOT_ASKED, until: TIME }), false],
    ['files or its own export', 'just before _until', EARLIER, fileWindow({ ...NOT_ASKED, until: TIME }), true],
  ] as const)('and is read by %s: %s', (_mode, _when, at, window, expected) => {
    expect(isInWindow(parseInstant(at), window)).toBe(expected);
  }); // prettier-ignore

  it('exactly at _since is not left to how the source reads it: its own export is asked for from a second before on', () => {
    const sent = bulkKickOffs({
      ...WHOLE_SCOPE,
      level: { kind: 'system' },
      since: '2026-01-31T11:00:00+01:00',
    });
    expect(sent[0]?.parameters).toEqual([['_since', '2026-01-31T09:59:59.000Z']]);
  });
});
