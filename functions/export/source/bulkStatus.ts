import { ExportError } from '../../common/errors.js';
import { isJsonObject, type JsonValue } from '../../json/json.js';

/** What the source answered to a request of a status, or to a kick-off. */
export interface BulkAnswer {
  status: number;
  /** 0 where it does not say. */
  retryAfterMs: number;
  /** The source's clock, in milliseconds since the epoch. */
  date?: number | undefined;
  /** `X-Progress`, as the source has it. */
  progress?: string | undefined;
  /** Of an answer of 4xx or 5xx, its OperationOutcome, if it has one. */
  outcome?: JsonValue | undefined;
}

/** What such an answer means: https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-status-request */
export type BulkStatus =
  /** It is at work, and may be asked again. `error`: why it may not be, where it does not say that it is. */
  | { kind: 'waiting'; waitMs: number; progress?: string; error?: ExportError }
  | { kind: 'complete' }
  /** The export has failed, or is gone: another one may succeed. */
  | { kind: 'failed'; isGone: boolean };

const SECOND_MS = 1000;
const MAX_WAIT_MS = 3_600_000;
/** Of a source that does not say when to ask again: a tenth of the time that it has taken, within these. */
const MAX_OWN_WAIT_MS = 60_000;
/** Of what the source asks for, a twentieth of that time at least, up to this. */
const LEAST_WAIT_MS = 10_000;
/** What gateways answer in the place of a server, or a server that has no time. */
const BUSY: readonly number[] = [408, 425, 429, 502, 503, 504];
const GONE: readonly number[] = [404, 410];
/** Issue types by which a server says that the failure passes: https://hl7.org/fhir/R4/valueset-issue-type.html */
const PASSING: ReadonlySet<unknown> = new Set([
  'transient',
  'lock-error',
  'no-store',
  'timeout',
  'incomplete',
  'throttled',
]);

/**
 * @param elapsedMs since the source took the job
 * @param denied what to throw where the app is not let in
 * @throws ExportError where it will not be otherwise
 */
export function readStatus(
  answer: BulkAnswer,
  elapsedMs: number,
  denied: (status: number) => ExportError,
): BulkStatus {
  const { status, progress } = answer;
  const waitMs = waitOf(answer, elapsedMs);
  if (status === 200) return { kind: 'complete' };
  if (status === 202) return { kind: 'waiting', waitMs, ...progressOf(progress) };
  if (status === 401 || status === 403) throw denied(status);
  if (GONE.includes(status)) return { kind: 'failed', isGone: true };
  if (BUSY.includes(status) || isPassing(answer)) {
    const error = new ExportError(
      'source-busy',
      `The source kept answering ${status} when it was asked how far its own export is. Try again when it is less busy.`,
      true,
    );
    return { kind: 'waiting', waitMs, error };
  }
  return { kind: 'failed', isGone: false };
}

/** When to ask again: some servers ask for a second, and block who asks sixty times a minute. */
export function waitOf({ retryAfterMs }: Pick<BulkAnswer, 'retryAfterMs'>, elapsedMs: number): number {
  const asked = Math.max(Math.min(retryAfterMs, MAX_WAIT_MS), Math.min(elapsedMs / 20, LEAST_WAIT_MS));
  const wait = retryAfterMs > 0 ? asked : Math.min(elapsedMs / 10, MAX_OWN_WAIT_MS);
  return Math.max(SECOND_MS, Math.round(wait));
}

function isPassing({ status, outcome }: BulkAnswer): boolean {
  // A server's own failure, without an OperationOutcome, may be that of what answers in its place.
  if (outcome === undefined) return status >= 500;
  const issues = isJsonObject(outcome) && Array.isArray(outcome['issue']) ? outcome['issue'] : [];
  return issues.length > 0 && issues.every((issue) => isJsonObject(issue) && PASSING.has(issue['code']));
}

/** Of a job that is not complete: clients take 100 % for its end. */
export const MAX_PERCENT = 99;

/** Words of progress without a meaning of their own for a patient. */
const WORDS =
  /^(?:accepted|active|building|complete|completed|done|export|exporting|files|finishing|generating|in|job|now|pending|preparing|processing|progress|queued|resources|running|started|starting|submitted|the|waiting|writing)$/;

/** Of the text that a source gives, the percentage, or words that are known: what else it holds may be of a patient. */
function progressOf(text: string | undefined): { progress?: string } {
  const percent = /(?<![\d.])(\d{1,3})(?:\.\d+)?\s?%/.exec(text ?? '')?.[1];
  if (percent !== undefined && Number(percent) <= 100)
    return { progress: `${Math.min(MAX_PERCENT, Number(percent))}%` };
  const words = (text ?? '').toLowerCase().match(/[a-z]+/g) ?? [];
  const isKnown = words.length > 0 && words.length <= 6 && !/\d/.test(text ?? '');
  return isKnown && words.every((word) => WORDS.test(word)) ? { progress: words.join(' ') } : {};
}
