import { randomBytes } from 'node:crypto';
import type { HttpRequest } from '@azure/functions';
import { FhirModel } from '../deid/model/fhirModel.js';
import { approvalSentence } from '../export/request/approval.js';
import { elementNames } from '../export/request/elements.js';
import { stampOf } from '../export/output/containerStamp.js';
import { outputName } from '../export/output/outputName.js';
import type { ExportLevel } from '../export/request/scope.js';
import type { JobRequest } from '../export/records/job.js';
import { knownParametersOnly, readKickOff } from '../export/request/kickOff.js';
import { errorIssue, informationIssue, type OutcomeIssue } from '../fhir/operationOutcome.js';
import type { ExportJobInput } from '../orchestrators/exportJob.js';
import { jobInstanceId } from '../jobs/model/instanceIds.js';
import { RETRY_AFTER_SECONDS } from '../jobs/model/runningJobs.js';
import { requesterOf } from '../export/source/requestLimiter.js';
import type { HttpDependencies } from './dependencies.js';
import { permitConfiguration } from './authorization/permitConfiguration.js';
import { permitKickOff } from './authorization/permitKickOff.js';
import { pinConfiguration } from './pinConfiguration.js';
import { outcomeResponse, RequestError } from './respond.js';
import { checkAtFiles, checkAtSource } from './sourceChecks.js';
import type { Handler } from './handler.js';

const MAX_BODY_BYTES = 1_048_576;
const BODY_TYPES = ['application/fhir+json', 'application/json'];
/** 128 random bits: who knows the id may see the job. */
const JOB_ID_BYTES = 16;
const SECRET_BYTES = 32;

/** Starts an export of the level that `readLevel` finds in the request. */
export type StartExport = (readLevel: (request: HttpRequest) => ExportLevel) => Handler;

/** Checks everything that can be wrong with a request and its configuration, then starts the job. */
export function kickOff(dependencies: HttpDependencies): StartExport {
  const { settings, jobs, files, sourceFiles, sourceOf, now, isResourceType } = dependencies;
  const { method } = settings.source.mode;
  const hasElement = elementNames(FhirModel.of(settings.fhirVersion));
  return (readLevel) => async (request, client, context, caller) => {
    const level = readLevel(request);
    const body = request.method === 'POST' ? await readBody(request) : undefined;
    const read = readKickOff(
      {
        level,
        method: request.method === 'POST' ? 'POST' : 'GET',
        url: request.url,
        accept: request.headers.get('accept') ?? undefined,
        prefer: request.headers.get('prefer') ?? undefined,
        body,
      },
      { now: now(), isResourceType, hasElement, defaultConfiguration: settings.defaultConfiguration },
    );
    if (read.kickOff === undefined) throw new RequestError(400, read.issues);
    const permitted = permitKickOff(read.kickOff, caller, settings.authorization, settings.fhirVersion);
    const secret = randomBytes(SECRET_BYTES);
    const { configuration, container, asksRaw, notes, ...scope } = read.kickOff;
    const pinned =
      configuration === undefined ? undefined : await pinConfiguration(dependencies, configuration, secret);
    permitConfiguration(pinned?.described, asksRaw, caller, settings);

    const startedAt = new Date(now()).toISOString();
    const jobId = randomBytes(JOB_ID_BYTES).toString('hex');
    const place = outputName(startedAt, jobId);
    const baseUrl = `${new URL(request.url).origin}/fhir`;
    const job: JobRequest = {
      ...permitted,
      ...scope,
      jobId,
      requestUrl: knownParametersOnly(request.url),
      baseUrl,
      startedAt,
      container: container ?? place,
      folder: container === undefined ? '' : `${place}/`,
      level,
      workers: await enterRunning(dependencies, jobId, permitted.owner),
      ...(method === 'search' ? {} : { sourceMode: method }),
      configuration: pinned?.described,
      validation: settings.validateOutput,
      stamp: stampOf(pinned?.described, pinned?.hasRandomKeys === true),
      notes: [...permitted.notes, ...notes, ...(pinned?.notes ?? [])],
    };
    try {
      const source = sourceOf(requesterOf(job), (line) => context.debug(JSON.stringify({ jobId, ...line })));
      // What a source's own export takes, only its kick-off shows.
      if (method === 'search') await checkAtSource(job, source, settings, now);
      else if (sourceFiles !== undefined) await checkAtFiles(job, sourceFiles, settings, now);
      await files.claimContainer(job, settings.allowMixedContainers, now());
      await jobs.create(job, secret, pinned?.text);
      const input: ExportJobInput = {
        jobId,
        workers: job.workers,
        ...(method === 'bulk' || method === 'auto' ? { asksSource: true } : {}),
        retry: {
          maxAttempts: settings.activityMaxAttempts,
          firstRetrySeconds: settings.activityRetrySeconds,
        },
      };
      await client.startNew('exportJob', { instanceId: jobInstanceId(jobId), input });
    } catch (error) {
      // Only sooner: the list is cleared of what never began when it keeps another job out.
      await jobs.leaveRunning(jobId).catch(() => undefined);
      throw error;
    }
    return outcomeResponse(202, acceptedIssues(job), {
      'content-location': `${baseUrl}/_operations/export/${jobId}`,
    });
  };
}

/**
 * Counts a job among those that run.
 * @returns the workers that it gets
 * @throws RequestError 429 where there are too many, of the caller or in all
 */
async function enterRunning(
  { settings, jobs, now }: HttpDependencies,
  jobId: string,
  owner: string | undefined,
): Promise<number> {
  const entered = await jobs.enterRunning(
    { jobId, at: now(), ...(owner === undefined ? {} : { owner }) },
    { most: settings.maxRunningExports, mostPerCaller: settings.maxRunningExportsPerCaller },
    settings.parallelPartitions,
  );
  if ('workers' in entered) return entered.workers;
  throw new RequestError(429, entered.refusal, { 'retry-after': String(RETRY_AFTER_SECONDS) });
}

function acceptedIssues(job: JobRequest): OutcomeIssue[] {
  return [
    informationIssue(
      `The export was accepted as job ${job.jobId}. Poll the URL in Content-Location for its status.`,
    ),
    ...(job.configuration === undefined ? [] : [informationIssue(approvalSentence(job.configuration))]),
    ...job.notes.map(informationIssue),
  ];
}

/** The body as text; bounded, since it is a list of parameters. */
async function readBody(request: HttpRequest): Promise<string> {
  const contentType = (request.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    // What is too much is dropped but read: the host gives no answer of a function that stops in the middle.
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  if (bytes > MAX_BODY_BYTES) {
    throw new RequestError(413, 'The body is larger than 1 MiB, the most that is taken.');
  }
  if (bytes > 0 && !BODY_TYPES.includes(contentType)) {
    throw new RequestError(415, [
      errorIssue(
        'not-supported',
        'The body must be a FHIR Parameters resource as JSON: send it with Content-Type: application/fhir+json.',
        'Content-Type',
      ),
    ]);
  }
  return Buffer.concat(chunks).toString('utf8');
}
