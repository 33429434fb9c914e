import { join } from 'node:path';
import pMap from 'p-map';
import { isRecord } from '../../functions/common/isRecord.js';
import { REPORT_FILES } from '../../functions/export/output/manifest.js';
import type { ExportReport } from '../../functions/export/output/report.js';
import { fileFault } from '../fileFault.js';
import { savedNames } from '../verify/savedNames.js';
import { type Clock, SYSTEM_CLOCK } from './clock.js';
import { Downloader, type FileLink } from './download.js';
import type { ExportClient, Manifest } from './exportClient.js';
import type { ExportFolder } from './exportFolder.js';
import type { ProgressBar } from './progressBar.js';
import { objectOf } from './outcomeWords.js';
import { bytesThere } from './partialFile.js';
import { ServerFailure, UnfinishedError } from './serverFailure.js';

export interface SaveOptions {
  /** Files at a time. */
  readonly parallel: number;
  /** Between two polls at most. */
  readonly everyMs?: number;
  readonly clock?: Clock;
}

export interface SavedFiles {
  readonly manifest: Manifest;
  readonly report: ExportReport | undefined;
  /** Sizes as they are on the disk, by name. */
  readonly bytes: ReadonlyMap<string, number>;
}

const MAX_NAMED = 10;
const POLL_MS = Number.POSITIVE_INFINITY;

/**
 * Waits for an export, and downloads all of its files into its folder, but for those that are there.
 * @throws ServerFailure where it fails; UnfinishedError where files cannot be had: the others are there
 */
export async function saveExport(
  client: ExportClient,
  statusUrl: string,
  folder: ExportFolder,
  bar: ProgressBar,
  options: SaveOptions,
): Promise<SavedFiles> {
  try {
    const { everyMs = POLL_MS } = options;
    // A folder is that of an export only when the server is known to have it.
    const onProgress = (text: string): void => {
      folder.claim(statusUrl);
      bar.server(text);
    };
    const manifest = await client.manifest(statusUrl, everyMs, onProgress, (text) => bar.say(text));
    folder.claim(statusUrl);
    return await saveFiles(client, statusUrl, manifest, folder, bar, options);
  } finally {
    bar.end();
  }
}

async function saveFiles(
  client: ExportClient,
  statusUrl: string,
  manifest: Manifest,
  folder: ExportFolder,
  bar: ProgressBar,
  { parallel, clock = SYSTEM_CLOCK }: SaveOptions,
): Promise<SavedFiles> {
  const { requests } = client;
  folder.saveManifest(manifest);
  const links = new Links(client, statusUrl, manifest);
  const report = await saveReport(client, manifest, folder);
  const downloader = new Downloader(requests, clock);
  const progress = new Progress(links.names.length, report, bar);
  const missing: string[] = [];
  const pathOf = (name: string): string => join(folder.path, name);
  const wanted: string[] = [];
  for (const name of links.names) {
    const { bytes, isComplete } = await bytesThere(pathOf(name));
    progress.found(name, bytes, isComplete);
    if (!isComplete) wanted.push(name);
  }
  const there = links.names.length - wanted.length;
  if (there > 0) bar.say(`${there} of ${links.names.length} files are there already`);
  const save = async (name: string): Promise<void> => {
    await downloader.save({
      path: pathOf(name),
      link: () => links.of(name),
      renewed: (refused) => links.renewed(name, refused),
      onBytes: (size) => progress.set(name, size),
    });
    progress.complete();
  };
  const trySave = async (name: string): Promise<void> => {
    requests.signal?.throwIfAborted();
    try {
      await save(name);
    } catch (error) {
      missing.push(`${name}: ${problemOf(error)}`);
    }
  };
  await pMap(wanted, trySave, { concurrency: parallel });
  if (missing.length > 0) {
    const more = missing.length - MAX_NAMED;
    const lines = [...missing.slice(0, MAX_NAMED), ...(more > 0 ? [`and ${more} more`] : [])];
    throw new UnfinishedError(
      `${missing.length} of ${links.names.length} files are not complete:\n- ${lines.join('\n- ')}`,
    );
  }
  return { manifest, report, bytes: progress.bytes };
}

/** What is wrong with a file. @throws any other error, among them what the signal is aborted with */
function problemOf(error: unknown): string {
  if (error instanceof ServerFailure) return error.message;
  if (error instanceof Error && 'syscall' in error && 'code' in error)
    return `It cannot be written (${fileFault(error)}).`;
  throw error;
}

class Progress {
  readonly bytes = new Map<string, number>();
  readonly #bar: ProgressBar;
  readonly #allFiles: number;
  readonly #allBytes: number | undefined;
  #files = 0;
  #sum = 0;

  constructor(allFiles: number, report: ExportReport | undefined, bar: ProgressBar) {
    this.#allFiles = allFiles;
    this.#allBytes = report?.files.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#bar = bar;
  }

  /** What is there of a file before anything is downloaded. */
  found(name: string, bytes: number, isComplete: boolean): void {
    this.#sum += bytes;
    this.bytes.set(name, bytes);
    if (isComplete) this.#files++;
  }

  set(name: string, bytes: number): void {
    this.#sum += bytes - (this.bytes.get(name) ?? 0);
    this.bytes.set(name, bytes);
    this.#say();
  }

  complete(): void {
    this.#files++;
    this.#say();
  }

  #say(): void {
    const [files, bytes] = [this.#files, this.#sum];
    this.#bar.download({ files, allFiles: this.#allFiles, bytes, allBytes: this.#allBytes });
  }
}

/** Where the files are. Signed links expire, so that they are asked for anew. */
class Links {
  readonly names: readonly string[];
  readonly #client: ExportClient;
  readonly #statusUrl: string;
  #links: ReadonlyMap<string, FileLink>;
  #renewal: Promise<void> | undefined;

  constructor(client: ExportClient, statusUrl: string, manifest: Manifest) {
    this.#client = client;
    this.#statusUrl = statusUrl;
    this.#links = linksOf(manifest);
    this.names = [...this.#links.keys()];
  }

  of(name: string): FileLink {
    const link = this.#links.get(name);
    if (link === undefined) throw new ServerFailure('The manifest does not name the file any more.', false);
    return link;
  }

  /** Another link than the one that was refused, by one request for all who wait. */
  async renewed(name: string, refused: FileLink): Promise<FileLink | undefined> {
    if (this.of(name).url === refused.url) {
      this.#renewal ??= this.#renew().finally(() => {
        this.#renewal = undefined;
      });
      await this.#renewal;
    }
    const link = this.of(name);
    return link.url === refused.url ? undefined : link;
  }

  async #renew(): Promise<void> {
    this.#links = linksOf(await this.#client.manifest(this.#statusUrl, POLL_MS, () => undefined));
  }
}

function linksOf(manifest: Manifest): ReadonlyMap<string, FileLink> {
  const files = [...manifest.output, ...(manifest.deleted ?? []), ...manifest.error];
  const needsToken = manifest.requiresAccessToken !== false;
  const names = savedNames(files);
  return new Map(names.map((name, index) => [name, { url: files[index]?.url ?? '', needsToken }]));
}

/** Reads and saves the reports of this app's exports; `undefined` where a server has none. */
async function saveReport(
  client: ExportClient,
  manifest: Manifest,
  folder: ExportFolder,
): Promise<ExportReport | undefined> {
  const body = await readBeside(client, manifest, 'report');
  const report = body === undefined ? undefined : objectOf(body);
  const { files, types } = report ?? {};
  const isReport = [files, types].every((list) => Array.isArray(list) && list.every(isRecord));
  if (body === undefined || !isReport) return undefined;
  folder.saveBeside(REPORT_FILES.report, body);
  for (const key of ['sharedReport', 'reportPage'] as const) {
    const other = await readBeside(client, manifest, key);
    if (other !== undefined) folder.saveBeside(REPORT_FILES[key], other);
  }
  return report as unknown as ExportReport;
}

/** Reads a file that a manifest's extension names; `undefined` where it names none, or it cannot be had. */
async function readBeside(
  client: ExportClient,
  { extension, requiresAccessToken }: Manifest,
  key: keyof typeof REPORT_FILES,
): Promise<Buffer | undefined> {
  const url = isRecord(extension) ? extension[key] : undefined;
  if (typeof url !== 'string' || !/^https?:/.test(url) || !URL.canParse(url)) return undefined;
  return client.read(url, requiresAccessToken !== false).catch((error: unknown) => {
    // Another server may mean something else by it.
    if (error instanceof ServerFailure && !error.isPassing) return undefined;
    throw error;
  });
}
