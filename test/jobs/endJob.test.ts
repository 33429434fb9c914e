import { randomBytes } from 'node:crypto';
import type { HttpRequest, InvocationContext } from '@azure/functions';
import { BlobServiceClient } from '@azure/storage-blob';
import type { DurableClient } from 'durable-functions';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { finishExport } from '../../functions/activities/finishExport.js';
import type { ExportFiles } from '../../functions/adapters/storage/exportFiles.js';
import { JobStore } from '../../functions/adapters/storage/jobStore.js';
import { ExportError } from '../../functions/common/errors.js';
import type { JobRequest } from '../../functions/export/records/job.js';
import { cancelExport } from '../../functions/http/cancelExport.js';
import type { HttpDependencies } from '../../functions/http/dependencies.js';
import { readSettings } from '../../functions/settings/settings.js';
import { cleanUpJob } from '../../functions/jobs/cleanUp.js';
import { REQUIRED_SETTINGS } from '../environment.js';
import { jobRequest } from '../export/requests.js';
import { type Emulator, startEmulator } from '../adapters/azurite.js';

const FAILURE = { code: 'source-busy', message: 'The source was busy.', retryable: false } as const;
const settings = readSettings(REQUIRED_SETTINGS);

let emulator: Emulator;
let jobs: JobStore;
let request: JobRequest;
/** The private state when the first file was to be deleted. */
let stateThen: string[];

beforeAll(async () => {
  emulator = await startEmulator();
  jobs = new JobStore(BlobServiceClient.fromConnectionString(emulator.connectionString));
});
afterAll(() => emulator.stop());

beforeEach(async () => {
  request = jobRequest({ jobId: randomBytes(16).toString('hex') });
  stateThen = [];
  await jobs.create(request, randomBytes(32), '{}');
  await jobs.claimPartition(request.jobId, { worker: 0, turn: 0 }, { first: 0, end: 10 });
});

async function stateNames(): Promise<string[]> {
  const service = BlobServiceClient.fromConnectionString(emulator.connectionString);
  const names: string[] = [];
  const prefix = `${request.jobId}/`;
  for await (const { name } of service.getContainerClient('fhir-export-jobs').listBlobsFlat({ prefix })) {
    names.push(name.slice(prefix.length));
  }
  return names;
}

/** Files that storage is not done with deleting when it is cut off. */
const slowFiles = {
  discard: async () => {
    stateThen = await stateNames();
    throw new ExportError('storage-unavailable', 'The files are still being deleted.', true);
  },
} as unknown as ExportFiles;

function clientOf(terminate: () => Promise<unknown>): DurableClient {
  return {
    getStatus: async () => ({ runtimeStatus: 'Terminated' }),
    terminate,
    purgeInstanceHistory: async () => undefined,
  } as unknown as DurableClient;
}
const client = clientOf(async () => undefined);
const at = '2026-01-01T00:01:00.000Z';
const now = (): number => Date.parse('2026-01-01T02:00:00Z');

async function cancel(by: DurableClient): Promise<void> {
  const handler = cancelExport({ jobs, files: slowFiles, now } as unknown as HttpDependencies);
  const { status } = await handler(
    { params: { jobId: request.jobId }, method: 'DELETE' } as unknown as HttpRequest,
    by,
    { warn: () => undefined } as unknown as InvocationContext,
    { kind: 'unknown' },
  );
  expect(status).toBe(202);
}

async function cleanUp(): Promise<void> {
  const dependencies = { settings, jobs, files: slowFiles, bulkOf: undefined, now };
  await expect(cleanUpJob(dependencies, client, request.jobId)).rejects.toThrow('still being deleted');
}

async function finish(): Promise<void> {
  const sourceOf = (): never => {
    throw new Error('not asked for here');
  };
  const slices = { forget: (): void => undefined };
  const run = finishExport({ settings, jobs, files: slowFiles, bulkOf: undefined, sourceOf, now, slices });
  await expect(run({ jobId: request.jobId }, () => undefined)).rejects.toThrow('still being deleted');
}

it.each<[string, () => Promise<void>]>([
  ['a cancel', () => cancel(client)],
  [
    'a cancel that the timer carries through',
    async () => {
      await jobs.putStop(request.jobId, { reason: 'cancelled', at });
      await cleanUp();
    },
  ],
  ['a job whose orchestration was lost', cleanUp],
  [
    'a job that fails',
    async () => {
      await jobs.putStop(request.jobId, { reason: 'failed', at, failure: FAILURE });
      await finish();
    },
  ],
])('however slowly storage deletes files, the secrets are gone first: %s', async (_how, end) => {
  expect(await stateNames()).toEqual(['claims.json', 'configuration.json', 'request.json', 'secret']);
  await end();
  expect(stateThen).toContain('claims.json');
  for (const secret of ['secret', 'configuration.json']) expect(stateThen).not.toContain(secret);
  await expect(jobs.secret(request.jobId)).rejects.toMatchObject({ code: 'job-state-missing' });
  await expect(jobs.configuration(request.jobId)).rejects.toMatchObject({ code: 'job-state-missing' });
});

it('a cancel destroys the secrets although the Durable extension does not answer', async () => {
  await cancel(clientOf(() => Promise.reject(new Error('connect ECONNREFUSED'))));
  expect(await stateNames()).toEqual(['claims.json', 'request.json', 'stop.json']);
});
