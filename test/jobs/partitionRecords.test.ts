import { expect, it } from 'vitest';
import {
  emptyReport,
  type JobPlan,
  type PartitionRecord,
  type StoredPartition,
} from '../../functions/export/records/job.js';
import { partitionRecords } from '../../functions/jobs/partitionRecords.js';

/** Partitions 10 to 17, of which 10 is large: 11 to 17 are claimed as one group. */
const plan: JobPlan = {
  transactionTime: '2026-01-01T00:00:00Z',
  first: 10,
  partitions: Array.from({ length: 8 }, (_, nth) => ({
    window: { type: 'Patient', from: undefined, until: '2026-01-01T00:00:00Z' },
    estimate: nth === 0 ? 5000 : 1,
  })),
};

function recordOf(partition: number): PartitionRecord {
  return { files: [], seconds: partition, report: emptyReport() };
}

/** The record of a partition with those of as many after it. */
function stored(partition: number, more = 0): StoredPartition {
  const following = Array.from({ length: more }, (_, nth) => recordOf(partition + 1 + nth));
  return { ...recordOf(partition), ...(more === 0 ? {} : { following }) };
}

it.each<[string, StoredPartition[], number[], number[], number]>([
  [
    'a whole group is in the record of its first partition',
    [stored(10), stored(11, 6)],
    [10, 11, 14, 17],
    [],
    2,
  ],
  [
    'a group that ended early continues in records of their own',
    [stored(11, 2), stored(14), stored(15), stored(16), stored(17)],
    [11, 12, 13, 14, 17],
    [],
    5,
  ],
  [
    'what was read one by one has records of its own',
    [11, 12, 13, 14, 15, 16, 17].map((each) => stored(each)),
    [11, 17],
    [],
    7,
  ],
  ['what is not complete has none', [stored(11, 3)], [10, 14, 15], [10, 15], 5],
  ['what is beyond the plan is in no group', [stored(18), stored(19)], [18, 19, 20], [20], 3],
])('%s', async (_, records, wanted, missing, reads) => {
  const byPartition = new Map(records.map((record) => [record.seconds, record]));
  const read: number[] = [];
  const partition = async (_job: string, number: number): Promise<StoredPartition | undefined> => {
    read.push(number);
    return byPartition.get(number);
  };
  const found = await partitionRecords({ partition }, 'job', plan, wanted);
  for (const each of wanted)
    expect(found.get(each), `${each}`).toEqual(missing.includes(each) ? undefined : recordOf(each));
  expect(read).toHaveLength(reads);
});
