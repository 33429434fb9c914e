import { describe, expect, it } from 'vitest';
import { CapabilitiesCache } from '../../../functions/adapters/source/capabilitiesCache.js';
import { type Capabilities, UNKNOWN_CAPABILITIES } from '../../../functions/export/source/capabilities.js';

const MINUTE = 60_000;

/** A source that answers when it is told to, and a clock that is set. */
function started(maxWaitMs = 0) {
  let time = 0;
  const waiting: Array<{ answer: (found: Capabilities) => void; fail: (error: Error) => void }> = [];
  let asked = 0;
  const read = async (): Promise<Capabilities> => {
    asked++;
    return new Promise((answer, fail) => waiting.push({ answer, fail }));
  };
  return {
    cache: new CapabilitiesCache(read, () => time, maxWaitMs),
    asked: () => asked,
    pass: (ms: number) => (time += ms),
    /** Answers, or fails without. */
    end: async (found?: Capabilities) => {
      const one = waiting.shift();
      if (found === undefined) one?.fail(new Error('secret'));
      else one?.answer(found);
      await new Promise(setImmediate);
    },
  };
}

const one: Capabilities = { ...UNKNOWN_CAPABILITIES, searchableTypes: ['Patient'] };
const other: Capabilities = { ...UNKNOWN_CAPABILITIES, searchableTypes: ['Group'] };

describe('what the source says of itself', () => {
  it('is read once for all who ask meanwhile, and for ten minutes', async () => {
    const { cache, asked, end, pass } = started(5000);
    const all = Promise.all(Array.from({ length: 50 }, () => cache.get()));
    await end(one);
    expect(new Set(await all)).toEqual(new Set([one]));
    pass(10 * MINUTE);
    expect(await cache.get()).toBe(one);
    expect(asked()).toBe(1);
  });

  it('is waited for no longer than some seconds, and not by those who come later', async () => {
    const { cache, asked, end, pass } = started(300);
    expect(await cache.get()).toBeUndefined();
    pass(300);
    // Ahead of any wait that the cache begins now, however busy the machine is.
    const late = new Promise((resolve) => setTimeout(resolve, 300, 'late'));
    const both = Promise.all([cache.get(), cache.get()]);
    expect(await Promise.race([both, late])).toEqual([undefined, undefined]);
    expect(asked()).toBe(1);
    await end(one);
    expect(await cache.get()).toBe(one);
  });

  it('is read anew behind what is known, which is used for an hour where that fails', async () => {
    const { cache, asked, end, pass } = started();
    await cache.get();
    await end(one);
    pass(11 * MINUTE);
    expect([await cache.get(), asked()]).toEqual([one, 2]);
    await end();
    pass(49 * MINUTE);
    expect([await cache.get(), asked()]).toEqual([one, 3]);
    await end();
    pass(1);
    expect(await cache.get()).toBeUndefined();
    pass(MINUTE);
    await cache.get();
    await end(other);
    expect(await cache.get()).toBe(other);
  });

  it('is asked for once a minute at most, however often it fails', async () => {
    const { cache, asked, end, pass } = started();
    for (let second = 0; second < 180; second++) {
      expect(await cache.get()).toBeUndefined();
      await end();
      pass(1000);
    }
    expect(asked()).toBe(3);
  });

  it('is read again where reading failed at once', async () => {
    let time = 0;
    let asked = 0;
    const read = (): Promise<Capabilities> => {
      asked++;
      throw new Error('no settings');
    };
    const cache = new CapabilitiesCache(read, () => time);
    expect(await cache.get()).toBeUndefined();
    time += MINUTE;
    expect(await cache.get()).toBeUndefined();
    expect(asked).toBe(2);
  });
});
