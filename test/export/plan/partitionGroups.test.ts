import { expect, it } from 'vitest';
import { groupSize } from '../../../functions/export/plan/partitionGroups.js';
import type { PlannedPartition } from '../../../functions/export/records/job.js';

const window = { type: 'Patient', from: undefined, until: '2026-01-01T00:00:00Z' };

function counted(estimate: number | undefined, more: Partial<PlannedPartition> = {}): PlannedPartition {
  return { window, estimate, ...more };
}

function byMembers(searches: number): Partial<PlannedPartition> {
  return { memberSearch: { parameters: ['patient'], batch: 100, first: 3, end: 3 + searches } };
}

it.each<[string, PlannedPartition[], number]>([
  ['as many as have few resources together', [counted(600), counted(400), counted(1)], 2],
  ['a large one alone', [counted(5000), counted(1)], 1],
  ['those before a large one', [counted(1), counted(2), counted(5000)], 2],
  ['no more than ten', Array.from({ length: 30 }, () => counted(1)), 10],
  ['none that is not counted', [counted(1), counted(undefined), counted(1)], 1],
  ['none of deletions', [counted(1), counted(1, { isOfDeletions: true })], 1],
  [
    'none of a file',
    [counted(1), counted(1, { file: { name: 'a.ndjson', from: 0, to: 1, isLast: true } as never })],
    1,
  ],
  [
    'no more than ten searches by members',
    [counted(1, byMembers(6)), counted(1, byMembers(4)), counted(1)],
    2,
  ],
  ['one of many searches by members alone', [counted(1, byMembers(125)), counted(1)], 1],
  ['none that is read by patient', [counted(1), counted(1, { blocks: { first: 0, end: 1, types: [] } })], 1],
])('partitions are read in one step: %s', (_, partitions, size) => {
  expect(groupSize({ partitions }, 0, partitions.length)).toBe(size);
  expect(groupSize({ partitions, first: 40 }, 40, 40 + partitions.length)).toBe(size);
});

it('a group ends where the partitions of the worker end, and has one partition at least', () => {
  const partitions = [counted(1), counted(1), counted(1)];
  expect(groupSize({ partitions }, 0, 2)).toBe(2);
  expect(groupSize({ partitions }, 2, 3)).toBe(1);
  // Those that are read again, and what exported resources refer to, are not in the plan.
  expect(groupSize({ partitions }, 3, 9)).toBe(1);
});
