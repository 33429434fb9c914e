import type { FhirVersion } from '../../fhir/fhirVersion.js';
import type { JsonObject } from '../../json/json.js';
import type { TapeValue } from '../../json/jsonTape.js';
import type { LineBuffer } from '../../json/lineBuffer.js';

/** What an engine needs from outside: no clock and no randomness is read inside. */
export interface EngineOptions {
  fhirVersion: FhirVersion;
  /** Instant the 89-year rule measures ages from, in milliseconds since the epoch. */
  now: number;
  /** 32 random bytes of the job; keys that the configuration leaves empty are derived from it (HKDF). */
  jobSecret: Uint8Array;
  /** Returns `size` random bytes: initialization vectors and noise. */
  randomBytes: (size: number) => Uint8Array;
}

/** Names that feed the date-shift scopes `file` and `folder`; both empty in an export. */
export interface ResourceContext {
  fileName?: string;
  folderName?: string;
}

/** Why a resource could not be anonymized. Holds codes and rule positions, never a value of the resource. */
export interface ProcessingFailure {
  code: string;
  message: string;
  rule?: number;
}

export type AnonymizeResult =
  | {
      outcome: 'anonymized';
      /** The resource as JSON on one line, without a line break at the end. */
      line: string;
    }
  | { outcome: 'failed'; failure: ProcessingFailure };

/** Counts over all resources an engine has seen, safe to report: element paths of the FHIR definition, no values. */
export interface EngineReport {
  resources: number;
  /** Elements dropped because the FHIR version does not define them or their value had the wrong type, by path. */
  dropped: ReadonlyMap<string, number>;
  /** Operations done, by security label code. */
  labels: ReadonlyMap<string, number>;
  /** Conditions that could not be decided, by the rule whose path or case they are in: `fhirPathRules[3]`. */
  undecided: ReadonlyMap<string, number>;
}

/** A compiled configuration. Not shared between jobs: it holds the job's keys. */
export interface Engine {
  /** What happens to a run when a resource fails: `raise` ends it, `skip` leaves the resource out. */
  readonly processingErrors: 'raise' | 'skip';
  /**
   * De-identifies one resource; never throws for anything in the resource. `resource` is a value as
   * `parseJson` gives it and is consumed: the engine may change it in place.
   */
  anonymize(resource: JsonObject, context?: ResourceContext): AnonymizeResult;
  /**
   * As `anonymize`, of a resource on a tape, which stays as it is: adds the resource's line to `line`, without a line
   * break. Does the usual only, and that much faster.
   * @returns false where nothing was done or counted: then `anonymize` has to do it
   */
  anonymizeTape(resource: TapeValue, line: LineBuffer): boolean;
  /** Counts since the last call, which this call resets. */
  takeReport(): EngineReport;
}
