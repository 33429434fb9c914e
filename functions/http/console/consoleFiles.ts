import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import { acceptsCoding, matchesETag } from '../byteRange.js';
import { RequestError } from '../respond.js';
import {
  APP_FILE,
  type AppDescription,
  MEDIA_TYPES,
  originsOf,
  PAGES,
  POLICY_OF_FILES,
  policyText,
} from './pages.js';

/** What the name of a file's compressed form ends with. A package has no other one of it. */
const COMPRESSED = '.br';
const decompressed = promisify(brotliDecompress);

/** Browsers ask for the icon again when the fragment of a page changes: from a page that has data open, no request goes out. */
const IMAGE = '.svg';
const IMAGE_CACHING = 'max-age=31536000, immutable';

/** Of every answer: its own type, and nothing of it to other servers. */
const COMMON = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const;

export interface ConsoleAnswer {
  readonly status: 200 | 304 | 308;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

interface Asked {
  /** Path of the URL behind `/console`, as it was sent; empty without a slash. */
  readonly path: string;
  readonly acceptEncoding: string | null;
  readonly ifNoneMatch: string | null;
}

/**
 * The static files of the console, for the app and for `fhir-deid console`. They hold no data, so everybody may have
 * them. Only what is in the folder when it is first asked for is served: paths are looked up, never joined.
 */
export class ConsoleFiles {
  readonly #folder: string;
  readonly #app: AppDescription;
  #names: ReadonlySet<string> | undefined;
  readonly #digests = new Map<string, string>();

  /** @param folder of the built console */
  constructor(folder: string, app: AppDescription) {
    this.#folder = folder;
    this.#app = app;
  }

  /** @throws RequestError 404 where there is no such file */
  async answer(asked: Asked): Promise<ConsoleAnswer> {
    // Links of the documents are relative to the folder, wherever a gateway puts it.
    if (asked.path === '') return { status: 308, headers: { ...COMMON, location: 'console/' } };
    const path = asked.path.slice(1);
    if (path === APP_FILE) return this.#answerOf(asked, APP_FILE, Buffer.from(JSON.stringify(this.#app)));
    const page = Object.hasOwn(PAGES, path) ? PAGES[path] : undefined;
    const name = page?.document ?? path;
    const names = (this.#names ??= namesIn(this.#folder));
    const [isPlain, isCompressed] = [names.has(name), names.has(name + COMPRESSED)];
    if ((!isPlain && !isCompressed) || !Object.hasOwn(MEDIA_TYPES, extname(name))) throw nothingThere();
    const policy = page?.policy ?? POLICY_OF_FILES;
    const encoding = isCompressed && acceptsCoding(asked.acceptEncoding, 'br') ? 'br' : undefined;
    const read = encoding !== undefined || !isPlain ? name + COMPRESSED : name;
    const bytes = await readFile(join(this.#folder, read));
    const body = encoding === undefined && !isPlain ? await decompressed(bytes) : bytes;
    return this.#answerOf(asked, `${encoding} ${name}`, body, {
      'content-type': MEDIA_TYPES[extname(name)] ?? '',
      'content-security-policy': policyText(policy, originsOf(this.#app)),
      vary: 'Accept-Encoding',
      ...(extname(name) === IMAGE && { 'cache-control': IMAGE_CACHING }),
      ...(encoding === undefined ? {} : { 'content-encoding': encoding }),
    });
  }

  #answerOf(
    { ifNoneMatch }: Asked,
    form: string,
    body: Buffer,
    more: Readonly<Record<string, string>> = { 'content-type': 'application/json' },
  ): ConsoleAnswer {
    const digest = this.#digests.get(form) ?? createHash('sha256').update(body).digest('base64url');
    this.#digests.set(form, digest);
    const etag = `"${digest.slice(0, 32)}"`;
    // Names stay the same from version to version, so each use asks whether the file is still the same.
    const headers = { ...COMMON, 'cache-control': 'no-cache', ...more, etag };
    if (matchesETag(ifNoneMatch, etag)) return { status: 304, headers };
    return { status: 200, headers: { ...headers, 'content-length': String(body.byteLength) }, body };
  }
}

function namesIn(folder: string): ReadonlySet<string> {
  try {
    const files = readdirSync(folder, { withFileTypes: true, recursive: true }).filter((entry) =>
      entry.isFile(),
    );
    return new Set(
      files.map(({ parentPath, name }) => relative(folder, join(parentPath, name)).replaceAll('\\', '/')),
    );
  } catch {
    throw new RequestError(404, 'The console is not in this build. Run npm run build.');
  }
}

function nothingThere(): RequestError {
  return new RequestError(
    404,
    'The console has no such file. It begins at /console/; the preview is at /console/preview.',
  );
}
