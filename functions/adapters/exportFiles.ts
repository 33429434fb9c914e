import type { BlobServiceClient, ContainerClient } from '@azure/storage-blob';
import { ExportError } from '../errors.js';
import type { JobRequest } from '../export/job.js';
import { AppendBlob } from './appendBlob.js';
import { storageFailure, storageStatus } from './storage.js';

/** A part of a file, for a download. */
export interface FileDownload {
  stream: NodeJS.ReadableStream;
  bytes: number;
}

/** The output files of the exports in the export storage account. */
export class ExportFiles {
  readonly #service: BlobServiceClient;

  constructor(service: BlobServiceClient) {
    this.#service = service;
  }

  async ensureContainer(container: string): Promise<void> {
    await guarded('creating the output container', () => this.#container(container).createIfNotExists());
  }

  /** A new file; fails where one of this name exists. */
  create(container: string, name: string): Promise<AppendBlob> {
    return AppendBlob.create(this.#container(container), name);
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
    try {
      for await (const { name, properties } of this.#container(container).listBlobsFlat({ prefix: folder })) {
        sizes.set(name, properties.contentLength ?? 0);
      }
    } catch (thrown) {
      if (storageStatus(thrown) !== 404)
        throw storageFailure(thrown, 'EXPORT_STORAGE', 'listing files of a job');
    }
    return sizes;
  }

  /** Deletes every file of a job, and the container where it was made for the job alone. */
  async discard({ container, folder }: Pick<JobRequest, 'container' | 'folder'>): Promise<void> {
    if (folder === '') {
      await guarded('deleting the container of a job', () => this.#container(container).deleteIfExists());
    } else {
      for (const name of (await this.list(container, folder)).keys()) await this.deleteFile(container, name);
    }
  }

  async deleteFile(container: string, name: string): Promise<void> {
    await guarded('deleting an output file', () =>
      this.#container(container).getBlobClient(name).deleteIfExists(),
    );
  }

  /**
   * The size of a file.
   * @throws ExportError `not-found` where it does not exist
   */
  async size(container: string, name: string): Promise<number> {
    try {
      return (await this.#container(container).getBlobClient(name).getProperties()).contentLength ?? 0;
    } catch (thrown) {
      throw readFailure(thrown);
    }
  }

  /**
   * Opens a file for download.
   * @throws ExportError `not-found` where it does not exist
   */
  async open(container: string, name: string): Promise<FileDownload> {
    try {
      const response = await this.#container(container).getBlobClient(name).download();
      if (response.readableStreamBody === undefined)
        throw new ExportError('storage-unavailable', 'No stream.', true);
      return { stream: response.readableStreamBody, bytes: response.contentLength ?? 0 };
    } catch (thrown) {
      throw readFailure(thrown);
    }
  }

  #container(name: string): ContainerClient {
    return this.#service.getContainerClient(name);
  }
}

function readFailure(thrown: unknown): ExportError {
  return storageStatus(thrown) === 404
    ? new ExportError('not-found', 'The file does not exist, or not any more.')
    : storageFailure(thrown, 'EXPORT_STORAGE', 'reading an output file');
}

async function guarded(what: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (thrown) {
    throw storageFailure(thrown, 'EXPORT_STORAGE', what);
  }
}
