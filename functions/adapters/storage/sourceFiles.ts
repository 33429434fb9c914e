import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { ContainerClient } from '@azure/storage-blob';
import { ExportError } from '../../common/errors.js';
import type { SourceFile } from '../../export/plan/filePlan.js';
import type { FileCursor, FilePart } from '../../export/records/job.js';
import { fileName, type LineBlock, lineBlocks, lineStart } from '../../export/source/fileLines.js';
import type { FileSource } from '../../settings/sourceSettings.js';
import { openStorage, storageFailure, storageStatus } from './storage.js';

/** Names of files that are read. */
const NDJSON = /\.(?:ndjson|jsonl)(?<gzip>\.gz)?$/i;
/** A download that is cut goes on from where it was, so often. */
const MAX_CUTS = 5;

/** The NDJSON files that are the source. */
export class SourceFiles {
  readonly #container: ContainerClient;
  readonly #prefix: string;
  readonly #maxLine: number;

  /** @param maxLine longest line, in bytes */
  constructor({ account, container, prefix }: FileSource, maxLine: number) {
    this.#container = openStorage(account).getContainerClient(container);
    this.#prefix = prefix;
    this.#maxLine = maxLine;
  }

  /** The files in the order of their names, and how many others there are, which are not read. */
  async list(): Promise<{ files: SourceFile[]; others: number }> {
    const files: SourceFile[] = [];
    let others = 0;
    try {
      for await (const { name, properties } of this.#container.listBlobsFlat({ prefix: this.#prefix })) {
        const { etag, contentLength: bytes = 0, contentEncoding = '', lastModified } = properties;
        const found = NDJSON.exec(name);
        // Folders are listed as empty files.
        if (found === null) others += bytes > 0 ? 1 : 0;
        else
          files.push({
            name,
            etag,
            bytes,
            lastModified: lastModified.getTime(),
            isGzip: found.groups?.['gzip'] !== undefined || /^gzip$/i.test(contentEncoding),
          });
      }
    } catch (error) {
      throw failure(error, 'listing the files of SOURCE_CONTAINER');
    }
    return { files: files.sort((a, b) => (a.name < b.name ? -1 : 1)), others };
  }

  /**
   * The lines of a part of a file, and those after it, from where the slice before has stopped.
   * @param onRequest called with each download that is begun
   * @throws ExportError, `source-unverifiable` where the file is another one now
   */
  blocks(part: FilePart, cursor: FileCursor | undefined, onRequest?: () => void): AsyncGenerator<LineBlock> {
    const { begin, isGzip: isWhole = false } = part;
    const start = lineStart({ begin, isWhole, isPinned: true }, cursor);
    return lineBlocks(this.#bytes(part, start.first, onRequest), start, this.#maxLine);
  }

  async *#bytes(part: FilePart, first: number, onRequest?: () => void): AsyncGenerator<Buffer> {
    try {
      const stored = this.#stored(part, first, onRequest);
      // What ends one of them ends the other, and what is iterated reports it.
      yield* part.isGzip === true ? pipeline(Readable.from(stored), createGunzip(), () => undefined) : stored;
    } catch (error) {
      throw readFailure(error, part.number);
    }
  }

  /** The file as it is stored. The library does not resume where the connection is cut. */
  async *#stored({ name, etag }: FilePart, first: number, onRequest?: () => void): AsyncGenerator<Buffer> {
    const blob = this.#container.getBlobClient(name);
    let place = first;
    let end = Infinity;
    for (let cuts = 0; place < end; cuts++) {
      try {
        onRequest?.();
        const answer = await blob.download(place, undefined, { conditions: { ifMatch: etag } });
        end = place + (answer.contentLength ?? Infinity);
        // In Node.js it is one; the library's type is that of any.
        for await (const chunk of answer.readableStreamBody as Readable) {
          const bytes = chunk as Buffer;
          yield bytes;
          place += bytes.length;
        }
        return;
      } catch (error) {
        if (cuts === MAX_CUTS || storageStatus(error) !== 0) throw error;
      }
    }
  }
}

function readFailure(error: unknown, number: number): ExportError {
  if ([404, 412].includes(storageStatus(error))) {
    return new ExportError(
      'source-unverifiable',
      `${fileName({ number })}: it was changed or deleted since the export began, so its lines would not fit each other. Start the export again, when no files are written.`,
    );
  }
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  if (typeof code === 'string' && code.startsWith('Z_')) {
    return new ExportError(
      'source-not-fhir',
      `${fileName({ number })}: it is not a complete gzip file. Create it again, and export again.`,
    );
  }
  return failure(error, 'reading a file of SOURCE_CONTAINER');
}

function failure(error: unknown, what: string): ExportError {
  if (storageStatus(error) === 404) {
    return new ExportError(
      'source-refused',
      'The storage account of SOURCE_STORAGE has no such container: correct SOURCE_CONTAINER.',
    );
  }
  return storageFailure(error, 'SOURCE_STORAGE', what, 'Storage Blob Data Reader');
}
