import type { SafeFailure } from '../../common/errors.js';
import type { OutcomeIssue } from '../../fhir/operationOutcome.js';

/** A request, as it crosses to where the work is done. */
export interface DeIdentifyTask {
  readonly body: Uint8Array;
  /** Of the URL. */
  readonly search: string;
}

/** What comes back: the result with what is to be said of it, or a refusal, or a failure of the app or of storage. */
export type DeIdentifyAnswer =
  | { readonly body: Uint8Array; readonly issues: OutcomeIssue[] }
  | { readonly status: number; readonly issues: OutcomeIssue[] }
  | { readonly failure: SafeFailure };

/** Does the work of a request. @throws RequestError where it takes more than it may */
export type RunDeIdentify = (task: DeIdentifyTask) => Promise<DeIdentifyAnswer>;
