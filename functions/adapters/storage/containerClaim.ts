import { setTimeout as delay } from 'node:timers/promises';
import type { BlobLeaseClient, ContainerClient } from '@azure/storage-blob';
import { ExportError } from '../../common/errors.js';
import type { ContainerStamp } from '../../export/records/job.js';
import {
  type ContainerClaim,
  MAX_RESERVATIONS,
  readClaim,
  stampFits,
  toMetadata,
  withoutClaim,
} from '../../export/output/containerStamp.js';
import { storageErrorCode, storageStatus } from './storage.js';

/** The shortest there is: a call that dies in the middle holds others up no longer. */
const LEASE_SECONDS = 15;
const LEASE_ATTEMPTS = 20;
const LEASE_WAIT_MS = 250;
/** A reservation that ends sooner is renewed before a file is written. */
const RENEWAL_SECONDS = 120;

/** What a job wants of a container. */
export interface ClaimWanted {
  stamp: ContainerStamp;
  /** Whether to put other data into it all the same, after which it counts as mixed. */
  isMixingAllowed: boolean;
  /** The job's reservation, by the name of its output; absent: the container is the job's own. */
  reservation?: { name: string; until: number };
  /** Seconds since the epoch, as `until`. */
  now: number;
}

/**
 * Makes sure, at kick-off, that a container exists and neither holds nor awaits anything but what is to go into it.
 * The stamp is reserved: it binds others until the reservation ends, and for good once the job is complete.
 *
 * The service knows no ETag condition on the metadata of a container, and `If-Modified-Since` is of no use for this. So
 * what is read and written belongs together by a lease: of calls of this app one at a time has it, and a write names
 * the lease, so that one that comes too late, after another took it, is refused.
 * https://learn.microsoft.com/rest/api/storageservices/set-container-metadata
 * @throws ExportError `container-conflict`, in the same words whatever the container holds
 */
export async function claimContainer(container: ContainerClient, wanted: ClaimWanted): Promise<void> {
  if (!(await createClaimed(container, wanted))) await confirmClaim(container, wanted);
}

/**
 * Makes sure, before a file is written, that the container still is, or becomes, what was claimed.
 * @throws ExportError as `claimContainer`
 */
export async function confirmClaim(container: ContainerClient, wanted: ClaimWanted): Promise<void> {
  const { stamp, isMixingAllowed, reservation, now } = wanted;
  const found = await read(container);
  if (found.stamp !== undefined) {
    const isFinal = found.reservations.size === 0;
    const until = reservation === undefined ? 0 : (found.reservations.get(reservation.name) ?? 0);
    if (found.stamp.content === 'mixed' && isMixingAllowed) return;
    if (stampFits(found.stamp, stamp)) {
      if (isFinal || until > now + RENEWAL_SECONDS) return;
    } else if (isFinal && !isMixingAllowed) throw conflict();
  }
  await underLease(container, (lease) => reserve(container, lease, wanted));
}

/** Makes the stamp of a container final: a job that wrote into it is complete. */
export async function settleClaim(container: ContainerClient): Promise<void> {
  if ((await read(container)).reservations.size === 0) return;
  await underLease(container, async (lease) => {
    const found = await read(container);
    await write(container, lease, { ...found, reservations: new Map() });
  });
}

/** Takes back the reservation of a job that ended without files; the stamp, too, where nothing else needs it. */
export async function releaseClaim(container: ContainerClient, name: string): Promise<void> {
  if (!(await read(container)).reservations.has(name)) return;
  await underLease(container, async (lease) => {
    const found = await read(container);
    const reservations = new Map(found.reservations);
    if (!reservations.delete(name)) return;
    const isUnused = reservations.size === 0 && (await isEmpty(container));
    await write(container, lease, { ...found, stamp: isUnused ? undefined : found.stamp, reservations });
  });
}

type Found = ContainerClaim & { metadata: Readonly<Record<string, string>> };

async function read(container: ContainerClient): Promise<Found> {
  const { metadata = {} } = await container.getProperties();
  return { metadata, ...readClaim(metadata) };
}

async function write(
  container: ContainerClient,
  leaseId: string,
  { metadata, ...claim }: Found,
): Promise<void> {
  await container.setMetadata(
    { ...withoutClaim(metadata), ...toMetadata(claim) },
    { conditions: { leaseId } },
  );
}

/** Whether it was created by this call. */
async function createClaimed(
  container: ContainerClient,
  { stamp, reservation }: ClaimWanted,
): Promise<boolean> {
  try {
    await container.create({ metadata: toMetadata({ stamp, reservations: mapOf(reservation) }) });
    return true;
  } catch (error) {
    if (storageErrorCode(error) === 'ContainerAlreadyExists') return false;
    if (storageErrorCode(error) === 'ContainerBeingDeleted') throw conflict(true);
    throw error;
  }
}

/** Looks again, under the lease, and writes what follows. */
async function reserve(
  container: ContainerClient,
  leaseId: string,
  { stamp, isMixingAllowed, reservation, now }: ClaimWanted,
): Promise<void> {
  const found = await read(container);
  const isAwaited = [...found.reservations.values()].some((until) => until > now);
  const isFinal = found.stamp !== undefined && found.reservations.size === 0;
  const isFree = !isFinal && !isAwaited && (await isEmpty(container));
  if (isFree) {
    await write(container, leaseId, { ...found, stamp, reservations: mapOf(reservation) });
  } else if (found.stamp !== undefined && stampFits(found.stamp, stamp)) {
    if (isFinal || reservation === undefined) return;
    const reservations = withReservation(found.reservations, reservation, now);
    await write(container, leaseId, { ...found, reservations });
  } else if (isMixingAllowed) {
    await write(container, leaseId, { ...found, stamp: { content: 'mixed' }, reservations: new Map() });
  } else throw conflict();
}

/** Metadata have bounds: where too many jobs wait, the next one finds out at its first file. */
function withReservation(
  reservations: ReadonlyMap<string, number>,
  { name, until }: { name: string; until: number },
  now: number,
): Map<string, number> {
  let kept = [...reservations];
  if (kept.length >= MAX_RESERVATIONS) kept = kept.filter(([, end]) => end > now);
  if (kept.length >= MAX_RESERVATIONS && !reservations.has(name)) return new Map(kept);
  return new Map([...kept, [name, until]]);
}

function mapOf(reservation: ClaimWanted['reservation']): Map<string, number> {
  return new Map(reservation === undefined ? [] : [[reservation.name, reservation.until]]);
}

/** One answer for every conflict: who is refused does not learn what a container holds, or whose it is. */
function conflict(isRetryable = false): ExportError {
  return new ExportError(
    'container-conflict',
    '_container: the container cannot take this export. It may hold or await what must not lie beside it (raw beside de-identified data, the output of another configuration, files of unknown origin), be leased or just being deleted. Name another container, or a new one, or try again in a minute; to mix data all the same, ALLOW_MIXED_CONTAINERS has to be set.',
    isRetryable,
  );
}

async function isEmpty(container: ContainerClient): Promise<boolean> {
  const pages = container.listBlobsFlat().byPage({ maxPageSize: 1 });
  for await (const { segment } of pages) if (segment.blobItems.length > 0) return false;
  return true;
}

async function underLease(
  container: ContainerClient,
  work: (leaseId: string) => Promise<void>,
): Promise<void> {
  const lease = container.getBlobLeaseClient();
  await acquire(lease);
  try {
    await work(lease.leaseId);
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
    } catch (error) {
      if (storageStatus(error) !== 409) throw error;
      if (attempt >= LEASE_ATTEMPTS) throw conflict(true);
      await delay(LEASE_WAIT_MS);
    }
  }
}
