import { afterEach, expect, it, vi } from 'vitest';
import { threadCpuSeconds } from '../../functions/adapters/threadCpu.js';

afterEach(() => vi.unstubAllGlobals());

it.skipIf(process.platform !== 'linux')('grows by what this thread works, as far as it is given', () => {
  const before = threadCpuSeconds();
  if (before === undefined) return console.log('skipped: the CPU time of a thread, which is not given here');
  const enough = before + 0.05;
  // It ends as soon as there is enough: on a machine that is busy, later.
  for (let at = before; at < enough; at = threadCpuSeconds() ?? Infinity);
  expect(threadCpuSeconds()).toBeGreaterThanOrEqual(enough);
});

it('is that of Node.js where it has one', () => {
  vi.stubGlobal('process', { ...process, threadCpuUsage: () => ({ user: 1_500_000, system: 250_000 }) });
  expect(threadCpuSeconds()).toBe(1.75);
});
