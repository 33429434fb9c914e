import type { Readable } from 'node:stream';
import type { BlobServiceClient, ContainerClient } from '@azure/storage-blob';
import pMap from 'p-map';
import { ExportError } from '../../common/errors.js';
import type { JobRequest } from '../../export/records/job.js';
import { AppendBlob } from './appendBlob.js';
import { ReadLinks } from './readLinks.js';
import {
  claimContainer,
  type ClaimWanted,
  confirmClaim,
  releaseClaim,
  settleClaim,
} from './containerClaim.js';
import { guarding, storageFailure, storageStatus, unlessMissing } from './storage.js';

const PARALLEL_DELETIONS = 16;
const guarded = guarding('EXPORT_STORAGE');

/** What is to be known of a file before it is downloaded. */
export interface FileProperties {
  bytes: number;
  etag: string;
  lastModified: Date;
}

/** The output files of the exports in the export storage account. */
export class ExportFiles {
  readonly #service: BlobServiceClient;
  readonly #links: ReadLinks;

  constructor(service: BlobServiceClient) {
    this.#service = service;
    this.#links = new ReadLinks(service);
  }

  /**
   * Makes sure, at kick-off, that the container of a job exists and takes what is to go into it.
   * @param now milliseconds since the epoch
   * @throws ExportError `container-conflict` where it does not
   */
  async claimContainer(job: JobOutput, isMixingAllowed: boolean, now: number): Promise<void> {
    const wanted = wantedBy(job, isMixingAllowed, now);
    if (wanted === undefined) return;
    await guarded('preparing the output container', () =>
      claimContainer(this.#container(job.container), wanted),
    );
  }

  /** The same before a file is written: a reservation may have ended. */
  async confirmContainer(job: JobOutput, isMixingAllowed: boolean, now: number): Promise<void> {
    const wanted = wantedBy(job, isMixingAllowed, now);
    // The container of a job alone belongs to no other job.
    if (wanted?.reservation === undefined) return;
    await guarded('preparing the output container', () =>
      confirmClaim(this.#container(job.container), wanted),
    );
  }

  /** Makes the stamp of a complete job's container final; left out where another client has a lease on it. */
  async settleContainer({ container, folder }: JobOutput): Promise<void> {
    if (folder === '') return;
    await guarded('preparing the output container', () =>
      settleClaim(this.#container(container)).catch(unlessConflict),
    );
  }

  /** A new file; fails where one of this name exists. @param blockBytes as `AppendBlob.create` takes it */
  create(container: string, name: string, blockBytes?: number): Promise<AppendBlob> {
    return AppendBlob.create(this.#container(container), name, blockBytes);
  }

  /** Writes a small file as a whole. */
  async write(container: string, name: string, text: string): Promise<void> {
    await guarded('writing the manifest', () =>
      this.#container(container)
        .getBlockBlobClient(name)
        .upload(text, Buffer.byteLength(text), { blobHTTPHeaders: { blobContentType: 'application/json' } }),
    );
  }

  /** The sizes of the files of a folder, by name. */
  async list(container: string, folder: string): Promise<Map<string, number>> {
    const sizes = new Map<string, number>();
    const list = async (): Promise<void> => {
      for await (const { name, properties } of this.#container(container).listBlobsFlat({ prefix: folder })) {
        sizes.set(name, properties.contentLength ?? 0);
      }
    };
    await guarded('listing files of a job', () => unlessMissing(list()));
    return sizes;
  }

  /**
   * Deletes every file of a job, and the container where it was made for the job alone; its reservation of another ends.
   * @param signal ends it before all are deleted
   */
  async discard(
    { container, folder }: Pick<JobRequest, 'container' | 'folder'>,
    signal?: AbortSignal,
  ): Promise<void> {
    if (folder === '') {
      await guarded('deleting the container of a job', () => this.#container(container).deleteIfExists());
    } else {
      await this.deleteFiles(container, (await this.list(container, folder)).keys(), signal);
      await guarded('releasing the output container', () =>
        releaseClaim(this.#container(container), reservationName(folder)).catch(unlessConflict),
      );
    }
  }

  /** @param signal ends it before all are deleted; the rejection is then its reason */
  async deleteFiles(container: string, names: Iterable<string>, signal?: AbortSignal): Promise<void> {
    await pMap(names, (name) => this.deleteFile(container, name), {
      concurrency: PARALLEL_DELETIONS,
      signal,
    });
  }

  async deleteFile(container: string, name: string): Promise<void> {
    await guarded('deleting an output file', () =>
      this.#container(container).getBlobClient(name).deleteIfExists(),
    );
  }

  /**
   * What is to be known of a file before it is downloaded.
   * @throws ExportError `not-found` where it does not exist
   */
  async properties(container: string, name: string): Promise<FileProperties> {
    const blob = this.#container(container).getBlobClient(name);
    const found = await blob.getProperties().catch(refuseRead);
    const { contentLength: bytes = 0, etag = '', lastModified = new Date(0) } = found;
    return { bytes, etag, lastModified };
  }

  /**
   * Opens a file for download, as a whole or a part of it.
   * @param etag the version it must be
   * @throws ExportError `not-found` where it does not exist
   */
  async open(
    container: string,
    name: string,
    { etag, part }: { etag: string; part: { offset: number; count: number } | undefined },
  ): Promise<Readable> {
    const response = await this.#container(container)
      .getBlobClient(name)
      .download(part?.offset, part?.count, { conditions: { ifMatch: etag } })
      .catch(refuseRead);
    // In Node.js it is one; the library's type is that of any.
    return response.readableStreamBody as Readable;
  }

  /** URL of a file in the storage account, which by itself opens nothing. */
  url(container: string, name: string): string {
    return withoutQuery(this.#container(container).getBlobClient(name).url);
  }

  /**
   * Makes links that read files of a container until `expiresOn` and do nothing else; they are not stored.
   * @param now milliseconds since the epoch
   */
  readLinks(container: string, expiresOn: Date, now: number): Promise<(name: string) => string> {
    return guarded('making download links', () =>
      this.#links.linksTo(this.#container(container), expiresOn, now),
    );
  }

  #container(name: string): ContainerClient {
    return this.#service.getContainerClient(name);
  }
}

type JobOutput = Pick<JobRequest, 'container' | 'folder' | 'stamp'>;

/** A job writes its first file long before, unless its source or storage are away. */
const RESERVATION_SECONDS = 6 * 3600;

function wantedBy(
  { folder, stamp }: JobOutput,
  isMixingAllowed: boolean,
  now: number,
): ClaimWanted | undefined {
  if (stamp === undefined) return undefined;
  const seconds = Math.floor(now / 1000);
  return {
    stamp,
    isMixingAllowed,
    now: seconds,
    ...(folder === ''
      ? {}
      : { reservation: { name: reservationName(folder), until: seconds + RESERVATION_SECONDS } }),
  };
}

function reservationName(folder: string): string {
  return folder.replace(/\/$/, '');
}

/** The container is gone, or leased: a reservation ends by itself, and files make a stamp bind without it. */
function unlessConflict(error: unknown): void {
  const isGone = storageStatus(error) === 404;
  if (!isGone && !(error instanceof ExportError && error.code === 'container-conflict')) throw error;
}

function refuseRead(error: unknown): never {
  throw storageStatus(error) === 404
    ? new ExportError('not-found', 'The file does not exist, or not any more.')
    : storageFailure(error, 'EXPORT_STORAGE', 'reading an output file');
}

function withoutQuery(url: string): string {
  return url.replace(/\?.*$/s, '');
}
