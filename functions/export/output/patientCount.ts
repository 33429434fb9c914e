import { createHmac } from 'node:crypto';
import type { FhirVersion } from '../../deid/engine.js';
import type { JsonObject } from '../../json/json.js';
import { ExportError } from '../../errors.js';
import { patientsOf } from '../../fhir/patientsOf.js';
import type { JobRequest } from '../job.js';

const NOBODY: ReadonlySet<string> = new Set();

/**
 * Which patients' data a slice has written: the first `most` of them, which is all that has to be known. Ids stay in
 * memory; what is kept are digests that tell the same patient from another within the job and nothing else.
 */
export class PatientCounter {
  readonly #most: number;
  readonly #fhirVersion: FhirVersion;
  readonly #isCounted: (id: string) => boolean;
  readonly #ids = new Set<string>();

  /** @param isCounted of a job over some patients, whether one is among them: others do not make it a job over more */
  constructor(most: number, fhirVersion: FhirVersion, isCounted: (id: string) => boolean = () => true) {
    this.#most = most;
    this.#fhirVersion = fhirVersion;
    this.#isCounted = isCounted;
  }

  /** The patients of a resource as it came; none once there are enough. @param resource parses it */
  look(resource: () => JsonObject): ReadonlySet<string> {
    return this.#ids.size >= this.#most ? NOBODY : patientsOf(resource(), this.#fhirVersion);
  }

  /** Counts the patients of a resource that was written. */
  add(patients: ReadonlySet<string>): void {
    for (const id of patients) {
      if (this.#ids.size >= this.#most) return;
      if (this.#isCounted(id)) this.#ids.add(id);
    }
  }

  /** @param secret the job's own */
  digests(secret: Uint8Array): string[] {
    return [...this.#ids].map((id) =>
      createHmac('sha256', secret).update(`patient-count:${id}`).digest('base64url'),
    );
  }
}

/** Merges digests, `most` of them at most. */
export function addPatients(sum: Set<string>, more: Iterable<string>, most: number): void {
  for (const digest of more) {
    if (sum.size >= most) return;
    sum.add(digest);
  }
}

/** The patients whose data a partition wrote. */
interface CountedPartition {
  type: string;
  patients: readonly string[];
}

/**
 * Checks that a job is over as many patients as it has to be: as a whole, and in each type that a filter narrows, so
 * that a narrow search does not hide behind a wide one. A job that nothing narrows may be over none; one that asks for
 * particular patients' data, or what changed in a time, may not, since that there are none tells as much as that there
 * are few.
 * @param mayBeOfPatients whether resources of a type can be of patients
 * @throws ExportError `forbidden`, in the same words whether there are few patients or none
 */
export function checkPatientCount(
  request: Pick<JobRequest, 'minPatients' | 'level' | 'patients' | 'typeFilters' | 'since' | 'until'>,
  partitions: readonly CountedPartition[],
  mayBeOfPatients: (type: string) => boolean,
): void {
  const { minPatients = 0, level, patients, typeFilters, since, until } = request;
  if (minPatients === 0) return;
  const countOf = (counted: readonly CountedPartition[]): number => {
    const sum = new Set<string>();
    for (const partition of counted) addPatients(sum, partition.patients, minPatients);
    return sum.size;
  };
  const filtered = new Set(typeFilters.map(({ type }) => type).filter(mayBeOfPatients));
  const tooFewIn = [...filtered].filter(
    (type) => countOf(partitions.filter((partition) => partition.type === type)) < minPatients,
  );
  const all = countOf(partitions);
  const isOfPatients = level.kind !== 'system' || partitions.some(({ type }) => mayBeOfPatients(type));
  const isNarrowed =
    level.kind === 'group' ||
    patients !== undefined ||
    (isOfPatients && (since !== undefined || until !== undefined));
  const isTooFew = all < minPatients && (all > 0 || isNarrowed);
  if (tooFewIn.length === 0 && !isTooFew) return;
  throw new ExportError(
    'forbidden',
    `The export is over fewer than ${minPatients} patients${isTooFew ? '' : ` in ${tooFewIn.sort().join(', ')}`}, so it ended without data (MIN_PATIENTS). Ask for more: a longer time, more codes, more types, a larger group. The permission for raw exports lifts this limit.`,
  );
}
