import { appendFileSync, closeSync, existsSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { UsageError } from '../command.js';
import { fileFault } from '../fileFault.js';

/** Read and written by its owner alone. */
const PRIVATE = 0o600;
const FLUSH_CHARACTERS = 65_536;

/** What was done, without a value, a pseudonym or a key. */
export interface AuditEntry {
  readonly command: string;
  /** Digest of the configuration. */
  readonly configuration?: string;
  /** Of a pseudonym service. */
  readonly domain?: string;
  readonly counts: Readonly<Record<string, number>>;
}

/**
 * A new file for its owner alone. It appears under its name when it is complete, and when the line about it is in the
 * audit file.
 */
export class PrivateFile {
  readonly #path: string;
  readonly #partial: string;
  readonly #file: number;
  #waiting = '';
  #isClosed = false;

  /** @throws UsageError where there is such a file, or it cannot be made */
  constructor(path: string) {
    if (existsSync(path)) throw new UsageError(`The output ${path} exists. Name a new file.`);
    this.#path = path;
    this.#partial = `${path}.partial`;
    try {
      rmSync(this.#partial, { force: true });
      this.#file = openSync(this.#partial, 'wx', PRIVATE);
    } catch (error) {
      throw new UsageError(`The output ${path} cannot be written (${fileFault(error)}).`);
    }
  }

  line(text: string): void {
    this.#waiting += `${text}\n`;
    if (this.#waiting.length > FLUSH_CHARACTERS) this.#flush();
  }

  /** Completes the file. @param audit the file to which the entry is added first; without it there is no output */
  complete(audit: string, entry: AuditEntry): void {
    this.#flush();
    this.#close();
    try {
      appendFileSync(audit, `${JSON.stringify(auditLine(entry))}\n`, { mode: PRIVATE });
    } catch (error) {
      this.#remove();
      throw new UsageError(
        `The audit file ${audit} cannot be written (${fileFault(error)}), so there is no output.`,
      );
    }
    renameSync(this.#partial, this.#path);
  }

  /** Takes away what was written. */
  discard(): void {
    this.#close();
    this.#remove();
  }

  /** Safe to repeat: the number of a closed descriptor may be another file's. */
  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeSync(this.#file);
  }

  #flush(): void {
    writeSync(this.#file, this.#waiting);
    this.#waiting = '';
  }

  #remove(): void {
    rmSync(this.#partial, { force: true });
  }
}

function auditLine({ counts, ...entry }: AuditEntry): object {
  const sudo = process.env['SUDO_USER'];
  return {
    at: new Date().toISOString(),
    user: userName(),
    ...(sudo === undefined ? {} : { sudoUser: sudo }),
    host: hostname(),
    ...entry,
    ...counts,
  };
}

/** The name of who runs this; the number where there is no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}
