import { TableClient } from '@azure/data-tables';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PseudonymTable } from '../../../functions/adapters/pseudonyms/pseudonymTable.js';
import { SourceLimiter } from '../../../functions/adapters/source/sourceLimiter.js';
import { type Emulator, startEmulator } from '../azurite.js';

const KEY = 'k'.repeat(32);
const PATIENTS = { domain: 'Patient' };
let emulator: Emulator;

beforeAll(async () => {
  emulator = await startEmulator(undefined, 'table');
});
afterAll(() => emulator.stop());

function tableOf(key = KEY): PseudonymTable {
  return new PseudonymTable({ account: emulator, key, limiter: new SourceLimiter(8), requester: 'job' });
}

function values(count: number, name: string): string[] {
  return Array.from({ length: count }, (_, at) => `${name}-${at}`);
}

async function rows(): Promise<Array<Record<string, unknown>>> {
  const found: Array<Record<string, unknown>> = [];
  const client = TableClient.fromConnectionString(emulator.connectionString, 'pseudonyms', {
    allowInsecureConnection: true,
  });
  for await (const row of client.listEntities()) found.push(row);
  return found;
}

describe('the table of pseudonyms', () => {
  it('gives each value one pseudonym, when two ask for it at the same time', async () => {
    const asked = values(50, 'quick');
    const [one, other] = await Promise.all([
      tableOf().pseudonyms(PATIENTS, asked),
      tableOf().pseudonyms(PATIENTS, asked.toReversed()),
    ]);
    expect(Object.fromEntries(other)).toEqual(Object.fromEntries(one));
    expect(new Set(one.map(([, pseudonym]) => pseudonym)).size).toBe(50);
  });

  it('gives the same again later: after a crash, or in the next export', async () => {
    const asked = values(30, 'later');
    const before = new Map(await tableOf().pseudonyms(PATIENTS, asked.slice(0, 20)));
    const after = new Map(await tableOf().pseudonyms(PATIENTS, asked));
    for (const [value, pseudonym] of before) expect(after.get(value)).toBe(pseudonym);
    expect(new Set(after.values()).size).toBe(30);
  });

  it('makes valid ids, others in other domains and under other keys', async () => {
    const made = await Promise.all([
      tableOf().pseudonyms(PATIENTS, ['x']),
      tableOf().pseudonyms({ domain: 'Observation' }, ['x']),
      tableOf().pseudonyms({ domain: 'Patient', entici: { resourceType: 'Patient' } }, ['x']),
      tableOf('l'.repeat(32)).pseudonyms(PATIENTS, ['x']),
    ]);
    const pseudonyms = made.flat().map(([, pseudonym]) => pseudonym);
    expect(new Set(pseudonyms).size).toBe(4);
    for (const pseudonym of pseudonyms) expect(pseudonym).toMatch(/^[0-9a-f]{32}$/);
  });

  it('has neither a value nor the name of a domain in it', async () => {
    await tableOf().pseudonyms({ domain: 'SECRET-DOMAIN' }, ['SECRET-VALUE']);
    expect(JSON.stringify(await rows())).not.toMatch(/SECRET|quick|later/);
  });

  it('reports storage that cannot be used, without a value', async () => {
    const account = {
      connectionString: emulator.connectionString.replace(/AccountKey=[^;]*/, 'AccountKey=QUFB'),
    };
    const table = new PseudonymTable({ account, key: KEY, limiter: new SourceLimiter(1), requester: 'job' });
    const failure: unknown = await table.pseudonyms(PATIENTS, ['SECRET']).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'storage-denied',
      message: expect.stringMatching(/table of pseudonyms.*Storage Table Data Contributor/) as unknown,
    });
    expect(String(failure)).not.toContain('SECRET');
  });
});
