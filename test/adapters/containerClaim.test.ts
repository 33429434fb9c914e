import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { claimContainer } from '../../functions/adapters/storage/containerClaim.js';
import { type ContainerStamp, readStamp } from '../../functions/export/output/containerStamp.js';
import { type Emulator, startEmulator } from './azurite.js';

const RAW: ContainerStamp = { content: 'raw' };
const ONE: ContainerStamp = { content: 'deidentified', configurationDigest: 'sha256:1', keys: 'given' };
const OTHER: ContainerStamp = { ...ONE, configurationDigest: 'sha256:2' };

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
  return readStamp((await of.getProperties()).metadata ?? {});
}

async function put(into: ContainerClient): Promise<void> {
  await into.getBlockBlobClient('file').upload('x', 1);
}

describe('a container is claimed', () => {
  it('that does not exist: it is made, and says what it is for', async () => {
    const own = container();
    await claimContainer(own, ONE, false);
    expect(await stampOf(own)).toEqual(ONE);
  });

  it('that somebody made and left empty: its own metadata stay', async () => {
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
    ['raw data beside de-identified', ONE, RAW, /de-identified exports.*ALLOW_MIXED_CONTAINERS/],
    ['de-identified data beside raw', RAW, ONE, /raw exports/],
    ['the output of another configuration', ONE, OTHER, /another configuration/],
  ])('%s', async (_name, first, second, words) => {
    const own = container();
    await claimContainer(own, first, false);
    await expect(claimContainer(own, second, false)).rejects.toThrow(words);
    expect(await stampOf(own)).toEqual(first);
  });

  it('with files of unknown origin', async () => {
    const own = container();
    await own.create();
    await put(own);
    await expect(claimContainer(own, ONE, false)).rejects.toThrow(/not empty, and nothing tells/);
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
  await expect(claimContainer(own, ONE, false)).rejects.toThrow(/several kinds/);
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

it('a lease of somebody else is waited for, and then told of', async () => {
  const own = container();
  await own.create();
  await own.getBlobLeaseClient().acquireLease(-1);
  await expect(claimContainer(own, ONE, false)).rejects.toThrow(/holds a lease/);
});
