import { randomBytes } from 'node:crypto';
import type { InvocationContext } from '@azure/functions';
import pMap from 'p-map';
import { expect } from 'vitest';
import { activity, type ActivityLog } from '../../functions/activities/activity.js';
import { completePartition } from '../../functions/activities/completePartition.js';
import { exportSlice } from '../../functions/activities/exportSlice.js';
import { findDoubles } from '../../functions/activities/findDoubles.js';
import { finishExport } from '../../functions/activities/finishExport.js';
import { planExport } from '../../functions/activities/planExport.js';
import { planReferenced } from '../../functions/activities/planReferenced.js';
import { openPseudonymAccess } from '../../functions/adapters/pseudonyms/openPseudonymAccess.js';
import { prepareSource } from '../../functions/activities/prepareSource.js';
import { proveSource } from '../../functions/activities/proveSource.js';
import { renewSource } from '../../functions/activities/renewSource.js';
import { stopExport } from '../../functions/activities/stopExport.js';
import { openSourceAccess } from '../../functions/adapters/source/openSourceAccess.js';
import type { JobStore } from '../../functions/adapters/storage/jobStore.js';
import { openStorage } from '../../functions/adapters/storage/storage.js';
import { type SafeFailure, safeFailure } from '../../functions/common/errors.js';
import { composeThread } from '../../functions/threadComposition.js';
import { readConfiguration } from '../../functions/deid/readConfiguration.js';
import type { ConfigurationOfJob, JobPlan, JobRequest } from '../../functions/export/records/job.js';
import { configurationDigest, keysDigest } from '../../functions/export/request/pinnedConfiguration.js';
import { type ExportManifest, REPORT_FILE, REPORT_FILES } from '../../functions/export/output/manifest.js';
import type { ExportReport } from '../../functions/export/output/report.js';
import { readSettings } from '../../functions/settings/settings.js';
import { jobRequest } from '../export/requests.js';
import type { TestStorage } from './harness.js';
import { expectNoIdentityIn } from './reportTexts.js';

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
  /** Lines of the files of errors and of deletions. */
  texts: string[];
}

/** What a job is asked for, besides what every one of these jobs has. */
export type Asked = Pick<JobRequest, 'level'> &
  Partial<
    Pick<
      JobRequest,
      | 'types'
      | 'typeFilters'
      | 'patients'
      | 'since'
      | 'until'
      | 'pageSize'
      | 'minPatients'
      | 'organizedBy'
      | 'isGroupHidden'
      | 'referencedTypes'
      | 'elements'
      | 'risk'
    >
  > & {
    /** Text of a configuration; a raw export without. */
    configuration?: string;
  };

/** How the steps of a job are run. */
export interface Running {
  /** Partitions that are read at the same time. Default 1. */
  workers?: number;
  /** Whether each slice's first attempt is lost. */
  losesAttempts?: boolean;
  /** How often a step is tried whose failure may pass. Default 1. */
  attempts?: number;
  /** Is given all that leaves the steps: log lines, what the Durable history keeps, and the progress that callers see. */
  seen?: (text: string) => void;
  /** By how much the clock is put forward with each pause beside it. */
  jumpMs?: number;
  /** Called when the source was asked how far its own export is. */
  polled?: (job: { jobId: string; jobs: JobStore }) => Promise<void>;
}

/** A raw export by the app's own activities, as the orchestrators call them, against the storage of a stack. */
export async function runJob(
  { stack }: TestStorage,
  fhirServerUrl: string,
  asked: Asked,
  environment: Record<string, string> = {},
  {
    workers = 1,
    losesAttempts = false,
    attempts = 1,
    seen = () => undefined,
    jumpMs = 0,
    polled,
  }: Running = {},
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
  const composed = composeThread(settings, {
    source: openSourceAccess(settings),
    pseudonyms: openPseudonymAccess(settings),
  });
  // Waits are left out: the clock is put forward instead.
  let waitedMs = 0;
  const dependencies = { ...composed, now: () => Date.now() + waitedMs };
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
  const putProgress = jobs.putProgress.bind(jobs);
  jobs.putProgress = (id, progress, following) => {
    seen(JSON.stringify(progress));
    return putProgress(id, progress, following);
  };
  const step = <Input extends { jobId: string }, Output>(
    run: (input: Input, log: ActivityLog) => Promise<Output>,
    input: Input,
  ): Promise<Output> => runStep(run, input, attempts, seen);
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
        if (losesAttempts) await step(run, { jobId, partition, slice, previous });
        ({ attempt: previous, isDone } = await step(run, { jobId, partition, slice, previous }));
      }
      await step(completePartition(dependencies), { jobId, partition, last: previous ?? '' });
    };
    await pMap(Array(count).keys(), runPartition, { concurrency: workers });
  };
  const exportParts = async (): Promise<void> => {
    const planned = await step(planExport(dependencies), { jobId });
    const end = planned.first + planned.partitions;
    await runPartitions(planned.first, end);
    if (planned.isOfFiles === true) await repeatParts(end);
    for (let round = 0, isLast = planned.followsReferences !== true; !isLast; round++) {
      const { first, partitions } = await step(planReferenced(dependencies), { jobId, round });
      if (losesAttempts) await step(planReferenced(dependencies), { jobId, round });
      await runPartitions(first, first + partitions);
      isLast = partitions === 0;
    }
  };
  const repeatParts = async (end: number): Promise<void> => {
    if (hasOwn) await step(proveSource(dependencies), { jobId });
    const again = await step(findDoubles(dependencies), { jobId });
    if (losesAttempts) expect(await step(findDoubles(dependencies), { jobId })).toEqual(again);
    await runPartitions(end, end + again.partitions);
  };
  const hasOwn = method === 'bulk' || method === 'auto';
  /** Asks as often as it takes. */
  const awaitSource = async (): Promise<number> => {
    for (let polls = 0; polls < 5000; polls++) {
      const { start, waitMs } = await step(prepareSource(dependencies), { jobId });
      if (waitMs === null) return start;
      waitedMs += waitMs + jumpMs;
      await polled?.({ jobId, jobs });
    }
    throw new Error('The export of the source does not come to its end.');
  };
  const finish = (): Promise<unknown> =>
    step(finishExport({ ...dependencies, slices: { forget: () => undefined } }), { jobId });
  const stop = async (failure: SafeFailure): Promise<void> => {
    await step(stopExport(dependencies), { jobId, failure });
  };
  const end = async (error: unknown): Promise<never> => {
    if (hasOwn) {
      await stop(safeFailure(error));
      await finish();
    }
    throw error;
  };
  for (let isAgain = true; isAgain;) {
    const start = hasOwn ? await awaitSource().catch(end) : 1;
    isAgain = await exportParts().then(
      () => false,
      async (error: unknown) => {
        if (hasOwn) await stop(safeFailure(error));
        if (hasOwn && (await step(renewSource(dependencies), { jobId, start })).isRenewed) return true;
        return end(error);
      },
    );
  }
  await finish().catch(end);
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
    if (
      own.length !== count ||
      (manifest.outputOrganizedBy === undefined && own.some(({ resourceType }) => resourceType !== type))
    ) {
      throw new Error(`A file of ${type} is not as the manifest says.`);
    }
    resources.push(...own);
  }
  const texts: string[] = [];
  for (const { url } of [...manifest.error, ...(manifest.deleted ?? [])]) {
    const name = decodeURIComponent(url.slice(url.lastIndexOf('/') + 1));
    texts.push(...(await readText(name)).toString('utf8').trimEnd().split('\n'));
  }
  const report = JSON.parse((await readText(REPORT_FILE)).toString('utf8')) as ExportReport;
  const reports = await Promise.all(Object.values(REPORT_FILES).map(readText));
  // Of a raw export, what is exported is what the source has.
  expectNoIdentityIn(
    reports.map((text) => text.toString('utf8')),
    resources.map((resource) => JSON.stringify(resource)),
  );
  const blobs = [...(await files.list(request.container, '')).keys()];
  return {
    manifest,
    notes: (manifest.extension['notes'] ?? []) as string[],
    plan,
    report,
    blobs,
    resources,
    texts,
  };
}

/** A step as the runtime runs it, which throws as the step does when it fails for good. */
async function runStep<Input extends { jobId: string }, Output>(
  run: (input: Input, log: ActivityLog) => Promise<Output>,
  input: Input,
  attempts: number,
  seen: (text: string) => void,
): Promise<Output> {
  const context = { warn: seen, debug: seen, error: seen } as unknown as InvocationContext;
  let thrown: unknown;
  const noted = activity((own: Input, log: ActivityLog) =>
    run(own, log).catch((error: unknown) => {
      thrown = error;
      throw error;
    }),
  );
  for (let attempt = 1; ; attempt++) {
    try {
      const result = await noted(input, context);
      seen(JSON.stringify(result));
      if (result.ok) return result.value;
      break;
    } catch (error) {
      seen(String(error));
      if (attempt >= attempts) break;
    }
  }
  throw thrown;
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
