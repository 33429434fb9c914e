import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { MANIFEST_NAME } from '../verify/savedNames.js';
import { UsageError } from '../command.js';
import { fileFault } from '../fileFault.js';
import type { Manifest } from './exportClient.js';
import { objectOf } from './outcomeWords.js';

/** Which export a folder is for. Who knows the URL may have the export, so its owner alone may read it. */
const STATE_NAME = 'export.json';
const PRIVATE = 0o600;
const PRIVATE_FOLDER = 0o700;

/** The folder of one export. */
export class ExportFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /**
   * Checks that it can be the folder of an export, and makes nothing.
   * @param statusUrl of an export that has begun: the folder may be its own
   * @throws UsageError where there is something else in it, or it cannot be made
   */
  check(statusUrl?: string): void {
    const names = this.#tried(() => {
      accessSync(`${existingOf(this.path)}/.`, constants.W_OK);
      return existsSync(this.path) ? readdirSync(this.path) : [];
    });
    const found = this.#statusUrl();
    if (found !== undefined && found === statusUrl) return;
    // What others put into every folder, as .gitkeep, is no file of an export.
    if (names.every((name) => name.startsWith('.'))) return;
    throw new UsageError(
      found === undefined
        ? `The folder ${this.path} is not empty. Name a new one.`
        : `The folder ${this.path} has an export already. Name a new one, or continue that export: --resume ${found}`,
    );
  }

  /**
   * Makes it the folder of an export that the server knows.
   * @throws UsageError where it has something else in it, or cannot be made
   */
  claim(statusUrl: string): void {
    this.check(statusUrl);
    if (this.#statusUrl() === statusUrl) return;
    this.#tried(() => mkdirSync(this.path, { recursive: true, mode: PRIVATE_FOLDER }));
    this.#write(STATE_NAME, JSON.stringify({ statusUrl }), PRIVATE);
  }

  /** Saves the manifest, without the queries of its URLs: they may be signatures that open the files. */
  saveManifest(manifest: Manifest): void {
    this.#write(MANIFEST_NAME, JSON.stringify(manifest, withoutQuery, 2));
  }

  /** Saves a file that is none of the export's data. */
  saveBeside(name: string, content: Buffer): void {
    this.#write(name, content);
  }

  #statusUrl(): string | undefined {
    const path = join(this.path, STATE_NAME);
    const found = existsSync(path) ? objectOf(readFileSync(path))?.['statusUrl'] : undefined;
    return typeof found === 'string' ? found : undefined;
  }

  /** @throws UsageError where the file system refuses it */
  #tried<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw new UsageError(`The folder ${this.path} cannot be written to (${fileFault(error)}).`);
    }
  }

  /** A file is there as a whole, or as it was before. */
  #write(name: string, content: string | Buffer, mode = 0o666): void {
    const path = join(this.path, name);
    writeFileSync(`${path}.partial`, content, { mode });
    renameSync(`${path}.partial`, path);
  }
}

/** The folder, or the first above it that exists. */
function existingOf(path: string): string {
  const whole = resolve(path);
  return existsSync(whole) ? whole : existingOf(dirname(whole));
}

function withoutQuery(key: string, value: unknown): unknown {
  return key !== 'request' && typeof value === 'string' && /^https?:/.test(value)
    ? value.replace(/\?.*$/s, '')
    : value;
}
