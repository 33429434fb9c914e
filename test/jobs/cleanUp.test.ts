import { randomBytes } from 'node:crypto';
import { BlobServiceClient } from '@azure/storage-blob';
import type { DurableClient } from 'durable-functions';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ExportFiles } from '../../functions/adapters/storage/exportFiles.js';
import { JobStore } from '../../functions/adapters/storage/jobStore.js';
import type { JobOutcome } from '../../functions/jobs/model/state.js';
import type { JobRequest } from '../../functions/export/records/job.js';
import { cleanUpJob } from '../../functions/jobs/cleanUp.js';
import { jobRequest } from '../export/requests.js';
import { startTestStorage, type TestStorage } from '../stack/harness.js';

const HOUR_MS = 3_600_000;
const STARTED = Date.parse('2026-01-01T00:00:00Z');
const CONTAINER = 'research';
const FAILURE = { code: 'source-busy', message: 'The source was busy.', retryable: false } as const;

let test: TestStorage;
let service: BlobServiceClient;
let jobs: JobStore;
let files: ExportFiles;
let request: JobRequest;
let called: string[];

beforeAll(async () => {
  test = await startTestStorage();
  service = BlobServiceClient.fromConnectionString(test.stack.exportStorage ?? '');
  jobs = new JobStore(BlobServiceClient.fromConnectionString(test.stack.runtimeStorage));
  files = new ExportFiles(service);
  await service.getContainerClient(CONTAINER).createIfNotExists();
});
afterAll(() => test.end());

/** A job with its state, a file that a manifest would name, and one that no record names. */
beforeEach(async () => {
  const jobId = randomBytes(16).toString('hex');
  request = jobRequest({ jobId, startedAt: new Date(STARTED).toISOString(), container: CONTAINER });
  called = [];
  await jobs.create(request, randomBytes(32), '{}');
  const window = { type: 'Patient', from: undefined, until: '2026-01-01T00:00:00Z' };
  await jobs.putPlan(jobId, {
    transactionTime: window.until,
    partitions: [{ window, estimate: 1 }],
    notes: [],
  });
  for (const name of ['named', 'orphan'])
    await files.write(CONTAINER, `${request.folder}${name}.ndjson`, '{}\n');
});

/** A Durable client whose job is in a state, or that does not know. */
function clientOf(runtimeStatus: string | undefined | Error): DurableClient {
  return {
    getStatus: async () => {
      if (runtimeStatus instanceof Error) throw runtimeStatus;
      if (runtimeStatus === undefined)
        throw new Error('DurableClient error: replied with HTTP 404 response.');
      return { runtimeStatus };
    },
    terminate: async (id: string) => void called.push(`terminate ${id}`),
    purgeInstanceHistory: async (id: string) => void called.push(`purge ${id}`),
  } as unknown as DurableClient;
}

async function cleanUp(hours: number, client: DurableClient): Promise<void> {
  const now = (): number => STARTED + hours * HOUR_MS;
  await cleanUpJob(
    { settings: { jobRetentionHours: 48 }, jobs, files, bulkOf: undefined, now },
    client,
    request.jobId,
  );
}

async function fileNames(): Promise<string[]> {
  const names = [...(await files.list(CONTAINER, request.folder)).keys()];
  return names.map((name) => name.slice(request.folder.length));
}

/** Names of what is left of the job's private state. */
async function stateNames(): Promise<string[]> {
  const container = BlobServiceClient.fromConnectionString(test.stack.runtimeStorage);
  const names: string[] = [];
  const prefix = `${request.jobId}/`;
  for await (const { name } of container.getContainerClient('fhir-export-jobs').listBlobsFlat({ prefix })) {
    names.push(name.slice(prefix.length));
  }
  return names;
}

async function putManifest(): Promise<void> {
  const url = `http://host/fhir/_operations/export/${request.jobId}/files/named.ndjson`;
  await jobs.putManifest(request.jobId, {
    transactionTime: request.startedAt,
    request: request.requestUrl,
    requiresAccessToken: true,
    output: [{ type: 'Patient', url, count: 1 }],
    deleted: [],
    error: [],
    extension: {},
  });
}

function outcomeAt(hours: number, state: 'completed' | 'failed'): JobOutcome {
  const at = new Date(STARTED + hours * HOUR_MS).toISOString();
  return state === 'completed' ? { state, at } : { state, at, failure: FAILURE };
}

describe('of a running job the timer takes nothing', () => {
  it.each(['Running', 'Pending', 'ContinuedAsNew', 'Suspended'])('while it is %s', async (status) => {
    await cleanUp(5, clientOf(status));
    expect(await fileNames()).toEqual(['named.ndjson', 'orphan.ndjson']);
    expect(await stateNames()).toEqual(['configuration.json', 'plan.json', 'request.json', 'secret']);
  });

  it('while the Durable extension does not answer', async () => {
    const gone = new Error('connect ECONNREFUSED');
    await expect(cleanUp(5, clientOf(gone))).rejects.toThrow('ECONNREFUSED');
    expect(await fileNames()).toHaveLength(2);
    expect(await jobs.outcome(request.jobId)).toBeUndefined();
  });

  it('while it may be starting', async () => {
    await cleanUp(0.5, clientOf(undefined));
    expect(await fileNames()).toHaveLength(2);
    expect(await stateNames()).toContain('secret');
  });
});

it('a job that ended without an outcome fails, with the reason where there is one', async () => {
  await jobs.putStop(request.jobId, { reason: 'failed', at: request.startedAt, failure: FAILURE });
  await cleanUp(2, clientOf('Failed'));
  expect(await jobs.outcome(request.jobId)).toMatchObject({ state: 'failed', failure: FAILURE });
  expect(await fileNames()).toEqual([]);
  expect(await stateNames()).toEqual(['outcome.json', 'plan.json', 'request.json', 'stop.json']);
});

it('an outcome that was written holds: files of a complete job are not discarded', async () => {
  await putManifest();
  await jobs.putOutcome(request.jobId, outcomeAt(1, 'completed'));
  expect(await jobs.putOutcome(request.jobId, outcomeAt(2, 'failed'))).toMatchObject({ state: 'completed' });
  await cleanUp(2, clientOf('Failed'));
  expect(await fileNames()).toEqual(['named.ndjson']);
});

it('a complete job loses its orphans at once, and everything when its retention is over', async () => {
  await putManifest();
  await jobs.putOutcome(request.jobId, outcomeAt(1, 'completed'));
  await cleanUp(2, clientOf('Completed'));
  expect(await fileNames()).toEqual(['named.ndjson']);
  expect(await stateNames()).toEqual(['manifest.json', 'outcome.json', 'plan.json', 'request.json']);
  await cleanUp(50, clientOf('Completed'));
  expect(await fileNames()).toEqual([]);
  expect(await stateNames()).toEqual([]);
  const { jobId } = request;
  expect(called).toEqual(
    [jobId, `${jobId}:worker-0`, `${jobId}:worker-1`, `${jobId}:partition-0`].map((id) => `purge ${id}`),
  );
});

it('a cancel that was cut off is carried through, and found for a day', async () => {
  await jobs.putStop(request.jobId, {
    reason: 'cancelled',
    at: new Date(STARTED + 30 * HOUR_MS).toISOString(),
  });
  for (const worker of [0, 1])
    await jobs.claimPartition(request.jobId, { worker: worker, turn: 0 }, { first: 0, end: 5000 });
  await cleanUp(31, clientOf('Running'));
  const underWay = ['', ':worker-0', ':worker-1', ':partition-0', ':partition-1'];
  expect(called).toEqual(underWay.map((part) => `terminate ${request.jobId}${part}`));
  expect(await fileNames()).toEqual([]);
  expect(await stateNames()).toEqual(['plan.json', 'request.json', 'stop.json']);
  // A slice that was cut off from the news writes once more.
  await files.write(CONTAINER, `${request.folder}late.ndjson`, '{}\n');
  await cleanUp(53, clientOf('Terminated'));
  expect(await fileNames()).toEqual([]);
  await cleanUp(55, clientOf('Terminated'));
  expect(await stateNames()).toEqual([]);
});
