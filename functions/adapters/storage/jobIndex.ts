import type { ContainerClient } from '@azure/storage-blob';
import type { JobRequest } from '../../export/records/job.js';
import { guarding, storageStatus, unlessMissing } from './storage.js';

/** What the names of entries begin with: beside the folders of the jobs, so that they are no jobs. */
const ENTRIES = 'started-';
/** In the place of a caller's name, where callers are not distinguished. */
const ANY_CALLER = 'any';
/** Storage lists names in their order, so the latest start has the smallest number. */
const LATEST_MS = 9_999_999_999_999;
const NUMBER_DIGITS = 13;
/** A cursor of the storage service has the name of a blob, which has some 130 characters, in Base64. */
const MAX_CURSOR = 1024;

const guarded = guarding('AzureWebJobsStorage');

type Listed = Pick<JobRequest, 'jobId' | 'owner' | 'startedAt'>;

/** A page of the jobs of a caller. */
export interface JobPage {
  /** The latest first. Some may have been removed since. */
  readonly jobIds: readonly string[];
  /** Where the next page begins; absent: this is the last one. */
  readonly cursor?: string;
}

/**
 * Which jobs each caller has started, the latest first: an empty blob for each, whose name has all that is to be known.
 * So a page costs the same however many jobs there are, of this caller or of others.
 */
export class JobIndex {
  readonly #container: ContainerClient;

  constructor(container: ContainerClient) {
    this.#container = container;
  }

  async add(job: Listed): Promise<void> {
    await guarded('the list of the jobs', () =>
      this.#container.getBlockBlobClient(entryOf(job)).upload('', 0),
    );
  }

  async remove(job: Listed): Promise<void> {
    await guarded('the list of the jobs', () => this.#container.getBlobClient(entryOf(job)).deleteIfExists());
  }

  /**
   * @param owner of the jobs; `undefined`: of callers who are not distinguished
   * @param cursor of the page before, as it was given; `undefined`: the first page
   * @param most jobs of a page
   * @returns `undefined` where the cursor is none
   */
  async page(
    owner: string | undefined,
    cursor: string | undefined,
    most: number,
  ): Promise<JobPage | undefined> {
    const token = cursor === undefined ? undefined : readCursor(cursor);
    if (cursor !== undefined && token === undefined) return undefined;
    // To the client, an empty token is that of the end.
    const start = token === undefined ? {} : { continuationToken: token };
    const prefix = prefixOf(owner);
    const read = async (): Promise<JobPage> => {
      const pages = this.#container.listBlobsFlat({ prefix }).byPage({ maxPageSize: most, ...start });
      // The service may give a page without any, and where the next one is.
      for await (const { segment, continuationToken: next = '' } of pages) {
        const jobIds = segment.blobItems.map(({ name }) => name.slice(prefix.length + NUMBER_DIGITS + 1));
        if (next === '') return { jobIds };
        if (jobIds.length > 0) return { jobIds, cursor: cursorOf(next) };
      }
      return { jobIds: [] };
    };
    return guarded('the list of the jobs', async () => {
      try {
        return (await unlessMissing(read())) ?? { jobIds: [] };
      } catch (error) {
        if (cursor !== undefined && storageStatus(error) === 400) return undefined;
        throw error;
      }
    });
  }
}

function prefixOf(owner: string | undefined): string {
  return `${ENTRIES}${owner ?? ANY_CALLER}-`;
}

function entryOf({ jobId, owner, startedAt }: Listed): string {
  const number = String(LATEST_MS - Date.parse(startedAt)).padStart(NUMBER_DIGITS, '0');
  return `${prefixOf(owner)}${number}-${jobId}`;
}

function cursorOf(token: string): string {
  return Buffer.from(token).toString('base64url');
}

function readCursor(cursor: string): string | undefined {
  if (cursor.length > MAX_CURSOR || !/^[\w-]+$/.test(cursor)) return undefined;
  const token = Buffer.from(cursor, 'base64url').toString('latin1');
  // Azurite 3.35 answers 500 to a marker with control characters.
  return /^[\x21-\x7e]+$/.test(token) ? token : undefined;
}
