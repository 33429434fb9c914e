import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  claimContainer as claim,
  confirmClaim,
  releaseClaim,
  settleClaim,
} from '../../../functions/adapters/storage/containerClaim.js';
import { ExportFiles } from '../../../functions/adapters/storage/exportFiles.js';
import type { ContainerStamp } from '../../../functions/export/records/job.js';
import { readClaim } from '../../../functions/export/output/containerStamp.js';
import { type Emulator, startEmulator } from '../azurite.js';

const RAW: ContainerStamp = { content: 'raw' };
const ONE: ContainerStamp = { content: 'deidentified', configurationDigest: 'sha256:1', keys: 'given' };
const OTHER: ContainerStamp = { ...ONE, configurationDigest: 'sha256:2' };
const NOW = 1_800_000_000;
const HOUR = 3600;
/** The same for everything that is in the way, so that no caller learns what that is. */
const REFUSED =
  /^_container: the container cannot take this export\. It may hold or await .*ALLOW_MIXED_CONTAINERS/;

let emulator: Emulator;
let service: BlobServiceClient;
let made = 0;

beforeAll(async () => {
  emulator = await startEmulator();
  service = BlobServiceClient.fromConnectionString(emulator.connectionString);
});
afterAll(() => emulator.stop());

function container(): ContainerClient {
  return service.getContainerClient(`claimed-${made++}`);
}

async function stampOf(of: ContainerClient): Promise<ContainerStamp | undefined> {
  return readClaim((await of.getProperties()).metadata ?? {}).stamp;
}

async function reservationsOf(of: ContainerClient): Promise<string[]> {
  return [...readClaim((await of.getProperties()).metadata ?? {}).reservations.keys()];
}

async function put(into: ContainerClient): Promise<void> {
  await into.getBlockBlobClient('file').upload('x', 1);
}

const wantedBy = (name: string, stamp: ContainerStamp, now = NOW): Parameters<typeof claim>[1] => ({
  stamp,
  isMixingAllowed: false,
  reservation: { name, until: now + HOUR },
  now,
});

/** By a job that is complete at once. */
async function claimContainer(
  of: ContainerClient,
  stamp: ContainerStamp,
  isMixingAllowed: boolean,
): Promise<void> {
  await claim(of, { ...wantedBy('job', stamp), isMixingAllowed });
  await settleClaim(of);
}

describe('a container is claimed', () => {
  it('that does not exist: it is made, and says what it is for', async () => {
    const own = container();
    await claimContainer(own, ONE, false);
    expect(await stampOf(own)).toEqual(ONE);
  });

  it('that another client made and left empty: its own metadata stay', async () => {
    const own = container();
    await own.create({ metadata: { owner: 'us' } });
    await claimContainer(own, ONE, false);
    expect((await own.getProperties()).metadata).toMatchObject({ owner: 'us' });
    expect(await stampOf(own)).toEqual(ONE);
  });

  it('again and again for the same', async () => {
    const own = container();
    await claimContainer(own, ONE, false);
    await put(own);
    await claimContainer(own, ONE, false);
    await claimContainer(own, ONE, true);
    expect(await stampOf(own)).toEqual(ONE);
  });
});

describe('a container is refused', () => {
  it.each([
    ['raw data beside de-identified', ONE, RAW],
    ['de-identified data beside raw', RAW, ONE],
    ['the output of another configuration', ONE, OTHER],
  ])('%s', async (_name, first, second) => {
    const own = container();
    await claimContainer(own, first, false);
    await expect(claimContainer(own, second, false)).rejects.toThrow(REFUSED);
    expect(await stampOf(own)).toEqual(first);
  });

  it('with files of unknown origin', async () => {
    const own = container();
    await own.create();
    await put(own);
    await expect(claimContainer(own, ONE, false)).rejects.toThrow(REFUSED);
    expect(await stampOf(own)).toBeUndefined();
  });
});

it.each([
  ['other data', async (own: ContainerClient) => claimContainer(own, RAW, false)],
  [
    'files of unknown origin',
    async (own: ContainerClient) => {
      await own.create();
      await put(own);
    },
  ],
])('where mixing is allowed, %s make it a mixed one for good', async (_name, prepare) => {
  const own = container();
  await prepare(own);
  await claimContainer(own, ONE, true);
  expect(await stampOf(own)).toEqual({ content: 'mixed' });
  await claimContainer(own, OTHER, true);
  await expect(claimContainer(own, ONE, false)).rejects.toThrow(REFUSED);
});

it.each([
  ['a new container', false],
  ['an empty one', true],
])('of many that want %s at once for different data, one kind gets it', async (_name, isThere) => {
  const own = container();
  if (isThere) await own.create();
  const wanted = [RAW, ONE, OTHER, ONE, RAW, OTHER];
  const results = await Promise.allSettled(wanted.map((stamp) => claimContainer(own, stamp, false)));
  const holds = await stampOf(own);
  expect(holds).toBeDefined();
  for (const [index, { status }] of results.entries()) {
    const isSame = JSON.stringify(wanted[index]) === JSON.stringify(holds);
    expect(status).toBe(isSame ? 'fulfilled' : 'rejected');
  }
});

it('a lease of another client is waited for, and then reported', async () => {
  const own = container();
  await own.create();
  await own.getBlobLeaseClient().acquireLease(-1);
  await expect(claimContainer(own, ONE, false)).rejects.toThrow(REFUSED);
});

describe('a reservation', () => {
  it('binds others until it ends, and no job then while there are no files', async () => {
    const own = container();
    await claim(own, wantedBy('a', ONE));
    await expect(claim(own, wantedBy('b', RAW))).rejects.toThrow(REFUSED);
    await claim(own, wantedBy('b', RAW, NOW + HOUR + 1));
    expect(await stampOf(own)).toEqual(RAW);
    // The first one finds out at its first file, in the same words.
    await expect(confirmClaim(own, wantedBy('a', ONE, NOW + HOUR + 2))).rejects.toThrow(REFUSED);
  });

  it('that has ended binds all the same once there are files', async () => {
    const own = container();
    await claim(own, wantedBy('a', ONE));
    await put(own);
    await expect(claim(own, wantedBy('b', RAW, NOW + 2 * HOUR))).rejects.toThrow(REFUSED);
    await confirmClaim(own, wantedBy('a', ONE, NOW + 2 * HOUR));
    expect(await stampOf(own)).toEqual(ONE);
  });

  it('is renewed before a file is written', async () => {
    const own = container();
    await claim(own, wantedBy('a', ONE));
    await confirmClaim(own, wantedBy('a', ONE, NOW + HOUR - 1));
    await expect(claim(own, wantedBy('b', RAW, NOW + HOUR + 1))).rejects.toThrow(REFUSED);
  });

  it('goes with a job that ends without files, and leaves the container to anybody', async () => {
    const own = container();
    await own.create({ metadata: { owner: 'us' } });
    await claim(own, wantedBy('a', ONE));
    await releaseClaim(own, 'a');
    expect((await own.getProperties()).metadata).toEqual({ owner: 'us' });
    await claim(own, wantedBy('b', RAW));
    expect(await stampOf(own)).toEqual(RAW);
  });

  it('of another job stays when a job ends, and so do stamps of what is there', async () => {
    const own = container();
    await claim(own, wantedBy('a', ONE));
    await claim(own, wantedBy('b', ONE));
    await releaseClaim(own, 'a');
    expect(await reservationsOf(own)).toEqual(['b']);
    await expect(claim(own, wantedBy('c', OTHER))).rejects.toThrow(REFUSED);
    await put(own);
    await releaseClaim(own, 'b');
    expect(await reservationsOf(own)).toEqual([]);
    expect(await stampOf(own)).toEqual(ONE);
  });

  it('of a complete job is a stamp for good, whatever becomes of its files', async () => {
    const own = container();
    await claimContainer(own, ONE, false);
    await releaseClaim(own, 'job');
    await expect(claim(own, wantedBy('b', RAW, NOW + 9 * HOUR))).rejects.toThrow(REFUSED);
    expect(await stampOf(own)).toEqual(ONE);
  });

  it('of many jobs does not outgrow the metadata', async () => {
    const own = container();
    const name = (n: number): string => `20260101000000-${String(n).padStart(32, '0')}`;
    for (let n = 0; n < 103; n++) await claim(own, wantedBy(name(n), ONE));
    expect(await reservationsOf(own)).toHaveLength(100);
    await claim(own, wantedBy(name(200), ONE, NOW + HOUR + 1));
    expect(await reservationsOf(own)).toEqual([name(200)]);
  });
});

describe('a job, by its output', () => {
  const job = (name: string, stamp: ContainerStamp) => ({ container: name, folder: 'place/', stamp });

  it('that is discarded leaves nothing: neither files nor stamp', async () => {
    const own = container();
    const files = new ExportFiles(service);
    const mine = job(own.containerName, ONE);
    await files.claimContainer(mine, false, NOW * 1000);
    await files.confirmContainer(mine, false, NOW * 1000);
    await own.getBlockBlobClient('place/file').upload('x', 1);
    await files.discard(mine);
    expect(await stampOf(own)).toBeUndefined();
    await files.discard(mine);
  });

  it('that began when containers were stamped at kick-off writes on', async () => {
    const own = container();
    const files = new ExportFiles(service);
    await claimContainer(own, ONE, false);
    const mine = { container: own.containerName, folder: 'place/' };
    await files.confirmContainer(mine, false, NOW * 1000);
    await files.settleContainer(mine);
    await files.discard(mine);
    expect(await stampOf(own)).toEqual(ONE);
  });

  it('whose container is gone, or leased by another client, ends all the same', async () => {
    const own = container();
    const files = new ExportFiles(service);
    const mine = job(own.containerName, ONE);
    await files.claimContainer(mine, false, NOW * 1000);
    await own.getBlobLeaseClient().acquireLease(-1);
    await files.discard(mine);
    await files.discard({ ...mine, container: 'never-made' });
    await files.settleContainer({ ...mine, container: 'never-made' });
  });
});

it('a write that comes after its lease was lost is refused by the service', async () => {
  const own = container();
  await own.create();
  const lease = own.getBlobLeaseClient();
  await lease.acquireLease(15);
  const { leaseId } = lease;
  await lease.releaseLease();
  await own.getBlobLeaseClient('11111111-1111-4111-8111-111111111111').acquireLease(15);
  await expect(own.setMetadata({ a: 'b' }, { conditions: { leaseId } })).rejects.toMatchObject({
    statusCode: 412,
  });
});
