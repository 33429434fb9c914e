import { afterAll, beforeAll, expect, it } from 'vitest';
import { PseudonymTable } from '../../../functions/adapters/pseudonyms/pseudonymTable.js';
import { SourceLimiter } from '../../../functions/adapters/source/sourceLimiter.js';
import { type Emulator, startEmulator } from '../azurite.js';

const WRITERS = 8;
const VALUES = 1000;
let emulator: Emulator;

beforeAll(async () => {
  emulator = await startEmulator(undefined, 'table');
});
afterAll(() => emulator.stop());

it('the table gives each of 1,000 values one pseudonym, with 8 writers at the same time', async () => {
  const asked = Array.from({ length: VALUES }, (_, at) => `value-${at}`);
  const part = VALUES / WRITERS;
  // Each in an order, in batches and with connections of its own.
  const answers = await Promise.all(
    Array.from({ length: WRITERS }, async (_, writer) => {
      const own = [...asked.slice(writer * part), ...asked.slice(0, writer * part)];
      const size = 100 + 50 * writer;
      const limiter = new SourceLimiter(8);
      const table = new PseudonymTable({ account: emulator, key: 'k'.repeat(32), limiter, requester: 'job' });
      const pairs = [];
      for (let at = 0; at < own.length; at += size)
        pairs.push(...(await table.pseudonyms({ domain: 'Patient' }, own.slice(at, at + size))));
      return new Map(pairs);
    }),
  );
  const [first = new Map<string, string>(), ...others] = answers;
  expect(first.size).toBe(VALUES);
  expect(new Set(first.values()).size).toBe(VALUES);
  for (const other of others) expect(Object.fromEntries(other)).toEqual(Object.fromEntries(first));
});
