import { expect, it } from 'vitest';
import { outputName } from '../../../functions/export/output/outputName.js';

it('the output of a job has a name of its own, from which the id of the job does not follow', () => {
  const names = ['0', '1'].map((digit) => outputName('2026-01-02T03:04:05.678Z', digit.repeat(32)));
  for (const name of names) {
    expect(name).toMatch(/^20260102030405-[0-9a-f]{32}$/);
    expect(name).not.toMatch(/0{32}|1{32}/);
  }
  expect(new Set(names).size).toBe(2);
});
