import { expect, it } from 'vitest';
import { riskOfParts } from '../../functions/activities/riskOfParts.js';
import { ExportError } from '../../functions/common/errors.js';
import { emptyReport, type ReadPart } from '../../functions/export/records/job.js';
import { ClassTable } from '../../functions/export/risk/classTable.js';

const REQUEST = {
  jobId: 'job',
  elements: [],
  risk: { quasiIdentifiers: ['Patient.gender'], minClassSize: 0 },
};

/** Attempts with three tables each, of one Patient each, all of whom are in one class. */
function partsOf(attempts: number): ReadPart[] {
  return Array.from({ length: attempts }, (_, partition) => ({
    partition,
    planned: { window: { type: 'Patient', from: undefined, until: '2026-01-01T00:00:00Z' }, estimate: 3 },
    record: {
      files: [],
      seconds: 0,
      report: emptyReport(),
      classes: [{ attempt: 'a', tables: 3, notEvaluated: 0 }],
    },
  }));
}

function table(): Buffer {
  const classes = new ClassTable();
  classes.add(Buffer.alloc(16, 7), 0, 1);
  return classes.toBytes();
}

it('tables of classes are read some at a time, each once', async () => {
  let [open, most] = [0, 0];
  const read: string[] = [];
  const classes = async (_job: string, ...name: [number, string, number]): Promise<Buffer> => {
    read.push(name.join());
    most = Math.max(most, ++open);
    await new Promise((resolve) => setImmediate(resolve));
    open--;
    return table();
  };
  const risk = await riskOfParts({ classes }, REQUEST, partsOf(10));
  expect(risk).toMatchObject({ patients: 30, classes: 1 });
  expect(new Set(read).size).toBe(30);
  expect(read).toHaveLength(30);
  expect(most).toBeGreaterThan(1);
  expect(most).toBeLessThanOrEqual(4);
});

it('a table that is gone ends it', async () => {
  const gone = new ExportError('job-state-missing', 'It is gone.');
  const classes = async (_job: string, partition: number): Promise<Buffer> => {
    if (partition > 2) throw gone;
    return table();
  };
  await expect(riskOfParts({ classes }, REQUEST, partsOf(10))).rejects.toBe(gone);
});
