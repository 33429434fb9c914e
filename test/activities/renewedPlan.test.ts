import { expect, it } from 'vitest';
import type { ActivityDependencies } from '../../functions/activities/dependencies.js';
import { planExport } from '../../functions/activities/planExport.js';
import { renewSource } from '../../functions/activities/renewSource.js';
import type { JobPlan, JobRequest } from '../../functions/export/records/job.js';
import type { SourceExport } from '../../functions/export/records/sourceExport.js';
import type { StopReason } from '../../functions/jobs/model/state.js';
import { jobRequest } from '../export/requests.js';

const AT = '2026-11-25T00:00:00Z';
const LOST: StopReason = {
  reason: 'failed',
  at: AT,
  failure: { code: 'source-export-lost', message: 'gone', retryable: false },
};
const STALE: JobPlan = { transactionTime: AT, partitions: [], first: 0, start: 1 };

/** The state of a job whose second export of the source begins with partition 8. */
class Store {
  held: JobPlan | undefined;
  members: string[] | undefined = ['of the first'];
  stopped: StopReason | undefined;
  source: SourceExport = {
    start: 2,
    first: 8,
    askedAt: 0,
    answeredAt: 0,
    formerUrls: [],
    isComplete: true,
    taken: { statusUrl: 'http://source/status', level: 'system', at: 0 },
  };
  /** What an attempt that comes late writes just before this one. */
  late: JobPlan | undefined;
  readonly asked: JobRequest = jobRequest({ jobId: 'a', sourceMode: 'bulk' });

  readonly jobs = {
    request: async () => this.asked,
    records: async () => ({ request: this.asked, stop: this.stopped, outcome: undefined }),
    sourceExport: async () => this.source,
    changeSourceExport: async (_: string, change: (stored: SourceExport) => SourceExport | undefined) =>
      (this.source = change(this.source) ?? this.source),
    sourceManifest: async () => ({
      transactionTime: AT,
      requiresAccessToken: true,
      output: [],
      deleted: [],
      error: [],
    }),
    plan: async () => this.held,
    putPlan: async (_: string, plan: JobPlan) => {
      this.held ??= this.late ?? plan;
      this.late = undefined;
      return this.held;
    },
    dropPlan: async (_: string, first: number) => {
      if ((this.held?.first ?? 0) < first) this.held = undefined;
    },
    dropMembers: async () => {
      this.members = undefined;
    },
    dropFailure: async (_: string, since: string) => {
      if (this.stopped?.at === since) this.stopped = undefined;
    },
  };

  readonly dependencies = {
    jobs: this.jobs,
    bulkOf: () => ({}),
    settings: { fhirServerUrl: 'http://source', fhirVersion: 'R4', sourceMaxRequests: 1 },
    isResourceType: () => true,
    now: () => 0,
  } as unknown as ActivityDependencies;
}

it.each([
  ['before it looks', (store: Store) => (store.held = STALE)],
  ['while it makes its own', (store: Store) => (store.late = STALE)],
])(
  'a plan of an export of the source that is gone does not hold, where it is written late, %s',
  async (_, write) => {
    const store = new Store();
    write(store);
    const output = await planExport(store.dependencies)({ jobId: 'a' }, () => undefined);
    expect(output.first).toBe(8);
    expect(store.held).toMatchObject({ first: 8, start: 2 });
  },
);

it('a renewal takes plan, members and failure away, but not those of the next plan when it runs again', async () => {
  const store = new Store();
  store.source = { ...store.source, start: 1, first: 0 };
  store.held = { ...STALE, partitions: Array.from({ length: 4 }) };
  store.stopped = LOST;
  const renew = renewSource(store.dependencies);
  expect(await renew({ jobId: 'a', start: 1 })).toEqual({ isRenewed: true });
  expect(store).toMatchObject({ held: undefined, members: undefined, stopped: undefined });
  expect(store.source).toMatchObject({ start: 2, first: 8 });
  store.source.taken = { statusUrl: 'http://source/second', level: 'system', at: 0 };
  await planExport(store.dependencies)({ jobId: 'a' }, () => undefined);
  store.members = ['of the second'];
  const second = { ...LOST, at: '2026-01-02T00:00:00Z' };
  store.stopped = second;
  expect(await renew({ jobId: 'a', start: 1 })).toEqual({ isRenewed: true });
  expect(store.members).toEqual(['of the second']);
  expect(store.held?.first).toBe(8);
  expect(store.stopped).toEqual(second);
});
