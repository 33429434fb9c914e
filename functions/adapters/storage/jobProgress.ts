import type { ContainerClient } from '@azure/storage-blob';
import { RecentMap } from '../../common/recentMap.js';
import { furtherProgress } from '../../export/output/progress.js';
import type { PartitionProgress } from '../../export/records/job.js';
import { guarding, storageStatus, unlessMissing } from './storage.js';

/** Writes of one partition's progress at the same time, each of which makes the others try again. */
const MAX_ATTEMPTS = 8;
/** Partitions whose progress is remembered as it was written last. */
const MAX_REMEMBERED = 1000;

const guarded = guarding('AzureWebJobsStorage');
const IF_NEW = { ifNoneMatch: '*' };

/** What a blob holds: the progress of one partition, or of one and those after it that were read in the same step. */
interface Stored {
  progress: PartitionProgress;
  /** Resources of the partitions after it, which are done. */
  following: readonly number[];
}

/** How far the partitions of the jobs are, for people: in the metadata of empty blobs, which one listing returns. */
export class JobProgress {
  readonly #container: ContainerClient;
  /** What this process wrote last, by blob: the next write needs no read before it. */
  readonly #written = new RecentMap<string, Stored & { etag: string }>(MAX_REMEMBERED);

  constructor(container: ContainerClient) {
    this.#container = container;
  }

  /**
   * Writes how far a partition is. It never goes back, whichever attempts report it at the same time.
   * @param following resources of the partitions after it, where these are done, too
   */
  async put(jobId: string, progress: PartitionProgress, following: readonly number[] = []): Promise<void> {
    const name = `${jobId}/progress/${progress.partition}`;
    const blob = this.#container.getBlockBlobClient(name);
    await guarded('the progress of a job', async () => {
      let stored: (Stored & { etag: string }) | undefined = this.#written.get(name);
      for (let attempt = 1; ; attempt++) {
        const next = further(stored, { progress, following });
        if (stored !== undefined && isSame(stored, next)) return;
        const conditions = stored === undefined ? IF_NEW : { ifMatch: stored.etag };
        try {
          const { etag } = await blob.upload('', 0, { metadata: metadataOf(next), conditions });
          if (etag !== undefined) this.#written.set(name, { ...next, etag });
          return;
        } catch (error) {
          if (![409, 412].includes(storageStatus(error)) || attempt === MAX_ATTEMPTS) throw error;
        }
        const found = await unlessMissing(blob.getProperties());
        stored =
          found?.etag === undefined
            ? undefined
            : { ...storedIn(found.metadata, progress.partition), etag: found.etag };
      }
    });
  }

  /** The progress of all partitions that have begun, in one listing. */
  async all(jobId: string): Promise<PartitionProgress[]> {
    const prefix = `${jobId}/progress/`;
    const all = new Map<number, PartitionProgress>();
    const add = (progress: PartitionProgress): void => {
      all.set(progress.partition, furtherProgress(all.get(progress.partition), progress));
    };
    await guarded('the progress of a job', async () => {
      for await (const { name, metadata } of this.#container.listBlobsFlat({
        prefix,
        includeMetadata: true,
      })) {
        const { progress, following } = storedIn(metadata, Number(name.slice(prefix.length)));
        add(progress);
        for (const [more, resources] of following.entries())
          add({ partition: progress.partition + 1 + more, resources, isDone: true });
      }
    });
    return [...all.values()];
  }
}

function further(stored: Stored | undefined, next: Stored): Stored {
  const { length } = next.following;
  return {
    progress: furtherProgress(stored?.progress, next.progress),
    following: stored !== undefined && stored.following.length > length ? stored.following : next.following,
  };
}

function isSame(one: Stored, other: Stored): boolean {
  return JSON.stringify(metadataOf(one)) === JSON.stringify(metadataOf(other));
}

function metadataOf({ progress, following }: Stored): Record<string, string> {
  const { resources, isDone, source, waiting } = progress;
  return {
    resources: String(resources),
    done: String(isDone),
    ...(source === undefined ? {} : { source }),
    ...(waiting === undefined ? {} : { since: waiting.since, code: waiting.code }),
    ...(following.length === 0 ? {} : { following: following.join(' ') }),
  };
}

function storedIn(metadata: Readonly<Record<string, string>> | undefined, partition: number): Stored {
  const { since, code, source, following = '' } = metadata ?? {};
  return {
    progress: {
      partition,
      resources: Number(metadata?.['resources'] ?? 0),
      isDone: metadata?.['done'] === 'true',
      ...(source === undefined ? {} : { source }),
      ...(since === undefined || code === undefined ? {} : { waiting: { since, code } }),
    },
    following: following === '' ? [] : following.split(' ').map(Number),
  };
}
