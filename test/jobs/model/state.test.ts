import { describe, expect, it } from 'vitest';
import {
  expiryOf,
  JOB_STATES,
  type JobOutcome,
  type JobRecords,
  type JobStateName,
  mayBecome,
  outcomeOf,
  stateOf,
} from '../../../functions/jobs/model/state.js';
import { jobRequest } from '../../export/requests.js';

const FAILURE = { code: 'source-busy', message: 'The source was busy.', retryable: false } as const;
const [EARLY, LATE, NOW] = ['2026-01-01T00:01:00Z', '2026-01-01T00:02:00Z', '2026-01-01T00:03:00Z'];

const request = jobRequest({ jobId: '0'.repeat(32) });
const cancel = { reason: 'cancelled', at: LATE } as const;
const stop = { reason: 'failed', at: LATE, failure: FAILURE } as const;
const completed: JobOutcome = { state: 'completed', at: EARLY };
const failed: JobOutcome = { state: 'failed', at: EARLY, failure: FAILURE };
const cancelled: JobOutcome = { state: 'cancelled', at: EARLY };

function recordsOf(records: Partial<JobRecords>): JobRecords {
  return { request, stop: undefined, outcome: undefined, ...records };
}

describe('the state of a job', () => {
  it.each<[string, Partial<JobRecords>, JobStateName]>([
    ['without a request', { request: undefined }, 'unknown'],
    [
      'without a request, whatever else is left',
      { request: undefined, stop: cancel, outcome: completed },
      'unknown',
    ],
    ['with nothing but a request', {}, 'running'],
    ['with a failed step', { stop }, 'stopping'],
    ['whose orchestration completed without an outcome', { end: 'completed' }, 'lost'],
    ['whose orchestration was broken off', { end: 'broken-off' }, 'lost'],
    ['whose orchestration is missing', { end: 'missing' }, 'lost'],
    ['with a failed step, whose orchestration was broken off', { stop, end: 'broken-off' }, 'lost'],
    ['that completed', { outcome: completed }, 'completed'],
    [
      'that completed, and whose orchestration did, too',
      { outcome: completed, end: 'completed' },
      'completed',
    ],
    ['that completed before a step was said to fail', { outcome: completed, stop }, 'completed'],
    ['that failed', { outcome: failed, stop }, 'failed'],
    ['that failed, as the timer found', { outcome: failed, end: 'missing' }, 'failed'],
    ['that is to be cancelled', { stop: cancel }, 'cancelled'],
    [
      'that is to be cancelled, and whose orchestration was terminated',
      { stop: cancel, end: 'broken-off' },
      'cancelled',
    ],
    ['that was cancelled', { stop: cancel, outcome: cancelled }, 'cancelled'],
    ['that was cancelled, of which no mark is left', { outcome: cancelled }, 'cancelled'],
    ['that completed and was deleted', { stop: cancel, outcome: completed }, 'cancelled'],
    ['that failed and was deleted', { stop: cancel, outcome: failed }, 'cancelled'],
  ])('%s', (_what, records, name) => {
    expect(stateOf(recordsOf(records)).name).toBe(name);
  });

  it('has the reason of a failed step, or says what became of its orchestration', () => {
    const failureOf = (records: Partial<JobRecords>): unknown => {
      const state = stateOf(recordsOf(records));
      return 'failure' in state ? state.failure : undefined;
    };
    expect(failureOf({ stop, end: 'missing' })).toEqual(FAILURE);
    expect(failureOf({ end: 'completed' })).toMatchObject({ code: 'job-state-missing', retryable: false });
    for (const end of ['broken-off', 'missing'] as const) {
      expect(failureOf({ end })).toMatchObject({ code: 'internal', retryable: false });
    }
  });
});

it.each<[string, Partial<JobRecords>, JobOutcome]>([
  ['running', {}, { state: 'completed', at: NOW }],
  ['stopping', { stop }, { state: 'failed', at: NOW, failure: FAILURE }],
  ['lost', { stop, end: 'missing' }, { state: 'failed', at: NOW, failure: FAILURE }],
  ['completed', { outcome: completed, stop }, completed],
  ['failed', { outcome: failed }, failed],
  ['cancelled', { stop: cancel }, { state: 'cancelled', at: LATE }],
])('a job that is %s ends with the outcome of its state', (name, records, outcome) => {
  const state = stateOf(recordsOf(records));
  expect(state.name).toBe(name);
  expect(state.name !== 'unknown' && outcomeOf(state, NOW)).toEqual(outcome);
});

it('files go when the retention is over, counted from the end of the job', () => {
  expect(new Date(expiryOf({ at: EARLY }, 48)).toISOString()).toBe('2026-01-03T00:01:00.000Z');
});

describe('the table of states', () => {
  const EVERY: Partial<Record<JobStateName, Partial<JobRecords>>> = {
    unknown: { request: undefined },
    running: {},
    stopping: { stop },
    lost: { end: 'missing' },
    completed: { outcome: completed },
    failed: { outcome: failed },
    cancelled: { stop: cancel },
  };
  const names = Object.keys(JOB_STATES) as JobStateName[];

  it.each<[JobStateName, JobStateName[]]>([
    ['unknown', ['running']],
    ['running', ['stopping', 'lost', 'completed', 'cancelled']],
    ['stopping', ['running', 'lost', 'failed', 'cancelled']],
    ['lost', ['failed', 'cancelled']],
    ['completed', ['unknown', 'cancelled']],
    ['failed', ['unknown', 'cancelled']],
    ['cancelled', ['unknown']],
  ])('allows a job that is %s to become %s, and nothing else', (name, next) => {
    const state = stateOf(recordsOf(EVERY[name] ?? {}));
    expect(state.name).toBe(name);
    expect(names.filter((other) => mayBecome(state, other)).sort()).toEqual([...next].sort());
  });

  it('lets steps work in one state only, and lets every job that a caller sees be cancelled', () => {
    expect(names.filter((name) => JOB_STATES[name].isRunning)).toEqual(['running']);
    for (const name of names) {
      expect(JOB_STATES[name].next.includes('cancelled')).toBe(JOB_STATES[name].isVisible);
    }
  });

  it('knows ended jobs as those with an outcome, and those that were cancelled', () => {
    expect(names.filter((name) => JOB_STATES[name].hasEnded)).toEqual(['completed', 'failed', 'cancelled']);
  });
});
