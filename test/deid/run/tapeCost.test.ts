import { describe, expect, it, vi } from 'vitest';
import { TreeEngine } from '../../../functions/deid/run/treeEngine.js';
import { costs, KINDS, runnerOf } from '../../bench/unusual.js';

/** Twice the usual is the goal; the rest is for machines that do other things meanwhile. */
const MOST = 4;

describe('what once was left to slower engines', () => {
  it.each([...KINDS])('is done on the tape: %s', (_name, kind) => {
    const process = vi.spyOn(TreeEngine.prototype, 'process');
    const { resources, labels } = runnerOf(kind)();
    expect([resources, labels.size > 0]).toEqual([kind.lines.length, true]);
    expect(process).not.toHaveBeenCalled();
    process.mockRestore();
  });

  it(`costs at most ${MOST} times the usual per byte`, () => {
    const found = costs(30);
    const usual = found.get('usual') ?? 0;
    const ratios = [...found].map(([name, cost]) => [name, cost / usual] as const);
    console.log(ratios.map(([name, ratio]) => `${name} ${ratio.toFixed(2)}`).join(', '));
    for (const [name, ratio] of ratios) expect(ratio, name).toBeLessThan(MOST);
  });
});
