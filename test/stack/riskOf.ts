import { expect } from 'vitest';
import type { Risk } from '../../functions/export/risk/risk.js';
import { classesOf } from '../reading/patientClasses.js';

/** The risk in a report has to be that of the Patients of the export, as plain code finds it. */
export function expectRiskOf(
  risk: Risk | undefined,
  patients: ReadonlyArray<Readonly<Record<string, unknown>>>,
): void {
  const sizes = [...classesOf(patients).values()].sort((one, other) => one - other);
  const middle = (sizes.length - 1) / 2;
  expect(risk).toMatchObject({
    patients: patients.length,
    classes: sizes.length,
    least: sizes[0],
    median: ((sizes[Math.floor(middle)] ?? 0) + (sizes[Math.ceil(middle)] ?? 0)) / 2,
    unique: sizes.filter((size) => size === 1).length,
    notEvaluated: 0,
  });
  for (const { least, most = Infinity, classes, patients: all } of risk?.histogram ?? []) {
    const own = sizes.filter((size) => size >= least && size <= most);
    expect([least, classes, all]).toEqual([least, own.length, own.reduce((sum, size) => sum + size, 0)]);
  }
}
