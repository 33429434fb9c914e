import { randomBytes } from 'node:crypto';
import type { JobStore } from '../adapters/storage/jobStore.js';
import type { Configuration } from '../deid/configuration/configuration.js';
import type { PseudonymSource } from '../deid/methods/pseudonyms.js';
import { readConfiguration } from '../deid/readConfiguration.js';
import { issueText } from '../deid/reading/issues.js';
import { ContentCounter } from '../deid/run/contentCounter.js';
import { compileEngine } from '../deid/compileEngine.js';
import type { FhirVersion } from '../fhir/fhirVersion.js';
import type { Engine, EngineOptions } from '../deid/run/engine.js';
import { anonymizeText } from '../deid/run/anonymizeText.js';
import { hasLastingIds } from '../deid/run/idPseudonym.js';
import { isJsonObject, parseJson } from '../json/json.js';
import { type KeyResolver, needsPseudonyms, resolveKeys } from '../deid/configuration/keys.js';
import { FhirModel } from '../deid/model/fhirModel.js';
import { ExportError } from '../common/errors.js';
import { cuttingLines, elementCutter } from '../export/output/cutElements.js';
import type { ConfigurationOfJob, JobRequest } from '../export/records/job.js';
import { parseInstant } from '../fhir/instant.js';
import { configurationDigest, keysDigest, pseudonymsDigest } from '../export/request/pinnedConfiguration.js';
import { requesterOf } from '../export/source/requestLimiter.js';
import { JobPseudonyms, type PseudonymServices } from '../export/output/jobPseudonyms.js';
import { rawLinesOf } from '../export/output/absoluteAttachments.js';
import type { LineMaker } from '../export/output/lineMaker.js';
import { comparesWhole } from '../export/risk/comparesWhole.js';
import { PatientDigests } from '../export/risk/patientDigests.js';

/** What the line maker of a job is made with. */
export interface LineMakerDependencies {
  readonly jobs: Pick<JobStore, 'configuration' | 'secret'>;
  readonly fhirVersion: FhirVersion;
  /** FHIR base of the source. */
  readonly fhirServerUrl: string;
  readonly resolveSecret: KeyResolver;
  /** Absent: no pseudonyms can be made. */
  readonly pseudonyms: PseudonymServices | undefined;
}

/**
 * Makes what writes the lines of a job, from its pinned configuration.
 * @param transactionTime the moment the 89-year rule measures from
 * @throws ExportError `job-state-missing` where the job has ended
 */
export async function makeLineMaker(
  request: JobRequest,
  transactionTime: string,
  dependencies: LineMakerDependencies,
): Promise<LineMaker> {
  const { elements, configuration } = request;
  const model = FhirModel.of(dependencies.fhirVersion);
  const lineMaker =
    configuration === undefined
      ? rawLinesOf(dependencies.fhirServerUrl, model)
      : await makeAnonymizing({ ...request, configuration }, transactionTime, dependencies);
  if (elements.length === 0) return lineMaker;
  const counter = configuration === undefined ? undefined : new ContentCounter(model);
  return cuttingLines(lineMaker, elementCutter(elements, model), counter, comparesWhole(request));
}

type AnonymizingRequest = JobRequest & { configuration: ConfigurationOfJob };

async function makeAnonymizing(
  request: AnonymizingRequest,
  transactionTime: string,
  dependencies: LineMakerDependencies,
): Promise<LineMaker> {
  const { minPatients = 0, validation = 'off', domainPrefix, risk } = request;
  const configuration = await readPinned(request, dependencies);
  const jobSecret = await dependencies.jobs.secret(request.jobId);
  checkKeys(request, configuration, jobSecret);
  const pseudonyms = pseudonymsOf(request, configuration, jobSecret, dependencies);
  const options: Omit<EngineOptions, 'validation'> = {
    fhirVersion: dependencies.fhirVersion,
    now: (parseInstant(transactionTime)?.seconds ?? Number.NaN) * 1000,
    jobSecret,
    randomBytes,
    pseudonyms,
    domainPrefix,
  };
  const { fhirVersion, now } = options;
  const engine = compileEngine(configuration, { ...options, validation });
  return {
    processingErrors:
      engine.processingErrors === 'raise' && minPatients > 0 ? 'raise-at-end' : engine.processingErrors,
    patientDigests: risk && new PatientDigests({ ...risk, fhirVersion, now }, jobSecret),
    makeLine: (resource, line, report) => engine.anonymize(resource, line, report),
    ...(pseudonyms && { askPseudonyms: () => pseudonyms.ask() }),
    lastingIds: lastingIdsOf(configuration, options, pseudonyms),
  };
}

/** The configuration that the kick-off has pinned, with its keys. */
async function readPinned(
  { jobId, configuration: { digest } }: AnonymizingRequest,
  { jobs, fhirVersion, resolveSecret }: LineMakerDependencies,
): Promise<Configuration> {
  const text = await jobs.configuration(jobId);
  if (configurationDigest(text) !== digest) {
    throw new ExportError(
      'configuration-invalid',
      'The pinned configuration is not the one of the kick-off.',
    );
  }
  const read = readConfiguration(text, { fhirVersion, isPinned: true });
  if (read.configuration === undefined) {
    throw new ExportError('configuration-invalid', 'The pinned configuration cannot be read.');
  }
  const resolved = await resolveKeys(read.configuration, resolveSecret);
  if (resolved.configuration === undefined) {
    throw new ExportError('configuration-invalid', resolved.issues.map(issueText).join('; '));
  }
  return resolved.configuration;
}

function checkKeys(
  { configuration }: AnonymizingRequest,
  resolved: Configuration,
  jobSecret: Uint8Array,
): void {
  if (keysDigest(resolved, jobSecret) === configuration.keysDigest) return;
  throw new ExportError(
    'configuration-invalid',
    'A key that the configuration names was changed since the export began, so its files would not fit each other. Start the export again.',
  );
}

/** The pseudonyms of a job; `undefined` where its rules need none. */
function pseudonymsOf(
  request: AnonymizingRequest,
  configuration: Configuration,
  jobSecret: Uint8Array,
  { pseudonyms }: LineMakerDependencies,
): JobPseudonyms | undefined {
  if (!needsPseudonyms(configuration)) return undefined;
  if (
    pseudonyms !== undefined &&
    pseudonymsDigest(pseudonyms.identity, jobSecret) === request.pseudonymsDigest
  )
    return new JobPseudonyms(pseudonyms.of(requesterOf(request)));
  throw new ExportError(
    'configuration-invalid',
    'The settings of the pseudonym service were changed since the export began, so its files would not fit each other. Start the export again.',
  );
}

/** Knows all pseudonyms: of engines whose results are looked at, and not used. */
const ANY_PSEUDONYM: PseudonymSource = { domain: () => ({ of: () => 'a' }), takeLack: () => false };

/** Makes ids of resources that are nothing else, which are not valid. */
function lastingIdsOf(
  configuration: Configuration,
  options: Omit<EngineOptions, 'validation'>,
  pseudonyms: JobPseudonyms | undefined,
): NonNullable<LineMaker['lastingIds']> {
  const engineWith = (source: PseudonymSource | undefined): Engine =>
    compileEngine(configuration, { ...options, pseudonyms: source, validation: 'off' });
  let trial: Engine | undefined;
  let engine: Engine | undefined;
  return (type) => {
    if (!hasLastingIds(configuration, type)) return undefined;
    trial ??= engineWith(pseudonyms && ANY_PSEUDONYM);
    if (idMade(trial, type, 'id') === undefined) return undefined;
    return async (ids) => {
      const own = (engine ??= engineWith(pseudonyms));
      // Notes what is missing.
      if (pseudonyms !== undefined) {
        for (const id of ids) idMade(own, type, id);
        await pseudonyms.ask();
      }
      return ids.map((id) => idMade(own, type, id));
    };
  };
}

/** The id that an engine makes; `undefined` where it makes none, or leaves it as it is. */
function idMade(engine: Engine, type: string, id: string): string | undefined {
  const made = anonymizeText(engine, JSON.stringify({ resourceType: type, id }));
  const resource = made.outcome === 'failed' ? undefined : parseJson(made.line);
  const pseudonym = isJsonObject(resource) ? resource['id'] : undefined;
  return typeof pseudonym === 'string' && pseudonym !== id ? pseudonym : undefined;
}
