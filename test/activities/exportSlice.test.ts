import { describe, expect, it } from 'vitest';
import type { ActivityDependencies } from '../../functions/activities/dependencies.js';
import { CpuShares } from '../../functions/activities/cpuShares.js';
import { JobCache } from '../../functions/activities/jobCache.js';
import { exportSlice } from '../../functions/activities/exportSlice.js';
import type { JobStore } from '../../functions/adapters/storage/jobStore.js';
import { ExportError } from '../../functions/common/errors.js';
import type { JobRequest } from '../../functions/export/records/job.js';
import { arraySink } from '../export/arraySink.js';
import { jobRequest } from '../export/requests.js';

const SOURCE = { url: 'https://one.example/fhir', fhirVersion: 'R4' };

/** A slice of a job that was planned for SOURCE; it gets as far as asking for the line maker, or does not. */
async function sliceUnder(settings: { fhirServerUrl: string; fhirVersion: string }): Promise<void> {
  const window = { type: 'Patient', from: undefined, until: '2026-01-01T00:00:00Z' };
  const dependencies = {
    settings: { ...settings, workerThreads: { most: 0, areSpared: false } },
    jobs: {
      request: async () => ({ folder: '', container: 'research', typeFilters: [], elements: [] }),
      plan: async () => ({
        transactionTime: window.until,
        source: SOURCE,
        partitions: [{ window, estimate: 1 }],
      }),
      checkClaim: async () => undefined,
    },
    cpu: new CpuShares(() => undefined),
    cache: { lineMaker: () => Promise.reject(new Error('got as far as this')) },
  };
  const run = exportSlice(dependencies as unknown as ActivityDependencies);
  await run({ jobId: 'job', partition: 0, slice: 0, previous: null }, () => undefined);
}

it('a job that was planned for one source is not gone on with at another', async () => {
  const same = { fhirServerUrl: SOURCE.url, fhirVersion: SOURCE.fhirVersion };
  await expect(sliceUnder(same)).rejects.toThrow('got as far as this');
  for (const other of [{ fhirServerUrl: 'https://two.example/fhir' }, { fhirVersion: 'R5' }]) {
    await expect(sliceUnder({ ...same, ...other })).rejects.toMatchObject({
      code: 'source-unverifiable',
      retryable: false,
      message: expect.stringContaining('Start the export again'),
    });
  }
});

describe('a slice of a job whose secrets are destroyed', () => {
  const gone = new ExportError('job-state-missing', 'The job has ended.');
  const condition = {
    resourceType: 'Condition',
    id: 'c',
    code: { text: 'Jos\u00e9' },
    meta: { lastUpdated: '2025-01-01T00:00:00Z' },
    subject: { reference: 'Patient/p' },
  };

  /** A slice of one page; what it has at its end, files and records. */
  async function sliceOf(
    change: Partial<JobRequest>,
    encoding: BufferEncoding = 'utf8',
    confirmContainer = async (): Promise<void> => undefined,
  ): Promise<{ thrown: unknown; left: string[] }> {
    const left = new Set<string>();
    const request = jobRequest({ jobId: 'job', minPatients: 10, ...change });
    const jobs = {
      request: async () => request,
      records: async () => ({ request, stop: undefined, outcome: undefined }),
      plan: async () => ({
        transactionTime: '2026-01-01T00:00:00Z',
        partitions: [
          { window: { type: 'Condition', from: undefined, until: '2026-01-01T00:00:00Z' }, estimate: 1 },
        ],
      }),
      secret: () => Promise.reject(gone),
      configuration: () => Promise.reject(gone),
      putSlice: async () => void left.add('record'),
      checkClaim: async () => undefined,
      putProgress: async () => undefined,
    };
    const body = Buffer.from(
      JSON.stringify({
        resourceType: 'Bundle',
        type: 'searchset',
        link: [
          { relation: 'self', url: 'http://source.example/Condition?_sort=_lastUpdated&_lastUpdated=x' },
        ],
        total: 1,
        entry: [{ resource: condition, search: { mode: 'match' } }],
      }),
      encoding,
    );
    const dependencies = {
      settings: {
        fhirVersion: 'R4',
        pageSize: 10,
        sliceMaxPages: 10,
        sliceMaxMebibytes: 1,
        sliceMaxSeconds: 10,
      },
      jobs,
      files: {
        confirmContainer,
        create: async (_container: string, name: string) => {
          left.add(name);
          return arraySink([]);
        },
        deleteFile: async (_container: string, name: string) => void left.delete(name),
      },
      sourceOf: () => ({ search: async () => ({ body, date: 0 }) }),
      cpu: new CpuShares(() => undefined),
      cache: new JobCache(
        jobs as unknown as JobStore,
        { fhirVersion: 'R4', fhirServerUrl: 'https://source.example/fhir' },
        () => Promise.resolve(null),
      ),
      now: () => 0,
    };
    const run = exportSlice(dependencies as unknown as ActivityDependencies);
    const error = await run({ jobId: 'job', partition: 0, slice: 0, previous: null }, () => undefined).catch(
      (reason: unknown) => reason,
    );
    return { thrown: error, left: [...left] };
  }

  it('does not begin', async () => {
    const configuration = { name: 'a.json', digest: 'd', keysDigest: 'k' };
    expect(await sliceOf({ configuration })).toEqual({ thrown: gone, left: [] });
  });

  it('fails where it has written already, and leaves no file and no record', async () => {
    expect(await sliceOf({})).toEqual({ thrown: gone, left: [] });
    // The same one gets to its end where it has no need of the secret.
    const { thrown, left } = await sliceOf({ minPatients: 0 });
    expect(thrown).toMatchObject({ isDone: true });
    expect(left).toEqual([expect.stringMatching(/Condition-0-0-.*ndjson$/), 'record']);
  });

  it('writes nothing into a container that another job took meanwhile', async () => {
    const taken = new ExportError('container-conflict', 'taken');
    const { thrown, left } = await sliceOf({ minPatients: 0 }, 'utf8', () => Promise.reject(taken));
    expect({ thrown, left }).toEqual({ thrown: taken, left: [] });
  });

  it('writes no resource whose bytes are not UTF-8', async () => {
    const { thrown, left } = await sliceOf({ minPatients: 0 }, 'latin1');
    expect(thrown).toMatchObject({
      code: 'resource-failed',
      message: expect.stringContaining('not UTF-8') as string,
    });
    expect(left).toEqual([]);
  });
});
