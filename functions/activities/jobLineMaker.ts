import { randomBytes } from 'node:crypto';
import type { JobStore } from '../adapters/storage/jobStore.js';
import { readConfiguration } from '../deid/readConfiguration.js';
import { issueText } from '../deid/reading/issues.js';
import { ContentCounter } from '../deid/run/contentCounter.js';
import { compileEngine } from '../deid/compileEngine.js';
import type { FhirVersion } from '../fhir/fhirVersion.js';
import type { Engine, EngineOptions } from '../deid/run/engine.js';
import { anonymizeText } from '../deid/run/anonymizeText.js';
import { hasLastingIds } from '../deid/run/idPseudonym.js';
import { isJsonObject, parseJson } from '../json/json.js';
import { type KeyResolver, resolveKeys } from '../deid/configuration/keys.js';
import { FhirModel } from '../deid/model/fhirModel.js';
import { ExportError } from '../common/errors.js';
import { cuttingLines, elementCutter } from '../export/output/cutElements.js';
import type { ConfigurationOfJob, JobRequest } from '../export/records/job.js';
import { parseInstant } from '../fhir/instant.js';
import { configurationDigest, keysDigest } from '../export/request/pinnedConfiguration.js';
import { rawLines } from '../export/output/rawLines.js';
import type { LineMaker } from '../export/output/lineMaker.js';

/**
 * Makes what writes the lines of a job, from its pinned configuration.
 * @param transactionTime the moment the 89-year rule measures from
 * @throws ExportError `job-state-missing` where the job has ended
 */
export async function makeLineMaker(
  request: JobRequest,
  transactionTime: string,
  jobs: Pick<JobStore, 'configuration' | 'secret'>,
  fhirVersion: FhirVersion,
  resolveSecret: KeyResolver,
): Promise<LineMaker> {
  const { elements, configuration } = request;
  const lineMaker =
    configuration === undefined
      ? rawLines
      : await makeAnonymizing(
          { ...request, configuration },
          transactionTime,
          jobs,
          fhirVersion,
          resolveSecret,
        );
  if (elements.length === 0) return lineMaker;
  const model = FhirModel.of(fhirVersion);
  const counter = configuration === undefined ? undefined : new ContentCounter(model);
  return cuttingLines(lineMaker, elementCutter(elements, model), counter);
}

async function makeAnonymizing(
  {
    jobId,
    configuration,
    minPatients = 0,
    validation = 'off',
  }: JobRequest & { configuration: ConfigurationOfJob },
  transactionTime: string,
  jobs: Pick<JobStore, 'configuration' | 'secret'>,
  fhirVersion: FhirVersion,
  resolveSecret: KeyResolver,
): Promise<LineMaker> {
  const text = await jobs.configuration(jobId);
  if (configurationDigest(text) !== configuration.digest) {
    throw new ExportError(
      'configuration-invalid',
      'The pinned configuration is not the one of the kick-off.',
    );
  }
  const read = readConfiguration(text, { fhirVersion });
  if (read.configuration === undefined) {
    throw new ExportError('configuration-invalid', 'The pinned configuration cannot be read.');
  }
  const resolved = await resolveKeys(read.configuration, resolveSecret);
  if (resolved.configuration === undefined) {
    throw new ExportError('configuration-invalid', resolved.issues.map(issueText).join('; '));
  }
  const jobSecret = await jobs.secret(jobId);
  if (keysDigest(resolved.configuration, jobSecret) !== configuration.keysDigest) {
    throw new ExportError(
      'configuration-invalid',
      'A key that the configuration names was changed since the export began, so its files would not fit each other. Start the export again.',
    );
  }
  const configurationOfJob = resolved.configuration;
  const options: Omit<EngineOptions, 'validation'> = {
    fhirVersion,
    now: (parseInstant(transactionTime)?.seconds ?? Number.NaN) * 1000,
    jobSecret,
    randomBytes,
  };
  const engine = compileEngine(configurationOfJob, { ...options, validation });
  // A resource of nothing but an id is not valid.
  let engineOfIds: Engine | undefined;
  return {
    processingErrors:
      engine.processingErrors === 'raise' && minPatients > 0 ? 'raise-at-end' : engine.processingErrors,
    makeLine: (resource, line, report) => engine.anonymize(resource, line, report),
    lastingId: (type, id) => {
      if (!hasLastingIds(configurationOfJob, type)) return undefined;
      engineOfIds ??= compileEngine(configurationOfJob, { ...options, validation: 'off' });
      const made = anonymizeText(engineOfIds, JSON.stringify({ resourceType: type, id }));
      const resource = made.outcome === 'failed' ? undefined : parseJson(made.line);
      const pseudonym = isJsonObject(resource) ? resource['id'] : undefined;
      return typeof pseudonym === 'string' && pseudonym !== id ? pseudonym : undefined;
    },
  };
}
