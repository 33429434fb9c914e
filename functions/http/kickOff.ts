import { randomBytes } from 'node:crypto';
import type { HttpRequest } from '@azure/functions';
import { FhirModel } from '../deid/model/fhirModel.js';
import { approvalSentence } from '../export/request/approval.js';
import { elementNames } from '../export/request/elements.js';
import { stampOf } from '../export/output/containerStamp.js';
import { outputName } from '../export/output/outputName.js';
import type { GuideVersion } from '../export/request/guide.js';
import type { ExportLevel } from '../export/request/scope.js';
import type { ContainerStamp, JobRequest } from '../export/records/job.js';
import { knownParametersOnly, readKickOff } from '../export/request/kickOff.js';
import { patientCompartment } from '../fhir/patientCompartment.js';
import { errorIssue, informationIssue, type OutcomeIssue } from '../fhir/operationOutcome.js';
import type { ExportJobInput } from '../orchestrators/exportJob.js';
import { jobInstanceId } from '../jobs/model/instanceIds.js';
import { RETRY_AFTER_SECONDS } from '../jobs/model/runningJobs.js';
import type { KickOffContext } from '../export/request/parameters.js';
import { requesterOf } from '../export/source/requestLimiter.js';
import type { HttpDependencies } from './dependencies.js';
import { permitConfiguration } from './authorization/permitConfiguration.js';
import { permitKickOff } from './authorization/permitKickOff.js';
import { pinConfiguration, type PinnedConfiguration } from './pinConfiguration.js';
import { baseUrlOf, requestUrlOf } from './publicUrls.js';
import { readBody } from './requestBody.js';
import { outcomeResponse, RequestError } from './respond.js';
import { checkAtBulk, checkAtFiles, checkAtSource } from './sourceChecks.js';
import type { Settings } from '../settings/settings.js';
import type { Handler } from './handler.js';

/** Of a body, which is a list of parameters. */
const MAX_BODY_MEBIBYTES = 1;
/** 128 random bits: who knows the id may see the job. */
const JOB_ID_BYTES = 16;
const SECRET_BYTES = 32;

/**
 * Starts an export of the level that `readLevel` finds in the request.
 * @param guide the version of the guide that the path names
 */
export type StartExport = (readLevel: (request: HttpRequest) => ExportLevel, guide?: GuideVersion) => Handler;

/** Checks everything that can be wrong with a request and its configuration, then starts the job. */
export function kickOff(dependencies: HttpDependencies): StartExport {
  const { settings, jobs, files, now } = dependencies;
  const { method } = settings.source.mode;
  const known = knownOf(dependencies);
  return (readLevel, guide) => async (request, client, context, caller) => {
    const level = readLevel(request);
    const body =
      request.method === 'POST'
        ? await readBody(request, MAX_BODY_MEBIBYTES, 'a FHIR Parameters resource')
        : undefined;
    const read = readKickOff(
      {
        level,
        method: request.method === 'POST' ? 'POST' : 'GET',
        url: request.url,
        accept: request.headers.get('accept') ?? undefined,
        prefer: request.headers.get('prefer') ?? undefined,
        body: body?.toString('utf8'),
        ...(guide === undefined ? {} : { guide }),
      },
      { now: now(), ...known },
    );
    if (read.kickOff === undefined) throw new RequestError(400, read.issues);
    const permitted = permitKickOff(read.kickOff, caller, settings.authorization, settings.fhirVersion);
    if (read.kickOff.organizedBy !== undefined) requireOrganizable(method, permitted.minPatients);
    const secret = randomBytes(SECRET_BYTES);
    const { configuration, container, asksRaw, applied, notes, ignored, ...asked } = read.kickOff;
    const { referencedTypes = [], ...scope } = asked;
    const referenced = referencedTypes.filter((type) => permitted.permittedTypes?.includes(type) !== false);
    const pinned =
      configuration === undefined ? undefined : await pinConfiguration(dependencies, configuration, secret);
    permitConfiguration(pinned?.described, asksRaw, caller, settings);

    const startedAt = new Date(now()).toISOString();
    const jobId = randomBytes(JOB_ID_BYTES).toString('hex');
    const place = outputName(startedAt, jobId);
    const baseUrl = baseUrlOf(request, settings);
    const job: JobRequest = {
      ...permitted,
      ...scope,
      ...(referenced.length === 0 ? {} : { referencedTypes: referenced }),
      jobId,
      requestUrl: knownParametersOnly(requestUrlOf(request, settings)),
      baseUrl,
      startedAt,
      container: container ?? place,
      folder: container === undefined ? '' : `${place}/`,
      level,
      workers: await enterRunning(dependencies, jobId, permitted.owner),
      ...(method === 'search' ? {} : { sourceMode: method }),
      configuration: pinned?.described,
      ...pinned?.pseudonyms,
      ...(pinned === undefined ? {} : { risk: pinned.risk }),
      validation: settings.validateOutput,
      stamp: stampFor(pinned, scope.domainPrefix),
      notes: [...permitted.notes, ...notes, ...(pinned?.notes ?? [])],
      ...(ignored.length === 0 ? {} : { ignored }),
    };
    try {
      const log = (line: object): void => context.debug(JSON.stringify({ jobId, ...line }));
      await checkSource(dependencies, job, log);
      await files.claimContainer(job, settings.allowMixedContainers, now());
      await jobs.create(job, secret, pinned?.text);
      await client.startNew('exportJob', { instanceId: jobInstanceId(jobId), input: inputOf(job, settings) });
    } catch (error) {
      // Only sooner: the list is cleared of what never began when it keeps another job out.
      await jobs.leaveRunning(jobId).catch(() => undefined);
      throw error;
    }
    return outcomeResponse(202, acceptedIssues(job), {
      'content-location': `${baseUrl}/_operations/export/${jobId}`,
      ...(applied.length === 0 ? {} : { 'preference-applied': ['respond-async', ...applied].join(', ') }),
    });
  };
}

/** Asks what is read whether it has what the job is to export. */
async function checkSource(
  { settings, bulkOf, sourceFiles, sourceOf, now }: HttpDependencies,
  job: JobRequest,
  log: (line: object) => void,
): Promise<void> {
  const { method } = settings.source.mode;
  // What a source's own export takes, only its kick-off shows.
  if (method === 'search') await checkAtSource(job, sourceOf(requesterOf(job), log), settings, now);
  else if (sourceFiles !== undefined) await checkAtFiles(job, sourceFiles, settings, now);
  else if (method === 'bulk' && bulkOf !== undefined) await checkAtBulk(job, bulkOf(requesterOf(job), log));
}

/** Where no service makes pseudonyms, the prefix of their domains says nothing. */
function stampFor(pinned: PinnedConfiguration | undefined, domainPrefix: string | undefined): ContainerStamp {
  const asksPseudonyms = pinned?.pseudonyms.pseudonymsDigest !== undefined;
  return stampOf(
    pinned?.described,
    pinned?.hasRandomKeys === true,
    asksPseudonyms ? domainPrefix : undefined,
  );
}

/**
 * Makes sure that a job can write files by patient.
 * @throws RequestError 400 where it cannot
 */
function requireOrganizable(method: Settings['source']['mode']['method'], minPatients = 0): void {
  const isCounted =
    minPatients > 0
      ? 'types of too few patients are withheld here (MIN_PATIENTS), so each has files of its own'
      : undefined;
  const why =
    method === 'search' ? isCounted : 'the source is read by files (SOURCE_MODE), which are not by patient';
  if (why === undefined) return;
  const text = `organizeOutputBy: ${why}. Leave it out.`;
  throw new RequestError(400, [errorIssue('not-supported', text, 'organizeOutputBy')]);
}

/** What the orchestration of a job begins with. */
function inputOf({ jobId, workers }: JobRequest, settings: Settings): ExportJobInput {
  const { method } = settings.source.mode;
  return {
    jobId,
    workers,
    ...(method === 'bulk' || method === 'auto' ? { asksSource: true } : {}),
    retry: {
      maxAttempts: settings.activityMaxAttempts,
      firstRetrySeconds: settings.activityRetrySeconds,
    },
  };
}

/** What requests may name. */
function knownOf({ settings, isResourceType }: HttpDependencies): Omit<KickOffContext, 'now'> {
  return {
    isResourceType,
    isInCompartment: (type) => patientCompartment(settings.fhirVersion).has(type),
    hasElement: elementNames(FhirModel.of(settings.fhirVersion)),
    defaultConfiguration: settings.defaultConfiguration,
    domainPrefixes: settings.pseudonyms.domainPrefixes,
    requiresAccept: settings.requireAccept,
    guide: settings.bulkDataVersion,
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
    ...(job.ignored ?? []),
    ...job.notes.map(informationIssue),
  ];
}
