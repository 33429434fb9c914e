import { setTimeout as delay } from 'node:timers/promises';
import type { BlobLeaseClient, ContainerClient } from '@azure/storage-blob';
import { ExportError } from '../../errors.js';
import {
  type ContainerStamp,
  readStamp,
  stampConflict,
  toMetadata,
  withoutStamp,
} from '../../export/output/containerStamp.js';
import { storageErrorCode, storageStatus } from './storage.js';

/** The shortest there is: a call that dies in the middle holds others up no longer. */
const LEASE_SECONDS = 15;
const LEASE_ATTEMPTS = 20;
const LEASE_WAIT_MS = 250;

/**
 * Makes sure that a container exists and holds, by its stamp, nothing but what is to go into it. The service knows no
 * ETag condition on a container's metadata; two calls at once are kept apart by a lease.
 * @param isMixingAllowed whether to put other data into it all the same, after which it counts as mixed
 * @throws ExportError `container-conflict` that says what it holds
 */
export async function claimContainer(
  container: ContainerClient,
  wanted: ContainerStamp,
  isMixingAllowed: boolean,
): Promise<void> {
  if (await createStamped(container, wanted)) return;
  const { metadata = {} } = await container.getProperties();
  const found = readStamp(metadata);
  if (found !== undefined) {
    if (!isMixingAllowed) refuseConflict(found, wanted);
    if (found.content === 'mixed' || stampConflict(found, wanted) === undefined) return;
  }
  await underLease(container, () => stamp(container, wanted, isMixingAllowed));
}

/** Whether it was created, with its stamp, by this call. */
async function createStamped(container: ContainerClient, wanted: ContainerStamp): Promise<boolean> {
  try {
    await container.create({ metadata: toMetadata(wanted) });
    return true;
  } catch (thrown) {
    if (storageErrorCode(thrown) === 'ContainerAlreadyExists') return false;
    if (storageErrorCode(thrown) === 'ContainerBeingDeleted') {
      throw new ExportError(
        'container-conflict',
        `_container: the container is just being deleted. Try again in a minute, or name another one.`,
        true,
      );
    }
    throw thrown;
  }
}

/** Stamps a container, looking again: another call may have stamped it meanwhile. */
async function stamp(
  container: ContainerClient,
  wanted: ContainerStamp,
  isMixingAllowed: boolean,
): Promise<void> {
  const { metadata = {} } = await container.getProperties();
  const found = readStamp(metadata);
  const isFit = found === undefined ? await isEmpty(container) : stampConflict(found, wanted) === undefined;
  if (!isFit && !isMixingAllowed) {
    if (found !== undefined) refuseConflict(found, wanted);
    throw conflict('it is not empty, and nothing tells what it holds');
  }
  if (isFit && found !== undefined) return;
  await container.setMetadata({
    ...withoutStamp(metadata),
    ...toMetadata(isFit ? wanted : { content: 'mixed' }),
  });
}

function refuseConflict(found: ContainerStamp, wanted: ContainerStamp): void {
  const why = stampConflict(found, wanted);
  if (why !== undefined) throw conflict(why);
}

function conflict(why: string): ExportError {
  return new ExportError(
    'container-conflict',
    `_container: the container cannot take this export: ${why}. Name another container, or a new one; to mix them all the same, ALLOW_MIXED_CONTAINERS has to be set.`,
  );
}

async function isEmpty(container: ContainerClient): Promise<boolean> {
  const pages = container.listBlobsFlat().byPage({ maxPageSize: 1 });
  for await (const { segment } of pages) if (segment.blobItems.length > 0) return false;
  return true;
}

async function underLease(container: ContainerClient, work: () => Promise<void>): Promise<void> {
  const lease = container.getBlobLeaseClient();
  await acquire(lease);
  try {
    await work();
  } finally {
    // It ends by itself, should this fail.
    await lease.releaseLease().catch(() => undefined);
  }
}

async function acquire(lease: BlobLeaseClient): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await lease.acquireLease(LEASE_SECONDS);
      return;
    } catch (thrown) {
      if (storageStatus(thrown) !== 409) throw thrown;
      if (attempt >= LEASE_ATTEMPTS) {
        throw new ExportError(
          'container-conflict',
          '_container: somebody else holds a lease on the container, so it cannot be marked with what it is to hold. Try again in a minute; break the lease if it stays, or name another container.',
          true,
        );
      }
      await delay(LEASE_WAIT_MS);
    }
  }
}
