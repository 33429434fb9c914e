import { isUtf8 } from 'node:buffer';
import { isJsonObject, type JsonObject, type JsonValue } from '../../json/json.js';
import { ARRAY, OBJECT, type JsonTape } from '../../json/jsonTape.js';
import { nameNumber } from '../../json/keyNames.js';
import { ExportError } from '../../common/errors.js';
import { giveBack, readLink, readTape, readTotal } from './readTape.js';
import {
  NO_RESOURCE,
  parseResource,
  readHead,
  RESOURCE_TYPE,
  type ResourceHead,
  resourceRow,
  type RowFaults,
  type SearchRow,
} from './resourceRow.js';
import type { SearchParameters, Source, SourceAnswer } from './source.js';

/** A page of a type search: https://hl7.org/fhir/R4/http.html#search */
export interface SearchPage {
  /** Matches, all of the type asked for; includes and outcomes are left out. */
  readonly rows: readonly SearchRow[];
  readonly total: number | undefined;
  /** URL of the next page: as the source wrote it, or relative to the FHIR base, where its links have another one. */
  readonly next: string | undefined;
  /** URL of the search as the source understood it. */
  readonly self: string | undefined;
  /** Lets another page have the memory of this one. Its rows are of no use then. */
  release?(): void;
}

/** A page with what came along with its matches. */
export interface PageWithIncludes extends SearchPage {
  /** Resources of the type that was to come along; others are left out. */
  readonly included: readonly SearchRow[];
  /** Whether the source says that it left out some of them. */
  readonly isCut: boolean;
}

const ENTRY = nameNumber('entry');
const MODE = nameNumber('mode');
const RESOURCE = nameNumber('resource');
const SEARCH = nameNumber('search');

/** A page as it lies on a tape. */
interface Page {
  readonly tape: JsonTape;
  /** Whether all of them are UTF-8. */
  readonly isText: boolean;
  readonly faults: RowFaults;
}

/** An entry of a Bundle: its resource, if it has one, and whether it is a match. */
interface Entry {
  readonly head: ResourceHead;
  /** `undefined` where it does not say. */
  readonly mode: string | undefined;
}

/**
 * Reads a `Bundle` of type `searchset` from its bytes, without parsing its resources.
 * @throws ExportError `source-not-fhir` where the bytes are no such Bundle, `source-search-failed` where it
 *   holds an OperationOutcome that reports an error or, where nothing is to come along, of an answer that is not
 *   complete, or an entry without its resource; `source-ignored-parameter` where matches are of another type: pages of these would leave others out
 * @param includedType the type that was asked to come along
 * @param release what lets the bytes go with the page
 */
export function readSearchPage(
  bytes: Buffer,
  type: string,
  includedType?: string,
  release?: () => void,
): PageWithIncludes {
  const tape = readTape(bytes);
  if (tape === undefined) throw malformed(type);
  const { root } = tape;
  if (tape.kind(root) !== OBJECT || tape.textOf(root, RESOURCE_TYPE) !== 'Bundle') throw noBundle(type);
  const faults = { malformed: () => malformed(type), notUtf8: () => notUtf8(type) };
  const page: Page = { tape, isText: isUtf8(bytes), faults };
  const rows: SearchRow[] = [];
  const included: SearchRow[] = [];
  let isCut = false;
  const entries = tape.lastMember(root, ENTRY);
  if (entries >= 0 && tape.kind(entries) !== ARRAY) throw malformed(type);
  const end = entries < 0 ? 0 : tape.after(entries);
  for (let node = tape.first(entries); node < end; node = tape.after(node)) {
    const entry = readEntry(tape, node, type);
    const { resourceType } = entry.head;
    if (resourceType === 'OperationOutcome') {
      if (readOutcome(page, entry, type)) isCut = true;
      // Where others come along, it is these that are left out; else it can only be matches.
      if (isCut && includedType === undefined) throw incomplete(type);
    } else if (isIncluded(entry, type, includedType)) {
      if (includedType !== undefined && resourceType === includedType) {
        included.push(toRow(page, entry, includedType));
      }
    } else {
      rows.push(toRow(page, entry, type));
    }
  }
  // What is not UTF-8 outside of resources may be a link, which is followed.
  if (!page.isText && [...rows, ...included].every(({ json }) => json !== undefined)) throw malformed(type);
  const self = readLink(tape, 'self');
  return {
    rows,
    included,
    // Where a page is to have more than the source gives at once, it links to the rest by `related`.
    isCut: isCut || (includedType !== undefined && readLink(tape, 'related') !== undefined),
    total: readTotal(tape),
    next: nextLink(readLink(tape, 'next'), self, type),
    self,
    release: () => {
      giveBack(tape);
      release?.();
    },
  };
}

/**
 * Reads the page of an answer. The self link of a form need not repeat what is in the form, so one without any of it is
 * dropped: it does not say what was honored.
 */
export function readAnswer(
  { body, isForm, release }: SourceAnswer,
  type: string,
  includedType?: string,
): PageWithIncludes {
  const page = readSearchPage(body, type, includedType, release);
  return isForm !== true || page.self?.includes('?') === true ? page : { ...page, self: undefined };
}

/** Searches for a page, with what is to come along. */
export async function searchPage(
  source: Source,
  type: string,
  parameters: SearchParameters,
  includedType?: string,
): Promise<PageWithIncludes> {
  const { body } = await source.search(type, parameters);
  return readSearchPage(body, type, includedType);
}

/**
 * A next link relative to the FHIR base. The links of a server behind a gateway may have the gateway's base, which the
 * app does not reach; which base that is, the self link of the same page shows.
 */
function nextLink(next: string | undefined, self: string | undefined, type: string): string | undefined {
  const base =
    self === undefined
      ? undefined
      : new RegExp(`^(https?://[^?]*)/${type}(?:/_search)?(?:\\?|$)`).exec(self)?.[1];
  if (next === undefined || base === undefined || !next.startsWith(base)) return next;
  const rest = next.slice(base.length);
  if (rest.startsWith('?')) return rest;
  return rest.startsWith('/') ? rest.slice(1) : next;
}

function readEntry(tape: JsonTape, node: number, type: string): Entry {
  let mode: string | undefined;
  let head = NO_RESOURCE;
  if (tape.kind(node) !== OBJECT) return { head, mode };
  const end = tape.after(node);
  for (let member = tape.first(node); member < end; member = tape.after(member)) {
    if (tape.kind(member) !== OBJECT) continue;
    const name = tape.name(member);
    if (name === SEARCH) mode = modeOf(tape, member);
    else if (name === RESOURCE) head = readHead(tape, member, type);
  }
  return { head, mode };
}

function modeOf(tape: JsonTape, search: number): string | undefined {
  const mode = tape.lastMember(search, MODE);
  if (mode >= 0 && tape.isText(mode, 'match')) return 'match';
  // A mode that is no text is not that of a match.
  return mode < 0 ? undefined : (tape.textOf(search, MODE) ?? '');
}

/** Whether an entry is no match; one that does not say so is taken for an include only where such were asked for. */
function isIncluded(
  { mode, head: { resourceType } }: Entry,
  type: string,
  includedType: string | undefined,
): boolean {
  if (mode !== undefined) return mode !== 'match';
  return includedType !== undefined && resourceType === includedType && includedType !== type;
}

function toRow({ tape, isText, faults }: Page, { head }: Entry, type: string): SearchRow {
  if (head.node < 0) throw incomplete(type);
  if (head.resourceType !== type) throw otherType(type);
  return resourceRow(tape, isText, head, faults);
}

function parseOutcome(tape: JsonTape, node: number, type: string): JsonObject {
  return parseResource({ tape, node, bytes: tape.bytes }, { malformed: () => malformed(type) });
}

function noBundle(type: string): ExportError {
  return new ExportError(
    'source-not-fhir',
    `The source answered a search for ${type} with something that is no FHIR Bundle. Check that FHIR_SERVER_URL is the FHIR base of the source.`,
  );
}

function notUtf8(type: string): ExportError {
  return new ExportError(
    'source-not-fhir',
    `The source answered a search for ${type} with a resource whose bytes are not UTF-8, as JSON has to be. See what encoding the source reads and writes.`,
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
function readOutcome({ tape }: Page, { head: { node } }: Entry, type: string): boolean {
  const outcome = parseOutcome(tape, node, type);
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
