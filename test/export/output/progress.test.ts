import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type JobPlan, type PartitionProgress, PLANNING } from '../../../functions/export/records/job.js';
import {
  furtherProgress,
  progressOf,
  progressText,
  progressWithoutCounts,
  secondsToNextPoll,
} from '../../../functions/export/output/progress.js';
import { randomly } from '../../random.js';

function planOf(...partitions: Array<[type: string, estimate: number | undefined]>): JobPlan {
  return {
    transactionTime: '2026-01-01T00:00:00Z',
    partitions: partitions.map(([type, estimate]) => ({
      window: { type, from: undefined, until: '2026-01-01T00:00:00Z' },
      estimate,
    })),
  } as JobPlan;
}

function text(plan: JobPlan | undefined, ...progress: PartitionProgress[]): string {
  return progressText(progressOf(plan, progress));
}

describe('X-Progress', () => {
  const plan = planOf(['Observation', 60], ['Observation', 30], ['Patient', 10]);
  it.each([
    ['planning', undefined, []],
    ['0%: 0 of 100 resources', plan, []],
    [
      'reading: 7 resources',
      planOf(['', undefined], ['', undefined]),
      [{ partition: 0, resources: 7, isDone: false }],
    ],
    [
      '25%: 25 of 100 resources; Observation',
      plan,
      [
        { partition: 0, resources: 15, isDone: false },
        { partition: 1, resources: 10, isDone: false },
      ],
    ],
    [
      '99%: 120 of 100 resources; finishing',
      plan,
      [0, 1, 2].map((partition) => ({ partition, resources: 40, isDone: true })),
    ],
    [
      '99%: 0 of 0 resources; finishing',
      planOf(['Observation', 0]),
      [{ partition: 0, resources: 0, isDone: true }],
    ],
    [
      'reading: 7 resources; Patient',
      planOf(['Patient', undefined]),
      [{ partition: 0, resources: 7, isDone: false }],
    ],
  ])('%s', (expected, of, progress) => {
    expect(text(of, ...progress)).toBe(expected);
  });

  const waiting = (since: string, code: string): Pick<PartitionProgress, 'waiting'> => ({
    waiting: { since: `2026-01-01T${since}:12.345Z`, code },
  });
  it.each([
    [
      'planning; the source does not answer since 14:03 UTC, trying again',
      undefined,
      [{ partition: PLANNING, resources: 0, isDone: false, ...waiting('14:03', 'source-timeout') }],
    ],
    [
      '25%: 25 of 100 resources; the source is busy since 14:05 UTC, trying again',
      plan,
      [
        // What the plan waited for is over.
        { partition: PLANNING, resources: 0, isDone: false, ...waiting('14:01', 'source-timeout') },
        { partition: 0, resources: 15, isDone: false, ...waiting('14:03', 'source-unreachable') },
        { partition: 1, resources: 10, isDone: false, ...waiting('14:05', 'source-busy') },
      ],
    ],
    [
      'reading: 7 resources',
      planOf(['', undefined], ['', undefined]),
      [{ partition: 0, resources: 7, isDone: false }],
    ],
    [
      '25%: 25 of 100 resources; Observation',
      plan,
      [
        { partition: 0, resources: 15, isDone: false, ...waiting('14:03', 'source-unreachable') },
        { partition: 1, resources: 10, isDone: false },
      ],
    ],
  ])('%s', (expected, of, progress) => {
    expect(text(of, ...progress)).toBe(expected);
  });

  it('of a job that waits has less than 100 characters', () => {
    const reported = progressText(
      progressOf(planOf(['MedicationAdministration', 999_999_999]), [
        { partition: 0, resources: 999_999_998, isDone: false, ...waiting('14:03', 'source-busy') },
      ]),
    );
    expect(reported.length).toBeLessThan(100);
  });

  it('waits since the first failure of a row, whatever attempt it was of', () => {
    const first = { partition: 0, resources: 5, isDone: false, ...waiting('14:03', 'source-timeout') };
    const again = { partition: 0, resources: 5, isDone: false, ...waiting('14:20', 'source-busy') };
    const answered = { partition: 0, resources: 5, isDone: false };
    expect(furtherProgress(first, again).waiting).toEqual(waiting('14:03', 'source-busy').waiting);
    expect(furtherProgress(furtherProgress(first, answered), again).waiting).toEqual(again.waiting);
  });

  it('of a job whose patients are counted shows no numbers of resources, nor of parts that follow from them', () => {
    const types = (...partitions: Array<[string, number]>): string =>
      progressText(
        progressWithoutCounts(planOf(...partitions), [
          { partition: 0, resources: 15, isDone: true },
          { partition: 1, resources: 15, isDone: false },
        ]),
      );
    expect(types(['Patient', 5], ['Observation', 6])).toBe('reading: 1 of 2 types');
    expect(types(['Patient', 5], ['Patient', 6], ['Observation', 0])).toBe('reading: 0 of 2 types');
    expect(types(['Patient', 0])).toBe('reading: 1 of 1 types');
    // Of files: what their lines are, they show only when they are read.
    expect(types(['', 5], ['', 6])).toBe('reading');
  });

  it('has under 100 characters and no half of a name', () => {
    const names = [
      'Observation',
      'MedicationAdministration',
      'ImmunizationRecommendation',
      'DiagnosticReport',
    ];
    const reported = text(
      planOf(...names.map((name): [string, number] => [name, 1_000_000_000])),
      ...names.map((_, partition) => ({ partition, resources: 1, isDone: false })),
    );
    expect(reported.length).toBeLessThan(100);
    expect(reported).toBe(
      '0%: 4 of 4000000000 resources; Observation, MedicationAdministration, ImmunizationRecommendation',
    );
  });
});

it('what attempts report, in whatever order, never goes back', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ partition: fc.constant(0), resources: fc.nat(1000), isDone: fc.boolean() })),
      (attempts) => {
        let reported: PartitionProgress | undefined;
        for (const attempt of attempts) {
          const next = furtherProgress(reported, attempt);
          expect(next.resources).toBeGreaterThanOrEqual(reported?.resources ?? 0);
          expect(next.isDone || reported?.isDone !== true).toBe(true);
          reported = next;
        }
      },
    ),
    randomly(100),
  );
});

it.each([
  // done, total, elapsed seconds, seconds to wait
  [0, 100, 0, 1],
  [0, 100, 120, 12],
  [10, 1000, 120, 12],
  [990, 1000, 120, 1],
  [900, 1000, 180, 10],
  [10, 1_000_000, 3600, 30],
  [10, undefined, 100, 10],
  [2000, 1000, 100, 1],
])('%s of %s resources after %s s: ask again in %s s', (done, total, elapsed, expected) => {
  const progress = { isPlanned: true, done, total, isComplete: false, types: [] };
  expect(secondsToNextPoll(progress, elapsed)).toBe(expected);
});
