import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { isRecord } from '../../functions/common/isRecord.js';
import { objectOf } from './outcomeWords.js';

/** By which the rest of a file is asked for: what it was when its beginning was read. */
export interface Validator {
  /** An ETag or a date, for `If-Range`: https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5 */
  readonly ifRange: string;
  /** Of the whole file, where the server says. */
  readonly bytes?: number;
}

/** A file that is downloaded: under its own name only when it is complete. What is there of it survives the process. */
export class PartialFile {
  readonly #path: string;
  readonly #handle: FileHandle;
  #size: number;
  #validator: Validator | undefined;

  private constructor(path: string, handle: FileHandle, size: number, validator: Validator | undefined) {
    this.#path = path;
    this.#handle = handle;
    this.#size = size;
    this.#validator = validator;
  }

  static async open(path: string): Promise<PartialFile> {
    const handle = await open(partialOf(path), existsSync(partialOf(path)) ? 'r+' : 'w');
    const { size } = await handle.stat();
    return new PartialFile(path, handle, size, readValidator(path));
  }

  get size(): number {
    return this.#size;
  }

  /** How the rest can be asked for; `undefined`: it cannot. */
  get validator(): Validator | undefined {
    return this.#size > 0 ? this.#validator : undefined;
  }

  /** Begins from the first byte. */
  async begin(validator: Validator | undefined): Promise<void> {
    await this.#handle.truncate(0);
    this.#size = 0;
    this.#validator = validator;
    if (validator === undefined) await rm(validatorOf(this.#path), { force: true });
    else writeFileSync(validatorOf(this.#path), JSON.stringify(validator));
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.byteLength;) {
      const { bytesWritten } = await this.#handle.write(bytes, done, bytes.byteLength - done, this.#size);
      done += bytesWritten;
      this.#size += bytesWritten;
    }
  }

  async complete(): Promise<void> {
    await this.#handle.close();
    await rename(partialOf(this.#path), this.#path);
    await rm(validatorOf(this.#path), { force: true });
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/** Bytes of a file that is complete, or of what is there of it. */
export async function bytesThere(path: string): Promise<{ bytes: number; isComplete: boolean }> {
  for (const isComplete of [true, false]) {
    const found = await stat(isComplete ? path : partialOf(path)).catch(() => undefined);
    if (found?.isFile() === true) return { bytes: found.size, isComplete };
  }
  return { bytes: 0, isComplete: false };
}

function partialOf(path: string): string {
  return `${path}.partial`;
}

function validatorOf(path: string): string {
  return `${path}.partial.json`;
}

function readValidator(path: string): Validator | undefined {
  if (!existsSync(validatorOf(path))) return undefined;
  const found = objectOf(readFileSync(validatorOf(path)));
  if (!isRecord(found) || typeof found['ifRange'] !== 'string') return undefined;
  const { ifRange, bytes } = found;
  return { ifRange, ...(typeof bytes === 'number' ? { bytes } : {}) };
}
