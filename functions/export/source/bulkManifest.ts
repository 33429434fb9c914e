import { ExportError } from '../../common/errors.js';
import { parseInstant } from '../../fhir/instant.js';
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../../json/json.js';
import { decodeUtf8 } from '../../json/utf8.js';

/** A file of the source's own bulk export. */
export interface BulkFile {
  /** Absolute. Private: it may hold a signature that opens the file. */
  url: string;
  /** The type of its lines; absent where the manifest does not say: they may be of any. */
  type?: string;
  /** Lines it has, where the manifest says. */
  count?: number;
}

/** What the source's export gives: https://hl7.org/fhir/uv/bulkdata/STU2/export.html#response---complete-status */
export interface BulkManifest {
  transactionTime: string;
  /** Whether its files ask for the credentials of the source. */
  requiresAccessToken: boolean;
  output: BulkFile[];
  /** Bundles of deletions. */
  deleted: BulkFile[];
  /** OperationOutcomes. */
  error: BulkFile[];
}

/** A page of a manifest; the guide has pages since STU 3. */
export interface BulkManifestPage extends BulkManifest {
  /** Absolute; `undefined` on the last page. */
  next: string | undefined;
}

/**
 * Reads a manifest, or a page of one. The ballot of STU 4 calls the files of OperationOutcomes `outcome`.
 * @param url where it was read: URLs in it may be relative to that
 * @throws ExportError `source-not-fhir`
 */
export function readManifestPage(body: Buffer, url: string): BulkManifestPage {
  let page: JsonValue;
  try {
    page = parseJson(decodeUtf8(body));
  } catch {
    throw noManifest('is not JSON');
  }
  if (!isJsonObject(page)) throw noManifest('is not a JSON object');
  const { transactionTime, requiresAccessToken } = page;
  if (typeof transactionTime !== 'string' || parseInstant(transactionTime) === undefined) {
    throw noManifest('has no transactionTime that is an instant');
  }
  if (!Array.isArray(page['output'])) throw noManifest('has no output');
  const filesOf = (name: string): BulkFile[] => objectsIn(page[name]).map((file) => readFile(file, url));
  const next = objectsIn(page['link']).find(({ relation }) => relation === 'next')?.['url'];
  return {
    transactionTime,
    requiresAccessToken: requiresAccessToken !== false,
    output: filesOf('output'),
    deleted: filesOf('deleted'),
    error: [...filesOf('error'), ...filesOf('outcome')],
    next: next === undefined ? undefined : absolute(next, url),
  };
}

/**
 * One manifest of its pages.
 * @throws ExportError where they are of different exports
 */
export function joinPages(pages: readonly BulkManifestPage[]): BulkManifest {
  const [first, ...others] = pages;
  if (first === undefined) throw noManifest('has no pages');
  if (
    others.some(
      ({ transactionTime, requiresAccessToken }) =>
        transactionTime !== first.transactionTime || requiresAccessToken !== first.requiresAccessToken,
    )
  ) {
    throw noManifest('has pages with different values of transactionTime or requiresAccessToken');
  }
  return {
    transactionTime: first.transactionTime,
    requiresAccessToken: first.requiresAccessToken,
    output: pages.flatMap(({ output }) => output),
    deleted: pages.flatMap(({ deleted }) => deleted),
    error: pages.flatMap(({ error }) => error),
  };
}

/** What two readings of a manifest have to have in common: signatures in URLs may differ. */
export function manifestContent({ transactionTime, output, deleted }: BulkManifest): string {
  return JSON.stringify([transactionTime, contentOf(output), contentOf(deleted)]);
}

function contentOf(files: readonly BulkFile[]): string[] {
  return files.map(({ url, type, count }) => JSON.stringify([url.replace(/\?.*$/s, ''), type, count])).sort();
}

function readFile(file: JsonObject, base: string): BulkFile {
  const { url, type, count } = file;
  return {
    url: absolute(url, base),
    ...(typeof type === 'string' ? { type } : {}),
    ...(typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? { count } : {}),
  };
}

function absolute(url: JsonValue | undefined, base: string): string {
  const target = typeof url === 'string' && URL.canParse(url, base) ? new URL(url, base) : undefined;
  if (target === undefined || !/^https?:$/.test(target.protocol)) {
    throw noManifest('has a file or a page without a URL by http or https');
  }
  return target.href;
}

function objectsIn(value: JsonValue | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

function noManifest(what: string): ExportError {
  return new ExportError(
    'source-not-fhir',
    `The source's own export answered that it is complete, but its manifest ${what}. Check that nothing between the app and the source answers in its place.`,
    true,
  );
}
