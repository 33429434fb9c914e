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
import { join } from 'node:path';
import { MANIFEST_NAME, REPORT_NAME } from '../verify/savedNames.js';
import { UsageError } from '../command.js';
import type { Manifest } from './exportClient.js';
import { objectOf } from './outcomeWords.js';

/** Which export a folder is for. Who knows the URL may have the export, so its owner alone may read it. */
const STATE_NAME = 'export.json';
const PRIVATE = 0o600;

/** The folder of one export. */
export class ExportFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Makes the folder of a new export. @throws UsageError where there is something in it, or it cannot be made */
  prepare(): void {
    try {
      mkdirSync(this.path, { recursive: true });
      accessSync(this.path, constants.W_OK);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
      throw new UsageError(`The folder ${this.path} cannot be written to (${code}).`);
    }
    // What others put into every folder, as .gitkeep, is no file of an export.
    const names = readdirSync(this.path).filter((name) => !name.startsWith('.'));
    if (names.length === 0) return;
    const statusUrl = this.#statusUrl();
    throw new UsageError(
      statusUrl === undefined
        ? `The folder ${this.path} is not empty. Name a new one.`
        : `The folder ${this.path} has an export already. Name a new one, or continue that export: --resume ${statusUrl}`,
    );
  }

  /**
   * Makes it the folder of an export that the server has accepted.
   * @throws UsageError where it has something else in it
   */
  claim(statusUrl: string): void {
    if (this.#statusUrl() === statusUrl) return;
    this.prepare();
    this.#write(STATE_NAME, JSON.stringify({ statusUrl }), PRIVATE);
  }

  /** Saves the manifest, without the queries of its URLs: they may be signatures that open the files. */
  saveManifest(manifest: Manifest): void {
    this.#write(MANIFEST_NAME, JSON.stringify(manifest, withoutQuery, 2));
  }

  saveReport(report: Buffer): void {
    this.#write(REPORT_NAME, report);
  }

  #statusUrl(): string | undefined {
    const path = join(this.path, STATE_NAME);
    const found = existsSync(path) ? objectOf(readFileSync(path))?.['statusUrl'] : undefined;
    return typeof found === 'string' ? found : undefined;
  }

  /** A file is there as a whole, or as it was before. */
  #write(name: string, content: string | Buffer, mode = 0o666): void {
    const path = join(this.path, name);
    writeFileSync(`${path}.partial`, content, { mode });
    renameSync(`${path}.partial`, path);
  }
}

function withoutQuery(key: string, value: unknown): unknown {
  return key !== 'request' && typeof value === 'string' && /^https?:/.test(value)
    ? value.replace(/\?.*$/s, '')
    : value;
}
