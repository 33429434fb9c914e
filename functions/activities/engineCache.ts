import { randomBytes } from 'node:crypto';
import type { JobStore } from '../adapters/storage/jobStore.js';
import { readConfiguration } from '../deid/readConfiguration.js';
import { compileEngine } from '../deid/compileEngine.js';
import type { FhirVersion } from '../fhir/fhirVersion.js';
import { hasLastingIds } from '../deid/run/idPseudonym.js';
import { anonymizeText } from '../deid/run/anonymizeText.js';
import { isJsonObject, parseJson } from '../json/json.js';
import { type KeyResolver, resolveKeys } from '../deid/configuration/keys.js';
import { FhirModel } from '../deid/model/fhirModel.js';
import { ExportError } from '../common/errors.js';
import { cuttingLines, elementCutter } from '../export/output/cutElements.js';
import type { JobRequest } from '../export/records/job.js';
import { parseInstant } from '../fhir/instant.js';
import { configurationDigest, keysDigest } from '../export/request/pinnedConfiguration.js';
import { rawLines } from '../export/output/rawLines.js';
import type { LineMaker } from '../export/output/lineMaker.js';

/** Engines hold keys and compiled rules; one process seldom works on more jobs than this at a time. */
const MOST_ENGINES = 4;

/** The line makers of the jobs this process works on, made once per job from its pinned configuration. */
export class EngineCache {
  readonly #jobs: JobStore;
  readonly #fhirVersion: FhirVersion;
  readonly #resolveSecret: KeyResolver;
  readonly #lineMakers = new Map<string, Promise<LineMaker>>();

  constructor(jobs: JobStore, fhirVersion: FhirVersion, resolveSecret: KeyResolver) {
    this.#jobs = jobs;
    this.#fhirVersion = fhirVersion;
    this.#resolveSecret = resolveSecret;
  }

  /**
   * @param transactionTime the moment the 89-year rule measures from: the same in every activity of the job
   * @throws ExportError `job-state-missing` where the job has ended
   */
  async lineMaker(request: JobRequest, transactionTime: string): Promise<LineMaker> {
    const { jobId } = request;
    const known = this.#lineMakers.get(jobId);
    // Renewed, so that the one longest unused is the first in the order of the map.
    this.#lineMakers.delete(jobId);
    const made = known ?? this.#make(request, transactionTime);
    this.#lineMakers.set(jobId, made);
    made.catch(() => this.#lineMakers.delete(jobId));
    for (const oldest of this.#lineMakers.keys()) {
      if (this.#lineMakers.size <= MOST_ENGINES) break;
      this.#lineMakers.delete(oldest);
    }
    return made;
  }

  /** Forgets the keys of a job that has ended. */
  forget(jobId: string): void {
    this.#lineMakers.delete(jobId);
  }

  async #make(request: JobRequest, transactionTime: string): Promise<LineMaker> {
    const { elements } = request;
    const lineMaker = await this.#makeWhole(request, transactionTime);
    if (elements.length === 0) return lineMaker;
    return cuttingLines(lineMaker, elementCutter(elements, FhirModel.of(this.#fhirVersion)));
  }

  async #makeWhole(
    { jobId, configuration, minPatients = 0 }: JobRequest,
    transactionTime: string,
  ): Promise<LineMaker> {
    if (configuration === undefined) return rawLines;
    const text = await this.#jobs.configuration(jobId);
    if (configurationDigest(text) !== configuration.digest) {
      throw new ExportError(
        'configuration-invalid',
        'The pinned configuration is not the one of the kick-off.',
      );
    }
    const read = readConfiguration(text, { fhirVersion: this.#fhirVersion });
    if (read.configuration === undefined) {
      throw new ExportError('configuration-invalid', 'The pinned configuration cannot be read.');
    }
    const resolved = await resolveKeys(read.configuration, this.#resolveSecret);
    if (resolved.configuration === undefined) {
      throw new ExportError(
        'configuration-invalid',
        resolved.issues.map(({ path, message }) => `${path}: ${message}`).join('; '),
      );
    }
    const jobSecret = await this.#jobs.secret(jobId);
    if (keysDigest(resolved.configuration, jobSecret) !== configuration.keysDigest) {
      throw new ExportError(
        'configuration-invalid',
        'A key that the configuration names was changed since the export began, so its files would not fit each other. Start the export again.',
      );
    }
    const configurationOfJob = resolved.configuration;
    const engine = compileEngine(configurationOfJob, {
      fhirVersion: this.#fhirVersion,
      now: (parseInstant(transactionTime)?.seconds ?? Number.NaN) * 1000,
      jobSecret,
      randomBytes,
    });
    return {
      processingErrors:
        engine.processingErrors === 'raise' && minPatients > 0 ? 'raise-at-end' : engine.processingErrors,
      makeLine: (resource, line, report) => engine.anonymize(resource, line, report),
      lastingId: (type, id) => {
        if (!hasLastingIds(configurationOfJob, type)) return undefined;
        const made = anonymizeText(engine, JSON.stringify({ resourceType: type, id }));
        const resource = made.outcome === 'failed' ? undefined : parseJson(made.line);
        const pseudonym = isJsonObject(resource) ? resource['id'] : undefined;
        return typeof pseudonym === 'string' && pseudonym !== id ? pseudonym : undefined;
      },
    };
  }
}
