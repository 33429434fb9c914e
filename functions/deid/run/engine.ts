import type { FhirVersion } from '../../fhir/fhirVersion.js';
import type { TapeValue } from '../../json/jsonTape.js';
import type { LineBuffer } from '../../json/lineBuffer.js';
import type { WorkOptions } from '../plan/works.js';
import type { EngineReport } from './report.js';
import type { Trace } from './trace.js';
import type { DecisionWatch } from './watchedTapeWalk.js';

/** What an engine needs from outside: no clock and no randomness is read inside. */
export interface EngineOptions extends WorkOptions {
  fhirVersion: FhirVersion;
  /** Returns `size` random bytes: initialization vectors and noise. */
  randomBytes: (size: number) => Uint8Array;
  /** Whether results are validated as FHIR, and what is done with one that is not valid. */
  readonly validation: Validation;
  /** Gets what is done with each value of a resource that the tape takes. */
  readonly watch?: DecisionWatch;
}

/**
 * `report` counts results that are not valid FHIR; `refuse` makes such a resource fail with the code `not-valid` and a
 * message of element paths and reasons.
 */
export type Validation = 'off' | 'report' | 'refuse';

/** Names that feed the date-shift scopes `file` and `folder`; both empty in an export. */
export interface ResourceContext {
  fileName?: string;
  folderName?: string;
  /** Gets what becomes of the elements where the tree engine does the work, whose results are the same. */
  trace?: Trace;
  /** Whether the tree engine does the work in any case; without it, where the tape cannot. */
  isByTree?: boolean;
}

/** Why a resource could not be anonymized. Holds codes and rule positions, never a value of the resource. */
export interface ProcessingFailure {
  code: string;
  message: string;
  /** `fhirPathRules[3]`, `hipaa-safe-harbor-r4@1 fhirPathRules[3]` */
  rule?: string;
}

/**
 * A resource that needs pseudonyms which its engine's source does not know yet: they are noted there, and the resource is
 * to be given again once they are known. It counts for nothing until then.
 */
export const LACKS_PSEUDONYMS: ProcessingFailure = {
  code: 'lacks-pseudonyms',
  message: 'A pseudonym is missing',
};

/** A compiled configuration. Not shared between jobs: it holds the job's keys. */
export interface Engine {
  /** What happens to a run when a resource fails: `raise` ends it, `skip` leaves the resource out. */
  readonly processingErrors: 'raise' | 'skip';
  /**
   * De-identifies one resource of a tape, which stays as it is, and adds its line to `line`, without a line break. Never
   * throws for anything in the resource.
   * @returns why it failed, or `LACKS_PSEUDONYMS`: then nothing is added to the line
   */
  anonymize(
    resource: TapeValue,
    line: LineBuffer,
    report: EngineReport,
    context?: ResourceContext,
  ): ProcessingFailure | undefined;
}
