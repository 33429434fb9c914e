import { expect, it } from 'vitest';
import type { ActivityDependencies } from '../../functions/activities/dependencies.js';
import { prepareSource } from '../../functions/activities/prepareSource.js';
import type { JobRequest } from '../../functions/export/records/job.js';
import type { BulkKickOff } from '../../functions/export/plan/bulkKickOffs.js';
import type { SourceExport } from '../../functions/export/records/sourceExport.js';
import type { BulkAnswer } from '../../functions/export/source/bulkStatus.js';
import { jobRequest } from '../export/requests.js';

const NOW = Date.parse('2026-11-25T00:00:00Z');
const STATUS_URL = 'http://source/status/1';

interface Given {
  request?: Partial<JobRequest>;
  known?: Partial<SourceExport>;
  answer: (kickOff: BulkKickOff) => Pick<BulkAnswer, 'status'> & { statusUrl?: string };
  isRemoved?: () => Promise<boolean>;
  /** Happens while the source answers a kick-off. */
  meanwhile?: (stored: SourceExport) => SourceExport;
}

/** Makes one step; what was asked for, and what is stored after it. */
async function step({ request, known, answer, isRemoved = async () => true, meanwhile }: Given): Promise<{
  result: unknown;
  asked: BulkKickOff[];
  removed: string[];
  stored: SourceExport | undefined;
}> {
  let stored: SourceExport | undefined = {
    start: 1,
    first: 0,
    askedAt: NOW,
    answeredAt: NOW,
    formerUrls: [],
    isComplete: false,
    ...known,
  };
  const asked: BulkKickOff[] = [];
  const removed: string[] = [];
  const client = {
    remedy: '',
    kickOff: async (kickOff: BulkKickOff) => {
      asked.push(kickOff);
      if (meanwhile !== undefined && stored !== undefined) stored = meanwhile(stored);
      return { retryAfterMs: 0, ...answer(kickOff) };
    },
    remove: async (url: string) => {
      removed.push(url);
      return isRemoved();
    },
  };
  const job = jobRequest({ jobId: 'a', sourceMode: 'bulk', ...request });
  const dependencies = {
    now: () => NOW,
    settings: { source: { mode: { maxHours: 24 } } },
    bulkOf: () => client,
    jobs: {
      records: async () => ({ request: job, stop: undefined, outcome: undefined }),
      changeSourceExport: async (_: string, change: (before: typeof stored) => typeof stored) => {
        stored = change(stored) ?? stored;
        return stored;
      },
      putProgress: async () => undefined,
    },
  };
  const result = await prepareSource(dependencies as unknown as ActivityDependencies)(
    { jobId: 'a' },
    () => undefined,
  ).catch((error: unknown) => error);
  return { result, asked, removed, stored };
}

it.each([202, 200, 303])(
  'a kick-off that is answered %i without a place is not made again: each would be another export',
  async (status) => {
    const { result, asked } = await step({ answer: () => ({ status }) });
    expect(result).toMatchObject({ code: 'source-export-failed', retryable: false });
    expect(asked).toHaveLength(1);
  },
);

it.each([
  ['answers 503', async () => false],
  ['does not answer', () => Promise.reject(new Error('timeout'))],
])('an export too many that the source keeps, since it %s, is deleted at the end', async (_, isRemoved) => {
  const taken = { statusUrl: 'http://source/status/0', level: 'system', at: NOW } as const;
  const { removed, stored } = await step({
    answer: () => ({ status: 202, statusUrl: STATUS_URL }),
    isRemoved,
    meanwhile: (before) => ({ ...before, taken }),
  });
  expect(removed).toEqual([STATUS_URL]);
  expect(stored).toMatchObject({ taken, formerUrls: [STATUS_URL] });
});

it('an export that shows that filters are ignored is deleted at the end, where the source keeps it', async () => {
  const typeFilters = [{ type: 'Patient', search: [['gender', 'female']] as const }];
  const { result, stored } = await step({
    request: { types: ['Patient'], typeFilters: typeFilters as never },
    answer: () => ({ status: 202, statusUrl: STATUS_URL }),
    isRemoved: async () => false,
  });
  expect(result).toMatchObject({ code: 'invalid-request' });
  expect(stored?.formerUrls).toEqual([STATUS_URL]);
});

it('filters of types that are searched are not asked of the export of the source', async () => {
  const typeFilters = [{ type: 'Patient', search: [['gender', 'female']] as const }];
  const { asked } = await step({
    request: { sourceMode: 'auto', types: ['Patient', 'Group'], typeFilters: typeFilters as never },
    known: { choice: { bulk: ['Group'], search: ['Patient'] } },
    answer: () => ({ status: 202, statusUrl: STATUS_URL }),
  });
  expect(asked.map(({ parameters }) => parameters)).toEqual([[['_type', 'Group']]]);
});
