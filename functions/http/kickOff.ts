import { randomBytes } from 'node:crypto';
import type { HttpRequest } from '@azure/functions';
import { readConfiguration } from '../deid/configuration.js';
import { resolveKeys } from '../deid/keys.js';
import type { ConfigurationOfJob, JobRequest } from '../export/job.js';
import { type KickOff, knownParametersOnly, readKickOff } from '../export/kickOff.js';
import { configurationDigest, keysDigest } from '../export/pinnedConfiguration.js';
import { errorIssue, informationIssue, type OutcomeIssue } from '../export/operationOutcome.js';
import type { ExportJobInput } from '../orchestrators/exportJob.js';
import { jobInstanceId } from '../orchestrators/instanceIds.js';
import type { HttpDependencies } from './dependencies.js';
import { outcomeResponse, RequestError } from './respond.js';
import type { Handler } from './handler.js';

const MOST_BODY_BYTES = 1_048_576;
/** 128 random bits: who knows the id may see the job. */
const JOB_ID_BYTES = 16;
const SECRET_BYTES = 32;

interface PinnedConfiguration {
  text: string;
  described: NonNullable<JobRequest['configuration']>;
  warnings: string[];
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
}: HttpDependencies): Handler {
  return async (request, client) => {
    const body = request.method === 'POST' ? await readBody(request) : undefined;
    const read = readKickOff(
      {
        level: { kind: 'system' },
        method: request.method === 'POST' ? 'POST' : 'GET',
        url: request.url,
        accept: request.headers.get('accept') ?? undefined,
        prefer: request.headers.get('prefer') ?? undefined,
        body,
      },
      { now: now(), isResourceType },
    );
    if (read.kickOff === undefined) throw new RequestError(400, read.issues);
    const secret = randomBytes(SECRET_BYTES);
    const pinned = await readPinnedConfiguration(read.kickOff, secret);

    const startedAt = new Date(now()).toISOString();
    const jobId = randomBytes(JOB_ID_BYTES).toString('hex');
    const place = `${startedAt.replace(/\D/g, '').slice(0, 14)}-${jobId}`;
    const { container } = read.kickOff;
    const baseUrl = `${new URL(request.url).origin}/fhir`;
    const job: JobRequest = {
      jobId,
      requestUrl: knownParametersOnly(request.url),
      baseUrl,
      startedAt,
      container: container ?? place,
      folder: container === undefined ? '' : `${place}/`,
      level: { kind: 'system' },
      types: read.kickOff.types,
      typeFilters: read.kickOff.typeFilters,
      elements: read.kickOff.elements,
      patients: read.kickOff.patients,
      since: read.kickOff.since,
      until: read.kickOff.until,
      pageSize: read.kickOff.pageSize,
      lanes: settings.parallelPartitions,
      configuration: pinned?.described,
      notes: [...read.kickOff.notes, ...(pinned?.warnings ?? [])],
    };
    await files.ensureContainer(job.container);
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
    { configuration }: KickOff,
    secret: Uint8Array,
  ): Promise<PinnedConfiguration | undefined> {
    if (configuration === undefined) {
      if (settings.allowRawExport) return undefined;
      throw new RequestError(403, [
        errorIssue(
          'forbidden',
          'An export without a configuration would hold identities, and raw export is not allowed here. Give _anonymizationConfig and _container, or set ALLOW_RAW_EXPORT to true.',
          '_anonymizationConfig',
        ),
      ]);
    }
    const { text, origin } = await readConfigurationText(configuration);
    const read = readConfiguration(text, {
      fhirVersion: settings.fhirVersion,
      ...(settings.requireCoverage ? { coverage: 'error' as const } : {}),
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
    return {
      text,
      described: {
        name: configuration.name,
        digest: configurationDigest(text),
        keysDigest: keysDigest(keys.configuration, secret),
        ...origin,
      },
      warnings: issues.map(({ path, message }) => `${path}: ${message}`),
    };
  }

  /** Reads the configuration once: what is read now is what every activity of the job uses. */
  async function readConfigurationText({
    name,
    etag,
    collection,
  }: NonNullable<KickOff['configuration']>): Promise<{
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
  return Buffer.concat(chunks).toString('utf8');
}
