import { expect, it } from 'vitest';
import { bulkNotes } from '../../functions/export/plan/bulkPlan.js';
import type { JobRequest } from '../../functions/export/records/job.js';
import { jobRequest } from './requests.js';

const FILE = { url: 'http://source/file' };
const SINCE = '2026-01-01T00:00:00Z';

it.each<[string, Partial<JobRequest>, number, boolean]>([
  ['is said where deletions could be reported', { since: SINCE }, 0, true],
  ['is not said where some are listed', { since: SINCE }, 1, false],
  ['is not said of a whole export', {}, 0, false],
  ['is not said where deletions are not reported', { since: SINCE, level: { kind: 'patient' } }, 0, false],
])('that the source lists no deletions %s', (_, change, deletions, isSaid) => {
  const manifest = {
    transactionTime: '2026-11-25T00:00:00Z',
    requiresAccessToken: true,
    output: [FILE],
    deleted: Array.from({ length: deletions }, () => FILE),
    error: [],
  };
  const taken = { statusUrl: 'http://source/status', level: 'system', at: 0 } as const;
  const notes = bulkNotes(jobRequest({ jobId: 'a', ...change }), taken, manifest, [], 0);
  expect(notes.some((note) => note.includes('lists no deletions'))).toBe(isSaid);
});
