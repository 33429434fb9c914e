import { describe, expect, it } from 'vitest';
import { emptyTypeReport } from '../../../functions/deid/run/typeReport.js';
import { addedContent, contentOf } from '../../../functions/export/records/content.js';
import { addFailure, addReport, emptyReport } from '../../../functions/export/records/job.js';

const content = (change: object): ReturnType<typeof contentOf> => ({
  ...contentOf(emptyTypeReport()),
  ...change,
});

it('what two slices contain is added up by name', () => {
  const one = content({
    resources: 2,
    notValid: 1,
    problems: { 'Patient.name required': 1 },
    elements: { id: 2, name: 1 },
    references: { Patient: 1 },
  });
  const other = content({
    resources: 3,
    notValid: 2,
    problems: { 'Patient.name required': 2, 'Patient.link.type required': 1 },
    elements: { active: 3, id: 1 },
    dates: { ...one.dates, day: 4 },
  });
  expect(addedContent(one, other)).toEqual(
    content({
      resources: 5,
      notValid: 3,
      problems: { 'Patient.link.type required': 1, 'Patient.name required': 3 },
      elements: { active: 3, id: 3, name: 1 },
      dates: { year: 0, month: 0, day: 4, time: 0, timeWithOffset: 0 },
      references: { Patient: 1 },
    }),
  );
  expect(Object.keys(addedContent(one, other).elements)).toEqual(['active', 'id', 'name']);
});

it('the report of a job leaves those of its slices as they are', () => {
  const slice = { ...emptyReport(), content: content({ resources: 1, elements: { id: 1 } }) };
  const before = structuredClone(slice);
  const sum = emptyReport();
  for (const _ of [1, 2]) addReport(sum, slice);
  expect(sum.content).toMatchObject({ resources: 2, elements: { id: 2 } });
  expect(slice).toEqual(before);
  addReport(sum, emptyReport());
  expect(sum.content?.resources).toBe(2);
});

describe('failures of more kinds than a report lists', () => {
  it('are counted by their code', () => {
    const report = emptyReport();
    const failure = { type: 'Patient', code: 'not-valid', count: 1 };
    for (let kind = 0; kind < 1000; kind++) {
      addFailure(report, { ...failure, message: `reason ${kind}` });
      addFailure(report, { ...failure, message: 'reason 7' });
    }
    addFailure(report, { ...failure, type: 'Observation', message: 'reason 7' });
    addFailure(report, { ...failure, code: 'too-deep', message: 'reason' });
    expect(report.failures.reduce((sum, { count }) => sum + count, 0)).toBe(2002);
    expect(report.failures).toHaveLength(103);
    expect(report.failures).toContainEqual(
      expect.objectContaining({
        code: 'not-valid',
        count: 900,
        message: expect.stringContaining('too many') as string,
      }),
    );
    expect(report.failures.at(-1)).toMatchObject({ code: 'too-deep', count: 1 });
    expect(
      report.failures.find(({ message, type }) => message === 'reason 7' && type === 'Patient')?.count,
    ).toBe(1001);
  });
});
