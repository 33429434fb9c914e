import { ExportError, type SafeFailure, safeFailure } from '../../common/errors.js';
import type { JobRequest } from '../../export/records/job.js';

/** Why a job is to stop: its slices look for it, since terminating an orchestration does not reach them. */
export type StopReason = { at: string } & (
  { reason: 'cancelled' } | { reason: 'failed'; failure: SafeFailure }
);

/** How a job ended. The first one that is written holds. */
export type JobOutcome =
  | { state: 'completed'; at: string }
  | { state: 'failed'; at: string; failure: SafeFailure }
  | { state: 'cancelled'; at: string };

/** How the orchestration of a job ended: by its own code, by a fault or from outside; or there is none. */
export type InstanceEnd = 'completed' | 'broken-off' | 'missing';

/** What is known of a job. */
export interface JobRecords {
  readonly request: JobRequest | undefined;
  readonly stop: StopReason | undefined;
  readonly outcome: JobOutcome | undefined;
  /** Absent: its orchestration has not ended, or was not looked at. */
  readonly end?: InstanceEnd;
}

interface StateFacts {
  /** Whether its steps go on: others stop, and write nothing more. */
  readonly isRunning: boolean;
  /** Whether how it ended is decided: it takes no place among the running jobs. */
  readonly hasEnded: boolean;
  /** Whether callers see it; others get the answer for a job that does not exist. */
  readonly isVisible: boolean;
  /** The states that may follow. */
  readonly next: readonly JobStateName[];
}

export type JobStateName = 'unknown' | 'running' | 'stopping' | 'lost' | 'completed' | 'failed' | 'cancelled';

/** The states of a job, what holds in them, and what may follow. */
export const JOB_STATES: Readonly<Record<JobStateName, StateFacts>> = {
  /** No request is there: none was made, a kick-off is or was under way, or the job was removed. */
  unknown: { isRunning: false, hasEnded: false, isVisible: false, next: ['running'] },
  running: {
    isRunning: true,
    hasEnded: false,
    isVisible: true,
    next: ['stopping', 'lost', 'completed', 'cancelled'],
  },
  /** A step failed for good; the job is about to end. */
  stopping: {
    isRunning: false,
    hasEnded: false,
    isVisible: true,
    // Again, by another export of the source.
    next: ['running', 'lost', 'failed', 'cancelled'],
  },
  /** Its orchestration is gone without an outcome; the timer ends the job. */
  lost: { isRunning: false, hasEnded: false, isVisible: true, next: ['failed', 'cancelled'] },
  completed: { isRunning: false, hasEnded: true, isVisible: true, next: ['cancelled', 'unknown'] },
  failed: { isRunning: false, hasEnded: true, isVisible: true, next: ['cancelled', 'unknown'] },
  /** Cancelled while it ran, or deleted after its end. */
  cancelled: { isRunning: false, hasEnded: true, isVisible: false, next: ['unknown'] },
};

/** The state of a job, with what is known in it; `at`: when it ended. */
export type JobState =
  | { readonly name: 'unknown' }
  | { readonly name: 'running'; readonly request: JobRequest }
  | { readonly name: 'stopping' | 'lost'; readonly request: JobRequest; readonly failure: SafeFailure }
  | { readonly name: 'completed' | 'cancelled'; readonly request: JobRequest; readonly at: string }
  | {
      readonly name: 'failed';
      readonly request: JobRequest;
      readonly at: string;
      readonly failure: SafeFailure;
    };

/** A state of a job that there is. */
export type KnownState = Exclude<JobState, { name: 'unknown' }>;

/** The state that the records of a job make. A cancel holds before an outcome, and an outcome before a failed step. */
export function stateOf({ request, stop, outcome, end }: JobRecords): JobState {
  if (request === undefined) return { name: 'unknown' };
  if (stop?.reason === 'cancelled') return { name: 'cancelled', request, at: stop.at };
  if (outcome?.state === 'failed') {
    return { name: 'failed', request, at: outcome.at, failure: outcome.failure };
  }
  if (outcome !== undefined) return { name: outcome.state, request, at: outcome.at };
  if (end !== undefined) return { name: 'lost', request, failure: stop?.failure ?? failureOf(end) };
  return stop === undefined
    ? { name: 'running', request }
    : { name: 'stopping', request, failure: stop.failure };
}

/** Whether the steps of a job go on. */
export function isRunning({ name }: JobState): boolean {
  return JOB_STATES[name].isRunning;
}

/** Whether the end of a job is still to come, as far as its records say. */
export function isOpen(
  state: JobState,
): state is Extract<JobState, { name: 'running' | 'stopping' | 'lost' }> {
  return state.name === 'running' || state.name === 'stopping' || state.name === 'lost';
}

/** Whether a job of a state may become one of another. */
export function mayBecome({ name }: JobState, next: JobStateName): boolean {
  return JOB_STATES[name].next.includes(next);
}

/**
 * The outcome of a job that ends in a state.
 * @param at when, where that is not decided
 */
export function outcomeOf(state: KnownState, at: string): JobOutcome {
  switch (state.name) {
    case 'running':
      return { state: 'completed', at };
    case 'stopping':
    case 'lost':
      return { state: 'failed', at, failure: state.failure };
    case 'failed':
      return { state: 'failed', at: state.at, failure: state.failure };
    default:
      return { state: state.name, at: state.at };
  }
}

const HOUR_MS = 3_600_000;

/** When the files of a job that has ended go, in milliseconds since the epoch. */
export function expiryOf({ at }: { at: string }, retentionHours: number): number {
  return Date.parse(at) + retentionHours * HOUR_MS;
}

/**
 * What a step needs of its job's state is not there. Of a job that has not ended, that is so where the storage was set
 * back.
 */
export function stateMissing(): ExportError {
  return new ExportError(
    'job-state-missing',
    'A part of the private state of the job is gone. Either the job has ended, or its storage has lost what was written last, as the storage emulator does with its last seconds when it is killed. Start the export again.',
  );
}

/** An orchestration that completes has written an outcome before. */
function failureOf(end: InstanceEnd): SafeFailure {
  const failure =
    end === 'completed'
      ? stateMissing()
      : new ExportError(
          'internal',
          'The export ended unexpectedly. Its files are removed; start it again. The log of the app says more.',
        );
  return safeFailure(failure);
}
