import { randomBytes } from 'node:crypto';
import type { HttpRequest } from '@azure/functions';
import { readConfiguration } from '../deid/readConfiguration.js';
import { FhirModel } from '../deid/model/fhirModel.js';
import { randomKeys, resolveKeys } from '../deid/keys.js';
import { ExportError } from '../errors.js';
import { elementNames } from '../export/request/elements.js';
import { stampOf } from '../export/output/containerStamp.js';
import { outputName } from '../export/output/outputName.js';
import type { ConfigurationOfJob, ExportLevel, JobRequest } from '../export/job.js';
import {
  isFhirId,
  knownParametersOnly,
  readKickOff,
  type RequestedConfiguration,
} from '../export/request/kickOff.js';
import { configurationDigest, keysDigest } from '../export/pinnedConfiguration.js';
import { errorIssue, informationIssue, type OutcomeIssue } from '../export/output/operationOutcome.js';
import type { ExportJobInput } from '../orchestrators/exportJob.js';
import { jobInstanceId } from '../orchestrators/instanceIds.js';
import type { HttpDependencies } from './dependencies.js';
import { permitKickOff } from './authorization/permitKickOff.js';
import { outcomeResponse, RequestError, statusOf } from './respond.js';
import type { Handler } from './handler.js';

const MOST_BODY_BYTES = 1_048_576;
const BODY_TYPES = ['application/fhir+json', 'application/json'];
/** 128 random bits: who knows the id may see the job. */
const JOB_ID_BYTES = 16;
const SECRET_BYTES = 32;

interface PinnedConfiguration {
  text: string;
  described: NonNullable<JobRequest['configuration']>;
  /** What the caller should know of it. */
  notes: string[];
  hasRandomKeys: boolean;
}

/** Starts an export of the level that a route stands for, as `readLevel` tells from the request. */
export type StartExport = (readLevel: (request: HttpRequest) => ExportLevel) => Handler;

/** The id in the path of a group's export, decoded: the host gives path parameters as they were sent. */
export function groupLevel(request: HttpRequest): ExportLevel {
  const groupId = decoded(request.params['groupId'] ?? '');
  if (groupId === undefined || !isFhirId(groupId)) {
    throw new RequestError(400, [
      errorIssue(
        'value',
        'The id of the Group must be 1 to 64 letters, digits, hyphens and dots: [base]/Group/[id]/$export.',
        'Group.id',
      ),
    ]);
  }
  return { kind: 'group', groupId };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** Checks everything that can be wrong with a request and its configuration, then starts the job. */
export function kickOff({
  settings,
  jobs,
  files,
  configurationBlobs,
  configurationImages,
  resolveSecret,
  now,
  isResourceType,
}: HttpDependencies): StartExport {
  const hasElement = elementNames(FhirModel.of(settings.fhirVersion));
  return (readLevel) => async (request, client, _context, caller) => {
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
    const pinned = await readPinnedConfiguration(read.kickOff.configuration, secret);

    const startedAt = new Date(now()).toISOString();
    const jobId = randomBytes(JOB_ID_BYTES).toString('hex');
    const place = outputName(startedAt, jobId);
    const { container } = read.kickOff;
    const baseUrl = `${new URL(request.url).origin}/fhir`;
    const job: JobRequest = {
      ...permitted,
      jobId,
      requestUrl: knownParametersOnly(request.url),
      baseUrl,
      startedAt,
      container: container ?? place,
      folder: container === undefined ? '' : `${place}/`,
      level,
      types: read.kickOff.types,
      typeFilters: read.kickOff.typeFilters,
      elements: read.kickOff.elements,
      patients: read.kickOff.patients,
      since: read.kickOff.since,
      until: read.kickOff.until,
      pageSize: read.kickOff.pageSize,
      lanes: settings.parallelPartitions,
      configuration: pinned?.described,
      notes: [...permitted.notes, ...read.kickOff.notes, ...(pinned?.notes ?? [])],
    };
    await files.claimContainer(
      job.container,
      stampOf(job.configuration, pinned?.hasRandomKeys === true),
      settings.allowMixedContainers,
    );
    await jobs.create(job, secret, pinned?.text);
    const input: ExportJobInput = {
      jobId,
      lanes: job.lanes,
      retry: { maxAttempts: settings.activityMaxAttempts, firstRetrySeconds: settings.activityRetrySeconds },
    };
    await client.startNew('exportJob', { instanceId: jobInstanceId(jobId), input });
    return outcomeResponse(202, acceptedIssues(job), {
      'content-location': `${baseUrl}/_operations/export/${jobId}`,
    });
  };

  async function readPinnedConfiguration(
    requested: RequestedConfiguration | undefined,
    secret: Uint8Array,
  ): Promise<PinnedConfiguration | undefined> {
    if (requested === undefined) {
      if (settings.allowRawExport) return undefined;
      throw new RequestError(403, [
        errorIssue(
          'forbidden',
          `An export without a configuration would hold identities, and raw export is not allowed here. ${
            settings.defaultConfiguration === undefined
              ? 'Give _anonymizationConfig and _container, or set ALLOW_RAW_EXPORT to true.'
              : 'Leave out _raw: then the default configuration is used.'
          }`,
          settings.defaultConfiguration === undefined ? '_anonymizationConfig' : '_raw',
        ),
      ]);
    }
    try {
      return await pinConfiguration(requested, secret);
    } catch (thrown) {
      throw requested.isDefault ? ofDefault(thrown) : thrown;
    }
  }

  async function pinConfiguration(
    requested: RequestedConfiguration,
    secret: Uint8Array,
  ): Promise<PinnedConfiguration> {
    const { text, origin } = await readConfigurationText(requested);
    const read = readConfiguration(text, {
      fhirVersion: settings.fhirVersion,
      coverage: settings.requireCoverage ? 'error' : 'warning',
    });
    const keys =
      read.configuration === undefined ? undefined : await resolveKeys(read.configuration, resolveSecret);
    const issues = [...read.issues, ...(keys?.issues ?? [])];
    const errors = issues.filter(({ severity }) => severity === 'error');
    if (keys?.configuration === undefined) {
      throw new RequestError(
        400,
        errors.map(({ path, message }) =>
          errorIssue(
            'invalid',
            `_anonymizationConfig: ${path === '' ? '' : `${path}: `}${message}`,
            '_anonymizationConfig',
          ),
        ),
      );
    }
    const random = randomKeys(keys.configuration);
    return {
      text,
      described: {
        name: requested.name,
        digest: configurationDigest(text),
        keysDigest: keysDigest(keys.configuration, secret),
        ...origin,
      },
      notes: [
        ...(requested.isDefault
          ? [`No configuration was named: ${requested.name}, the default one of this server, is used.`]
          : []),
        ...(random.length === 0 ? [] : [randomKeysNote(random)]),
        ...issues.map(({ path, message }) => `${path}: ${message}`),
      ],
      hasRandomKeys: random.length > 0,
    };
  }

  /** Reads the configuration once: what is read now is what every activity of the job uses. */
  async function readConfigurationText({ name, etag, collection }: RequestedConfiguration): Promise<{
    text: string;
    origin: Pick<ConfigurationOfJob, 'etag' | 'collection'>;
  }> {
    if (collection === undefined) {
      const blob = await configurationBlobs.read(name, etag);
      return { text: blob.text, origin: { etag: blob.etag } };
    }
    const { text, digest } = await configurationImages.read(collection, name);
    return { text, origin: { collection: { reference: collection.text, digest } } };
  }
}

/** What is wrong with the default configuration is no fault of the request. */
function ofDefault(thrown: unknown): unknown {
  if (thrown instanceof RequestError) {
    return new RequestError(
      500,
      thrown.issues.map(({ diagnostics }) => defaultIssue(diagnostics)),
    );
  }
  if (thrown instanceof ExportError && statusOf(thrown.code).status < 500) {
    return new RequestError(500, [defaultIssue(thrown.message)]);
  }
  return thrown;
}

function defaultIssue(message: string): OutcomeIssue {
  return errorIssue(
    'exception',
    `The default configuration of this server (DEFAULT_ANONYMIZATION_CONFIG) cannot be used. ${message}`,
  );
}

function randomKeysNote(keys: readonly string[]): string {
  return `The configuration gives no ${keys.join(' and no ')}, so random keys are used, for this export alone: it cannot be joined with any other, nor with the next one by _since. Give keys in the configuration where that is needed.`;
}

function acceptedIssues(job: JobRequest): OutcomeIssue[] {
  return [
    informationIssue(
      `The export was accepted as job ${job.jobId}. Poll the URL in Content-Location for its status.`,
    ),
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
    if (bytes > MOST_BODY_BYTES) {
      throw new RequestError(413, [
        errorIssue('invalid', 'The body is larger than 1 MiB, the most that is taken.'),
      ]);
    }
    chunks.push(chunk);
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
