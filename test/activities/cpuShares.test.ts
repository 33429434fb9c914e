import { expect, it } from 'vitest';
import { CpuShares } from '../../functions/activities/cpuShares.js';

/** A thread whose CPU time is set by hand. */
function thread(): { shares: CpuShares; works: (seconds: number) => void } {
  let taken = 100;
  return { shares: new CpuShares(() => taken), works: (seconds) => void (taken += seconds) };
}

/** A slice that runs until it is ended; what its share was then. */
function begun(shares: CpuShares): () => Promise<number | undefined> {
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const share = shares.during(async (own) => {
    await ended;
    return own();
  });
  return () => {
    end();
    return share;
  };
}

it('the share of a slice is what the thread took while it ran alone', async () => {
  const { shares, works } = thread();
  works(5);
  const end = begun(shares);
  works(2);
  expect(await end()).toBe(2);
  works(5);
  const other = begun(shares);
  works(3);
  expect(await other()).toBe(3);
});

it('slices that run at the same time have equal shares of it, which are all of it together', async () => {
  const { shares, works } = thread();
  const first = begun(shares);
  works(1);
  const second = begun(shares);
  works(4);
  expect(await first()).toBe(3);
  works(6);
  expect(await second()).toBe(8);
});

it('a slice that fails has no share of what comes after it', async () => {
  const { shares, works } = thread();
  const end = begun(shares);
  await expect(
    shares.during(async () => {
      works(2);
      throw new Error('It fails.');
    }),
  ).rejects.toThrow('It fails.');
  works(3);
  expect(await end()).toBe(4);
});

it('is not known where the platform does not give it', async () => {
  expect(await begun(new CpuShares(() => undefined))()).toBeUndefined();
});
