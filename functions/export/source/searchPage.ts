import { isAscii } from 'node:buffer';
import { type JsonObject, type JsonValue, parseJson } from '../../deid/json.js';
import { isJsonObject } from '../../deid/node.js';
import { ExportError } from '../../errors.js';
import { type Instant, parseInstant } from '../instant.js';
import { JsonScanError, JsonScanner } from './jsonScanner.js';

/** One resource of a search page, with what the walk needs of it. */
export interface SearchRow {
  readonly id: string | undefined;
  readonly lastUpdated: Instant | undefined;
  /** Parses the resource: one at a time, so that a page is never in memory as objects. @throws ExportError */
  resource(): JsonObject;
}

/** A page of a type search: https://hl7.org/fhir/R4/http.html#search */
export interface SearchPage {
  /** Matches, all of the type asked for; includes and outcomes are left out. */
  readonly rows: readonly SearchRow[];
  readonly total: number | undefined;
  /** URL of the next page as the source wrote it. */
  readonly next: string | undefined;
  /** URL of the search as the source understood it. */
  readonly self: string | undefined;
}

/** A page with what came along with its matches. */
export interface PageWithIncludes extends SearchPage {
  /** Resources of the type that was to come along; others are left out. */
  readonly included: readonly SearchRow[];
  /** Whether the source says that it left out some of them. */
  readonly isCut: boolean;
}

const BUNDLE_NAMES = ['resourceType', 'total', 'link', 'entry'] as const;
const ENTRY_NAMES = ['resource', 'search'] as const;
const RESOURCE_NAMES = ['resourceType', 'id', 'meta'] as const;

/** The bytes of a page; where all are ASCII, they become text at once. */
interface PageBytes {
  readonly bytes: Buffer;
  readonly isAscii: boolean;
}

/** An entry of a Bundle, scanned: where its resource lies, and what the walk needs of it. */
interface Entry {
  mode: unknown;
  start: number;
  end: number;
  resourceType: unknown;
  id: unknown;
  meta: unknown;
}

/**
 * Reads a `Bundle` of type `searchset` from its bytes, without parsing its resources.
 * @throws ExportError `source-not-fhir` where the bytes are no such Bundle, `source-search-failed` where it
 *   holds an OperationOutcome that tells of an error or, where nothing is to come along, of an answer that is not
 *   complete, or an entry without its resource; `source-ignored-parameter` where matches are of another type: pages of these would leave others out
 * @param includedType the type that was asked to come along
 */
export function readSearchPage(bytes: Buffer, type: string, includedType?: string): PageWithIncludes {
  const page: PageBytes = { bytes, isAscii: isAscii(bytes) };
  const rows: SearchRow[] = [];
  const included: SearchRow[] = [];
  let isCut = false;
  let resourceType: unknown;
  let total: unknown;
  let links: unknown;
  try {
    const scanner = new JsonScanner(bytes);
    if (!scanner.isAtObject) throw noBundle(type);
    scanner.object(BUNDLE_NAMES, (name) => {
      if (name === 'resourceType') resourceType = scanner.value();
      else if (name === 'total') total = scanner.value();
      else if (name === 'link') links = scanner.value();
      else {
        scanner.array(() => {
          const entry = scanEntry(scanner);
          if (entry.resourceType === 'OperationOutcome') {
            if (readOutcome(page, entry, type)) isCut = true;
            // Where others come along, it is these that are left out; else it can only be matches.
            if (isCut && includedType === undefined) throw incomplete(type);
          } else if (isIncluded(entry, type, includedType)) {
            if (includedType !== undefined && entry.resourceType === includedType) {
              included.push(toRow(page, entry, includedType));
            }
          } else {
            rows.push(toRow(page, entry, type));
          }
        });
      }
    });
    scanner.end();
  } catch (thrown) {
    throw thrown instanceof JsonScanError ? malformed(type) : thrown;
  }
  if (resourceType !== 'Bundle') throw noBundle(type);
  return {
    rows,
    included,
    // Where a page is to have more than the source gives at once, it links to the rest by `related`.
    isCut: isCut || (includedType !== undefined && linkOf(links, 'related') !== undefined),
    total: typeof total === 'number' && Number.isSafeInteger(total) && total >= 0 ? total : undefined,
    next: linkOf(links, 'next'),
    self: linkOf(links, 'self'),
  };
}

function scanEntry(scanner: JsonScanner): Entry {
  const entry: Entry = {
    mode: undefined,
    start: 0,
    end: 0,
    resourceType: undefined,
    id: undefined,
    meta: undefined,
  };
  if (!scanner.isAtObject) {
    scanner.skip();
    return entry;
  }
  scanner.object(ENTRY_NAMES, (key) => {
    if (key === 'search') {
      const search = scanner.value();
      entry.mode =
        typeof search === 'object' && search !== null && 'mode' in search ? search.mode : undefined;
    } else if (scanner.isAtObject) {
      entry.start = scanner.position;
      scanner.object(RESOURCE_NAMES, (name) => {
        entry[name] = scanner.value();
      });
      entry.end = scanner.position;
    } else scanner.skip();
  });
  return entry;
}

/** Whether an entry is no match; one that does not say so is taken for an include only where such were asked for. */
function isIncluded({ mode, resourceType }: Entry, type: string, includedType: string | undefined): boolean {
  if (mode !== undefined) return mode !== 'match';
  return includedType !== undefined && resourceType === includedType && includedType !== type;
}

function toRow(
  page: PageBytes,
  { start, end, resourceType, meta, ...entry }: Entry,
  type: string,
): SearchRow {
  if (end === 0) throw incomplete(type);
  if (resourceType !== type) throw otherType(type);
  const id = typeof entry.id === 'string' ? entry.id : undefined;
  const lastUpdated =
    typeof meta === 'object' && meta !== null && 'lastUpdated' in meta
      ? parseInstant(meta.lastUpdated)
      : undefined;
  return {
    id,
    lastUpdated,
    resource: () => {
      const resource = parseResource(page, start, end, type);
      // Keys written with escapes are seen by the parser only: two readers must not see two resources.
      if (resource['resourceType'] !== type || (id !== undefined && resource['id'] !== id))
        throw malformed(type);
      return resource;
    },
  };
}

/** A parser's message quotes its input, so it is dropped here. */
function parseResource(
  { bytes, isAscii: isPlain }: PageBytes,
  start: number,
  end: number,
  type: string,
): JsonObject {
  try {
    const value = parseJson(bytes.toString(isPlain ? 'latin1' : 'utf8', start, end));
    if (isJsonObject(value)) return value;
  } catch {
    // Told below.
  }
  throw malformed(type);
}

function linkOf(links: unknown, relation: string): string | undefined {
  if (!Array.isArray(links)) return undefined;
  for (const candidate of links as JsonValue[]) {
    if (
      isJsonObject(candidate) &&
      candidate['relation'] === relation &&
      typeof candidate['url'] === 'string'
    ) {
      return candidate['url'];
    }
  }
  return undefined;
}

function noBundle(type: string): ExportError {
  return new ExportError(
    'source-not-fhir',
    `The source answered a search for ${type} with something that is no FHIR Bundle. Check that FHIR_SERVER_URL is the FHIR base of the source.`,
  );
}

/** Retryable: a body that was cut looks so. */
function malformed(type: string): ExportError {
  return new ExportError(
    'source-not-fhir',
    `The source answered a search for ${type} with a body that is not complete JSON, or no well-formed Bundle.`,
    true,
  );
}

/** Codes of issues by which a source says that it gave up before the end: https://hl7.org/fhir/R4/valueset-issue-type.html */
const CUT_SHORT: ReadonlySet<string> = new Set(['incomplete', 'timeout']);

/** Returns whether the outcome says that the answer is not all there is. @throws ExportError where it is an error */
function readOutcome(page: PageBytes, { start, end }: Entry, type: string): boolean {
  const outcome = parseResource(page, start, end, type);
  refuseErrors(outcome, type);
  const issues = outcome['issue'];
  return (
    Array.isArray(issues) &&
    issues.some(
      (issue) => isJsonObject(issue) && typeof issue['code'] === 'string' && CUT_SHORT.has(issue['code']),
    )
  );
}

function refuseErrors(outcome: JsonObject, type: string): void {
  const issues = outcome['issue'];
  if (Array.isArray(issues) && issues.some(isError)) {
    throw new ExportError(
      'source-search-failed',
      `The source reported an error inside its answer to a search for ${type}, so the answer is not complete. See the source's own log.`,
      true,
    );
  }
}

function incomplete(type: string): ExportError {
  return new ExportError(
    'source-search-failed',
    `The source's answer to a search for ${type} holds an entry without a resource, or says of itself that it is not complete. See the source's own log.`,
    true,
  );
}

function otherType(type: string): ExportError {
  return new ExportError(
    'source-ignored-parameter',
    `The source answered a search for ${type} with resources of another type, so the export would hold too much or too little. Check that FHIR_SERVER_URL is the FHIR base of the source and that nothing between rewrites its paths.`,
  );
}

function isError(issue: JsonValue): boolean {
  return isJsonObject(issue) && (issue['severity'] === 'error' || issue['severity'] === 'fatal');
}
