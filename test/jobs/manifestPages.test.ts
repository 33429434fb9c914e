import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JobStore } from '../../functions/adapters/storage/jobStore.js';
import { buildManifest, type ExportManifest } from '../../functions/export/output/manifest.js';
import {
  type ManifestPages,
  pageOfComplete,
  pageWhileRunning,
} from '../../functions/export/output/manifestPages.js';
import {
  emptyReport,
  type JobPlan,
  type OutputFile,
  type PartitionProgress,
  type PartitionRecord,
  type PlannedPartition,
} from '../../functions/export/records/job.js';
import { closePages, pagesSoFar } from '../../functions/jobs/manifestPages.js';
import { jobRequest } from '../export/requests.js';
import { randomly } from '../random.js';

const request = jobRequest({ jobId: 'a', folder: 'folder/', allowsPartialManifests: true });
const PARTITIONS = 12;
const plan: JobPlan = {
  transactionTime: '2026-01-01T00:00:00Z',
  partitions: Array.from({ length: PARTITIONS }, (_, nth): PlannedPartition => {
    return {
      window: { type: nth % 2 === 0 ? 'Patient' : 'Observation' } as PlannedPartition['window'],
      estimate: 1,
      ...(nth === 3 ? { isOfDeletions: true as const } : {}),
    };
  }),
};

/** The files of a partition: of some, none. */
function filesOf(partition: number): OutputFile[] {
  return Array.from({ length: partition % 3 }, (_, nth) => ({
    type: partition === 3 ? 'Bundle' : 'Patient',
    name: `folder/${partition}-${nth}.ndjson`,
    count: 1,
    bytes: 10,
  }));
}

/** The state of a job in memory; each change is applied to what holds then, as storage does it. */
class Job {
  pages: ManifestPages | undefined;
  readonly #complete = new Set<number>();
  readonly #isRecorded = new Set<number>();

  readonly jobs = {
    manifestPages: async () => structuredClone(this.pages),
    changeManifestPages: async (
      _jobId: string,
      change: (stored: ManifestPages | undefined) => ManifestPages | undefined,
    ) => {
      await Promise.resolve();
      this.pages = change(structuredClone(this.pages)) ?? this.pages ?? { pages: [] };
      return structuredClone(this.pages);
    },
    partition: async (_jobId: string, partition: number) =>
      this.#isRecorded.has(partition)
        ? ({ files: filesOf(partition), seconds: 1, report: emptyReport() } satisfies PartitionRecord)
        : undefined,
  } satisfies Pick<JobStore, 'manifestPages' | 'changeManifestPages' | 'partition'>;

  /** The last slice is done; the record of the partition comes later. */
  readSlices(partition: number): void {
    this.#complete.add(partition);
  }

  record(partition: number): void {
    this.#isRecorded.add(partition);
  }

  poll(): Promise<ManifestPages> {
    const progress = Array.from({ length: PARTITIONS }, (_, partition): PartitionProgress => {
      return { partition, resources: 1, isDone: this.#complete.has(partition) };
    });
    return pagesSoFar(this.jobs, request, plan, progress);
  }
}

function complete(): ExportManifest {
  const all = plan.partitions.map((_, partition) => partition);
  return buildManifest({
    request,
    plan,
    output: all.filter((partition) => partition !== 3).flatMap(filesOf),
    deleted: filesOf(3),
    errors: [{ type: 'OperationOutcome', name: 'folder/errors.ndjson', count: 1, bytes: 1 }],
    deletionNotes: [],
    report: emptyReport(),
    foreign: 0,
    ofOthers: 0,
    withheld: [],
    isPaged: true,
  });
}

const urlsOf = ({ output, deleted, error }: ExportManifest): string[] =>
  [...output, ...deleted, ...error].map(({ url }) => url);
const fieldsOf = ({ output: _o, deleted: _d, error: _e, ...fields }: ExportManifest): object => fields;

describe('the pages of a manifest', () => {
  it('have each file once, whenever partitions are complete, callers ask, and the job ends', async () => {
    const numbers = fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true }));
    const property = fc.asyncProperty(numbers, async (stream) => {
      const random = (): number => Number(stream.next().value);
      const job = new Job();
      const seen: ExportManifest[] = [];
      const note = ({ pages }: ManifestPages): void => {
        pages.forEach((_, nth) => {
          const page = pageWhileRunning(request, plan, { pages }, nth)?.manifest;
          // One that was given stays as it is.
          if (seen[nth] !== undefined) expect(page).toEqual(seen[nth]);
          if (page !== undefined) seen[nth] = page;
        });
      };
      const order = plan.partitions.map((_, partition) => partition).sort(() => random() - 0.5);
      for (const partition of order) {
        job.readSlices(partition);
        if (random() < 0.3) note(await job.poll());
        job.record(partition);
        if (random() < 0.3) (await Promise.all([job.poll(), job.poll(), job.poll()])).forEach(note);
      }
      const [, closed] = await Promise.all([
        job.poll().then(note),
        closePages(job.jobs, request),
        job.poll(),
      ]);
      // The end of a job can run again.
      expect(await closePages(job.jobs, request)).toEqual(closed);
      expect(await job.poll()).toEqual(closed);
      const given: string[] = [];
      let hasNext = true;
      for (let nth = 0; hasNext; nth++) {
        const page = pageOfComplete(complete(), closed, nth);
        if (page === undefined) throw new Error('A page has no next one.');
        if (seen[nth] !== undefined) expect(page.manifest).toEqual(seen[nth]);
        expect(fieldsOf(page.manifest)).toEqual(fieldsOf(complete()));
        expect(urlsOf(page.manifest)).not.toEqual([]);
        given.push(...urlsOf(page.manifest));
        ({ hasNext } = page);
      }
      expect(given.sort()).toEqual(urlsOf(complete()).sort());
    });
    await fc.assert(property, randomly(200));
  });

  it.each([
    ['patients are counted, since types may be withheld', { minPatients: 10 }],
    [
      'Patients have to be alike, or the job ends without data',
      { risk: { quasiIdentifiers: ['Patient.gender'], minClassSize: 5 } },
    ],
    ['files are read, whose lines may supersede each other', { sourceMode: 'files' as const }],
    ['they were not asked for', { allowsPartialManifests: false }],
  ])('are not made before the end where %s', async (_name, change) => {
    const job = new Job();
    job.record(1);
    const progress = [{ partition: 1, resources: 1, isDone: true }];
    expect(await pagesSoFar(job.jobs, { ...request, ...change }, plan, progress)).toEqual({ pages: [] });
    expect(job.pages).toBeUndefined();
  });

  it('without any before the end, the manifest is whole', () => {
    expect(pageOfComplete(complete(), { pages: [] }, 0)).toEqual({ manifest: complete(), hasNext: false });
    expect(pageOfComplete(complete(), { pages: [] }, 1)).toBeUndefined();
  });
});
