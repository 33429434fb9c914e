import {
  dateOf,
  decoded,
  discard,
  headerOf,
  retryAfterOf,
  type SourceResponse,
} from '../../functions/adapters/source/sourceRequests.js';
import { type Clock, Patience } from './clock.js';
import { PartialFile, type Validator } from './partialFile.js';
import { ServerFailure } from './serverFailure.js';
import type { ServerRequests } from './serverRequests.js';

/** Where a file is. */
export interface FileLink {
  readonly url: string;
  /** Whether it asks for the credentials of the server. */
  readonly needsToken: boolean;
}

export interface Download {
  /** Where it is saved when it is complete. */
  readonly path: string;
  readonly link: () => FileLink;
  /** Another link, in the place of one that is refused; `undefined` where there is none. */
  readonly renewed: (refused: FileLink) => Promise<FileLink | undefined>;
  /** Is called with the bytes that are there. */
  readonly onBytes: (bytes: number) => void;
}

/** What signed links that have expired are answered with. */
const EXPIRED: readonly number[] = [400, 401, 403];

/** Downloads files, each with one chunk in memory; what is cut is continued by range. */
export class Downloader {
  readonly #requests: ServerRequests;
  readonly #clock: Clock;

  constructor(requests: ServerRequests, clock: Clock) {
    this.#requests = requests;
    this.#clock = clock;
  }

  /** @throws ServerFailure where the file cannot be had; what is there of it stays */
  async save(download: Download): Promise<void> {
    const file = await PartialFile.open(download.path);
    try {
      const patience = new Patience(this.#clock, this.#requests.signal);
      let most = file.size;
      let wasCut = false;
      for (;;) {
        try {
          await this.#attempt(download, file, wasCut);
          break;
        } catch (error) {
          if (!(error instanceof ServerFailure)) throw error;
          wasCut ||= error instanceof Cut;
          if (file.size > most) patience.reset();
          most = Math.max(most, file.size);
          await patience.after(error);
        }
      }
    } catch (error) {
      await file.close();
      throw error;
    }
    await file.complete();
  }

  /** @param isPlain whether it is asked for without a coding, in which the rest of a file cannot be asked for */
  async #attempt(download: Download, file: PartialFile, isPlain: boolean): Promise<void> {
    const { validator, size } = file;
    if (validator !== undefined && validator.bytes === size) return;
    const { response, link } = await this.#open(download, {
      // Some servers refuse another type beside it, or answer with a FHIR resource that has the file in it.
      accept: 'application/fhir+ndjson',
      ...(validator === undefined
        ? { 'accept-encoding': isPlain ? 'identity' : 'gzip' }
        : { 'accept-encoding': 'identity', range: `bytes=${size}-`, 'if-range': validator.ifRange }),
    });
    const { statusCode } = response;
    if (statusCode === 206 && validator !== undefined && isRest(response, size, validator)) {
      await this.#read(download, file, response);
      if (validator.bytes !== undefined && file.size < validator.bytes) throw cut();
      return;
    }
    if (statusCode === 206 || statusCode === 416) {
      await discard(response);
      await file.begin(undefined);
      throw cut();
    }
    if (statusCode !== 200) {
      await discard(response);
      const isOpen = !link.needsToken || !this.#requests.isOwn(link.url);
      throw this.#requests.refusal('The file', statusCode, retryAfterOf(response), isOpen);
    }
    await file.begin(validatorOf(response));
    await this.#read(download, file, response);
  }

  async #open(
    download: Download,
    headers: Readonly<Record<string, string>>,
  ): Promise<{ response: SourceResponse; link: FileLink }> {
    const ask = ({ url, needsToken }: FileLink): Promise<SourceResponse> =>
      this.#requests.open({ url, method: 'GET', headers, isOpen: !needsToken });
    const link = download.link();
    const response = await ask(link);
    if (link.needsToken || !EXPIRED.includes(response.statusCode)) return { response, link };
    const other = await download.renewed(link);
    if (other === undefined) return { response, link };
    await discard(response);
    return { response: await ask(other), link: other };
  }

  async #read(download: Download, file: PartialFile, response: SourceResponse): Promise<void> {
    const chunks = (decoded(response) as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    for (;;) {
      let next: IteratorResult<Buffer>;
      try {
        next = await chunks.next();
      } catch (error) {
        throw cut(this.#requests.faultOf(error).message);
      }
      if (next.done === true) return;
      try {
        await file.write(next.value);
      } catch (error) {
        response.body.destroy();
        throw error;
      }
      download.onBytes(file.size);
    }
  }
}

/** A file that is there in part. */
class Cut extends ServerFailure {}

function cut(message = 'The file came in part.'): Cut {
  return new Cut(message, true);
}

/** Whether an answer is the rest of what is there. */
function isRest(response: SourceResponse, from: number, { ifRange, bytes }: Validator): boolean {
  const range = /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15}|\*)$/.exec(headerOf(response, 'content-range') ?? '');
  const [, first, all] = range ?? [];
  const etag = headerOf(response, 'etag');
  return (
    Number(first) === from &&
    (bytes === undefined || all === '*' || Number(all) === bytes) &&
    (etag === undefined || !ifRange.startsWith('"') || etag === ifRange) &&
    headerOf(response, 'content-encoding') === undefined
  );
}

/**
 * What the rest of a file can be asked for by: its strong ETag, or the date of its last change, where the server's clock
 * shows that there was no later one. A server that codes a file may name it by the file's own ETag and `-gzip`.
 */
function validatorOf(response: SourceResponse): Validator | undefined {
  const isCoded = headerOf(response, 'content-encoding') !== undefined;
  const length = headerOf(response, 'content-length') ?? '';
  const bytes = !isCoded && /^\d{1,15}$/.test(length) ? { bytes: Number(length) } : {};
  const etag = headerOf(response, 'etag') ?? '';
  const plainEtag = isCoded ? etag.replace(/-gzip"$/, '"') : etag;
  if (/^"[^"]+"$/.test(etag) && (!isCoded || plainEtag !== etag)) return { ifRange: plainEtag, ...bytes };
  const changed = headerOf(response, 'last-modified') ?? '';
  const isOld = (dateOf(response) ?? 0) - Date.parse(changed) >= 1000;
  return isOld ? { ifRange: changed, ...bytes } : undefined;
}
