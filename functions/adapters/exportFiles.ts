import type { BlobServiceClient, ContainerClient } from '@azure/storage-blob';
import { ExportError } from '../errors.js';
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
  async write(container: string, name: string, text: string, contentType: string): Promise<void> {
    await guarded('writing the manifest', () =>
      this.#container(container)
        .getBlockBlobClient(name)
        .upload(text, Buffer.byteLength(text), { blobHTTPHeaders: { blobContentType: contentType } }),
    );
  }

  /** Deletes the files of a folder of which `isOrphan` says so; returns how many. */
  async deleteFiles(container: string, folder: string, isOrphan: (name: string) => boolean): Promise<number> {
    let deleted = 0;
    try {
      const client = this.#container(container);
      for await (const blob of client.listBlobsFlat({ prefix: folder })) {
        if (!isOrphan(blob.name)) continue;
        await client.getBlobClient(blob.name).deleteIfExists();
        deleted++;
      }
    } catch (thrown) {
      if (storageStatus(thrown) !== 404)
        throw storageFailure(thrown, 'EXPORT_STORAGE', 'deleting files of a job');
    }
    return deleted;
  }

  async deleteFile(container: string, name: string): Promise<void> {
    await guarded('deleting an output file', () =>
      this.#container(container).getBlobClient(name).deleteIfExists(),
    );
  }

  async deleteContainer(container: string): Promise<void> {
    await guarded('deleting the container of a job', () => this.#container(container).deleteIfExists());
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
      if (storageStatus(thrown) === 404) {
        throw new ExportError('not-found', 'The file does not exist, or not any more.');
      }
      throw storageFailure(thrown, 'EXPORT_STORAGE', 'reading an output file');
    }
  }

  #container(name: string): ContainerClient {
    return this.#service.getContainerClient(name);
  }
}

async function guarded(what: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (thrown) {
    throw storageFailure(thrown, 'EXPORT_STORAGE', what);
  }
}
