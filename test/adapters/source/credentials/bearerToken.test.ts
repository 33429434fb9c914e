import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AccessToken,
  BearerToken,
} from '../../../../functions/adapters/source/credentials/bearerToken.js';
import { ExportError } from '../../../../functions/common/errors.js';
import { randomly } from '../../../random.js';

const denied = new ExportError('source-denied', 'No token.');

/** Tokens `t1`, `t2`, … of a lifetime, at a clock that is moved by the test. */
function tokensOf(lifetimeMs: number): {
  token: BearerToken;
  clock: { now: number };
  asked: () => number;
  use: () => Promise<string>;
  /** When each header stops to let anybody in. */
  ends: Map<string, number>;
  hold: () => () => void;
  fail: (fails: boolean) => void;
} {
  const clock = { now: 1_000_000 };
  let asked = 0;
  let fails = false;
  const ends = new Map<string, number>();
  let held: Promise<void> | undefined;
  const token = new BearerToken(
    async (): Promise<AccessToken> => {
      const number = ++asked;
      await held;
      if (fails) throw denied;
      ends.set(`Bearer t${number}`, clock.now + lifetimeMs);
      return { value: `t${number}`, expiresAt: clock.now + lifetimeMs };
    },
    'see to it',
    () => clock.now,
  );
  return {
    token,
    clock,
    asked: () => asked,
    ends,
    use: async () => (await token.header()).value,
    hold() {
      let go: () => void = () => undefined;
      held = new Promise((resolve) => (go = resolve));
      return () => {
        held = undefined;
        go();
      };
    },
    fail: (now) => (fails = now),
  };
}

describe('a token', () => {
  it('is asked for once, however many wait for it', async () => {
    const { use, asked } = tokensOf(3_600_000);
    expect(new Set(await Promise.all(Array.from({ length: 50 }, use)))).toEqual(new Set(['Bearer t1']));
    expect(asked()).toBe(1);
  });

  it('serves on while the next one is got ahead of its end, by one request', async () => {
    const { use, asked, clock, hold } = tokensOf(3_600_000);
    await use();
    clock.now += 3_299_000;
    await use();
    expect(asked()).toBe(1);
    clock.now += 2_000;
    const go = hold();
    expect(await Promise.all([use(), use(), use()])).toEqual(['Bearer t1', 'Bearer t1', 'Bearer t1']);
    expect(asked()).toBe(2);
    go();
    await new Promise(setImmediate);
    expect(await use()).toBe('Bearer t2');
  });

  it('that cannot be renewed ahead of its end serves to it, and the failure is reported then', async () => {
    const { use, asked, clock, fail } = tokensOf(3_600_000);
    await use();
    fail(true);
    for (let second = 3_300; second < 3_590; second++) {
      clock.now = 1_000_000 + second * 1000;
      expect(await use()).toBe('Bearer t1');
    }
    // Not with every request.
    expect(asked()).toBeLessThan(60);
    clock.now = 1_000_000 + 3_590_000;
    await expect(use()).rejects.toBe(denied);
    fail(false);
    expect(await use()).toBe(`Bearer t${asked()}`);
  });

  it('that is refused is given up, by one request for all to whom it was', async () => {
    const { token, use, asked } = tokensOf(3_600_000);
    const refused = await token.header();
    const others = await Promise.all([1, 2, 3].map(() => token.renewed(refused)));
    expect(others).toEqual([1, 2, 3].map(() => ({ name: 'Authorization', value: 'Bearer t2' })));
    // One that hears of it late takes what the others got.
    expect(await token.renewed(refused)).toEqual(others[0]);
    expect([await use(), asked()]).toEqual(['Bearer t2', 2]);
  });

  it('that is refused and given again is no other', async () => {
    const token = new BearerToken(async () => ({ value: 'same', expiresAt: Date.now() + 60_000 }), '');
    expect(await token.renewed(await token.header())).toBeUndefined();
  });

  it('is never used after its end, whatever its lifetime and when it is used', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 7_200_000 }),
        fc.array(fc.integer({ min: 0, max: 1_000_000 }), { maxLength: 40 }),
        async (lifetime, waits) => {
          const { clock, use, ends } = tokensOf(lifetime);
          for (const wait of waits) {
            clock.now += wait;
            expect(clock.now).toBeLessThan(ends.get(await use()) ?? 0);
            await new Promise(setImmediate);
          }
        },
      ),
      randomly(200),
    );
  });
});
