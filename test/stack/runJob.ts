import { randomBytes } from 'node:crypto';
import pMap from 'p-map';
import { expect } from 'vitest';
import { completePartition } from '../../functions/activities/completePartition.js';
import { exportSlice } from '../../functions/activities/exportSlice.js';
import { findDoubles } from '../../functions/activities/findDoubles.js';
import { finishExport } from '../../functions/activities/finishExport.js';
import type { ActivityDependencies } from '../../functions/activities/dependencies.js';
import { planExport } from '../../functions/activities/planExport.js';
import { openPseudonymAccess } from '../../functions/adapters/pseudonyms/openPseudonyms.js';
import { prepareSource } from '../../functions/activities/prepareSource.js';
import { proveSource } from '../../functions/activities/proveSource.js';
import { renewSource } from '../../functions/activities/renewSource.js';
import { stopExport } from '../../functions/activities/stopExport.js';
import { openSourceAccess } from '../../functions/adapters/source/openSource.js';
import { openStorage } from '../../functions/adapters/storage/storage.js';
import { safeFailure } from '../../functions/common/errors.js';
import { composeThread } from '../../functions/composition.js';
import { readConfiguration } from '../../functions/deid/readConfiguration.js';
import type { ConfigurationOfJob, JobPlan, JobRequest } from '../../functions/export/records/job.js';
import { configurationDigest, keysDigest } from '../../functions/export/request/pinnedConfiguration.js';
import { type ExportManifest, REPORT_FILE } from '../../functions/export/output/manifest.js';
import type { ExportReport } from '../../functions/export/output/report.js';
import { readSettings } from '../../functions/settings/settings.js';
import { jobRequest } from '../export/requests.js';
import type { TestStorage } from './harness.js';

export interface JobResource {
  resourceType: string;
  id: string;
  [element: string]: unknown;
}

export interface RunJob {
  manifest: ExportManifest;
  notes: string[];
  plan: JobPlan;
  report: ExportReport;
  /** Names of all blobs that are left in the job's container. */
  blobs: string[];
  /** Every resource that was exported, in the order of the files. */
  resources: JobResource[];
}

/** What a job is asked for, besides what every one of these jobs has. */
export type Asked = Pick<JobRequest, 'level'> &
  Partial<
    Pick<
      JobRequest,
      'types' | 'typeFilters' | 'patients' | 'since' | 'until' | 'pageSize' | 'minPatients' | 'isGroupHidden'
    >
  > & {
    /** Text of a configuration; a raw export without. */
    configuration?: string;
  };

/**
 * A raw export by the app's own activities, as the orchestrators call them, against the storage of a stack; `workers`
 * partitions are read at the same time. Every slice's first attempt is lost where `losesAttempts` says so.
 */
export async function runJob(
  { stack }: TestStorage,
  fhirServerUrl: string,
  asked: Asked,
  environment: Record<string, string> = {},
  losesAttempts = false,
  workers = 1,
): Promise<RunJob> {
  const settings = readSettings({
    FHIR_SERVER_URL: fhirServerUrl,
    EXPORT_STORAGE: stack.exportStorage,
    AzureWebJobsStorage: stack.runtimeStorage,
    TRANSACTION_TIME_MARGIN_SECONDS: '0',
    PAGE_SIZE: '50',
    SLICE_MAX_PAGES: '3',
    SOURCE_MAX_ATTEMPTS: '1',
    ...environment,
  });
  const dependencies = composeThread(settings, {
    source: openSourceAccess(settings),
    pseudonyms: openPseudonymAccess(settings),
  });
  const { jobs, files } = dependencies;
  const jobId = randomBytes(16).toString('hex');
  const secret = randomBytes(32);
  const { method } = settings.source.mode;
  const { configuration, ...scope } = asked;
  const request = jobRequest({
    jobId,
    startedAt: new Date().toISOString(),
    container: `levels-${jobId}`,
    folder: '',
    workers: 3,
    ...scope,
    ...(method === 'search' ? {} : { sourceMode: method }),
    ...(configuration === undefined ? {} : { configuration: describe(configuration, secret) }),
  });
  await openStorage(dependencies.settings.exportStorage)
    .getContainerClient(request.container)
    .createIfNotExists();
  await jobs.create(request, secret, configuration);
  const noLog = (): void => undefined;
  const run = exportSlice(dependencies);
  const runPartitions = async (first: number, end: number): Promise<void> => {
    const count = end - first;
    for (let turn = 0; turn < count; turn++) {
      await jobs.claimPartition(jobId, { worker: first, turn }, { first, end });
    }
    const runPartition = async (more: number): Promise<void> => {
      const partition = first + more;
      let previous: string | null = null;
      for (let slice = 0, isDone = false; !isDone; slice++) {
        if (losesAttempts) await run({ jobId, partition, slice, previous }, noLog);
        ({ attempt: previous, isDone } = await run({ jobId, partition, slice, previous }, noLog));
      }
      await completePartition(dependencies)({ jobId, partition, last: previous ?? '' });
    };
    await pMap(Array(count).keys(), runPartition, { concurrency: workers });
  };
  const exportParts = async (): Promise<void> => {
    const { first, partitions, isOfFiles } = await planExport(dependencies)({ jobId }, noLog);
    const end = first + partitions;
    await runPartitions(first, end);
    if (isOfFiles !== true) return;
    if (hasOwn) await proveSource(dependencies)({ jobId }, noLog);
    const again = await findDoubles(dependencies)({ jobId });
    if (losesAttempts) expect(await findDoubles(dependencies)({ jobId })).toEqual(again);
    await runPartitions(end, end + again.partitions);
  };
  const hasOwn = method === 'bulk' || method === 'auto';
  for (let isAgain = true; isAgain;) {
    const start = hasOwn ? await awaitSource(dependencies, jobId) : 1;
    isAgain = await exportParts().then(
      () => false,
      async (error: unknown) => {
        const failure = safeFailure(error);
        if (hasOwn) await stopExport(dependencies)({ jobId, failure });
        if (hasOwn && (await renewSource(dependencies)({ jobId, start })).isRenewed) return true;
        throw error;
      },
    );
  }
  await finishExport({ ...dependencies, slices: { forget: () => undefined } })({ jobId }, noLog);
  const [manifest, plan] = [await jobs.manifest(jobId), await jobs.plan(jobId)];
  if (manifest === undefined || plan === undefined) throw new Error('The job has no manifest.');
  const readText = async (name: string): Promise<Buffer> => {
    const { etag } = await files.properties(request.container, name);
    const stream = await files.open(request.container, name, { etag, part: undefined });
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks);
  };
  const resources: JobResource[] = [];
  for (const { url, count, type } of manifest.output) {
    const name = decodeURIComponent(url.slice(url.lastIndexOf('/') + 1));
    const lines = (await readText(name)).toString('utf8').trimEnd().split('\n');
    const own = lines.map((line) => JSON.parse(line) as JobResource);
    if (own.length !== count || own.some(({ resourceType }) => resourceType !== type)) {
      throw new Error(`A file of ${type} is not as the manifest says.`);
    }
    resources.push(...own);
  }
  const report = JSON.parse((await readText(REPORT_FILE)).toString('utf8')) as ExportReport;
  const blobs = [...(await files.list(request.container, '')).keys()];
  return {
    manifest,
    notes: (manifest.extension['notes'] ?? []) as string[],
    plan,
    report,
    blobs,
    resources,
  };
}

/** Asks as often as it takes; the waits are left out. */
async function awaitSource(dependencies: ActivityDependencies, jobId: string): Promise<number> {
  for (let polls = 0; polls < 1000; polls++) {
    const { start, waitMs } = await prepareSource(dependencies)({ jobId }, () => undefined);
    if (waitMs === null) return start;
  }
  throw new Error('The export of the source does not come to its end.');
}

/** A configuration as the kick-off notes it. */
function describe(text: string, secret: Uint8Array): ConfigurationOfJob {
  const { configuration, issues } = readConfiguration(text, { fhirVersion: 'R4' });
  if (configuration === undefined) throw new Error(issues.map(({ message }) => message).join('; '));
  return {
    name: 'test.json',
    digest: configurationDigest(text),
    approval: 'container',
    keysDigest: keysDigest(configuration, secret),
  };
}

/** `type/id` of resources, sorted, repeats included. */
export function keysOf(resources: readonly JobResource[]): string[] {
  return resources.map(({ resourceType, id }) => `${resourceType}/${id}`).sort();
}
