import { expect, it } from 'vitest';
import pMap from 'p-map';

const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('no more calls are under way than allowed, and results keep the order of the items', async () => {
  let underWay = 0;
  let most = 0;
  const results = await pMap(
    [...Array(20).keys()],
    async (item) => {
      most = Math.max(most, ++underWay);
      for (let turns = item % 4; turns >= 0; turns--) await pause();
      underWay--;
      return item * 2;
    },
    { concurrency: 3 },
  );
  expect(results).toEqual([...Array(20).keys()].map((item) => item * 2));
  expect(most).toBe(3);
});

it('after a failure no other call begins', async () => {
  let calls = 0;
  const all = pMap(
    [...Array(100).keys()],
    async (item) => {
      calls++;
      await pause();
      if (item === 3) throw new Error('third');
    },
    { concurrency: 2 },
  );
  await expect(all).rejects.toThrow('third');
  for (let turns = 0; turns < 20; turns++) await pause();
  expect(calls).toBeLessThan(8);
});

it('takes each item of a listing once, and no more than are needed until it is ended', async () => {
  let listed = 0;
  async function* listing(): AsyncGenerator<number> {
    for (let item = 0; item < 1000; item++) {
      await pause();
      listed++;
      yield item;
    }
  }
  const done: number[] = [];
  await pMap(listing(), async (item) => done.push(item), { concurrency: 4 });
  expect(done.toSorted((a, b) => a - b)).toEqual([...Array(1000).keys()]);
  const controller = new AbortController();
  listed = 0;
  const cut = pMap(
    listing(),
    async (item) => {
      if (item === 10) controller.abort(new Error('time is up'));
    },
    { concurrency: 4, signal: controller.signal },
  );
  await expect(cut).rejects.toThrow('time is up');
  expect(listed).toBeLessThan(30);
});
