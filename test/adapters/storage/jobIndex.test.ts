import { BlobServiceClient } from '@azure/storage-blob';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { JobStore } from '../../../functions/adapters/storage/jobStore.js';
import { jobRequest } from '../../export/requests.js';
import { type Emulator, startEmulator } from '../azurite.js';

let emulator: Emulator;
let jobs: JobStore;

beforeAll(async () => {
  emulator = await startEmulator();
  jobs = new JobStore(BlobServiceClient.fromConnectionString(emulator.connectionString));
});
afterAll(() => emulator.stop());

const owner = (digit: string): string => digit.repeat(64);
const id = (number: number): string => number.toString(16).padStart(32, '0');

async function start(number: number, of: string | undefined, seconds: number): Promise<void> {
  const startedAt = new Date(Date.UTC(2026, 0, 1, 0, 0, seconds)).toISOString();
  await jobs.create(
    jobRequest({ jobId: id(number), startedAt, ...(of === undefined ? {} : { owner: of }) }),
    new Uint8Array(1),
    undefined,
  );
}

/** The jobs of a caller by pages, as many as they are. */
async function pagesOf(of: string | undefined, most: number): Promise<number[][]> {
  const pages: number[][] = [];
  let cursor: string | undefined;
  do {
    const page = await jobs.startedBy(of, cursor, most);
    if (page === undefined) throw new Error('the cursor is none');
    pages.push(page.jobIds.map((jobId) => Number.parseInt(jobId, 16)));
    cursor = page.cursor;
    if (cursor !== undefined) expect(cursor).toMatch(/^[\w-]+$/);
  } while (cursor !== undefined);
  return pages;
}

it('there are none before the first job', async () => {
  expect(await pagesOf(owner('a'), 2)).toEqual([[]]);
});

it('jobs are listed by caller, the latest first, in pages, until they are removed', async () => {
  for (const [number, seconds] of [30, 10, 50, 20, 40].entries())
    await start(number + 1, owner('b'), seconds);
  await start(6, owner('c'), 60);
  await start(7, undefined, 70);
  expect((await pagesOf(owner('b'), 2)).flat()).toEqual([3, 5, 1, 4, 2]);
  expect((await pagesOf(owner('b'), 2)).every((page) => page.length <= 2)).toBe(true);
  expect(await pagesOf(owner('b'), 5000)).toEqual([[3, 5, 1, 4, 2]]);
  expect(await pagesOf(owner('c'), 2)).toEqual([[6]]);
  expect(await pagesOf(undefined, 2)).toEqual([[7]]);
  await jobs.deleteAll(id(1));
  await jobs.deleteAll(id(1));
  expect((await pagesOf(owner('b'), 2)).flat()).toEqual([3, 5, 4, 2]);
});

it('what is listed is no job of its own', async () => {
  await start(8, owner('d'), 0);
  expect((await jobs.jobIds()).every((jobId) => /^[0-9a-f]{32}$/.test(jobId))).toBe(true);
});

it('a cursor that is made up leads to no job of another caller', async () => {
  await start(9, owner('e'), 1);
  await start(10, owner('f'), 1);
  const texts = [
    `started-${owner('f')}-`,
    'started-',
    'started-z',
    id(10),
    ' ',
    '\u0000',
    '../x',
    'é&marker=',
  ];
  for (const text of texts) {
    const page = await jobs.startedBy(owner('e'), Buffer.from(text).toString('base64url'), 10);
    expect(page?.jobIds ?? []).not.toContain(id(10));
  }
  expect(await jobs.startedBy(owner('e'), '='.repeat(8), 10)).toBeUndefined();
  expect(await jobs.startedBy(owner('e'), 'a'.repeat(2000), 10)).toBeUndefined();
});
