import { isUtf8 } from 'node:buffer';
import { ExportError } from '../../common/errors.js';
import { ID, VERSION } from '../../fhir/reference.js';
import { ARRAY, OBJECT, type JsonTape } from '../../json/jsonTape.js';
import { nameNumber } from '../../json/keyNames.js';
import { type Instant, parseInstant } from '../../fhir/instant.js';
import { readLink, readTape, readTotal } from './readTape.js';

const ENTRY = nameNumber('entry');
const FULL_URL = nameNumber('fullUrl');
const LAST_MODIFIED = nameNumber('lastModified');
const METHOD = nameNumber('method');
const REQUEST = nameNumber('request');
const RESOURCE_TYPE = nameNumber('resourceType');
const RESPONSE = nameNumber('response');
const TYPE = nameNumber('type');
const URL = nameNumber('url');

/** A page of a type's history, as far as deletions go: https://hl7.org/fhir/R4/http.html#history */
export interface HistoryPage {
  readonly deletions: ReadonlyArray<{ id: string; at: Instant }>;
  /** Entries, whatever they are. */
  readonly size: number;
  /** Entries of all pages, as the source says. */
  readonly total: number | undefined;
  /** URL of the next page as the source wrote it. */
  readonly next: string | undefined;
}

/**
 * Reads a `Bundle` of type `history` from its bytes, without parsing its resources.
 * @throws ExportError `source-not-fhir` where it is none; `source-unverifiable` where a deletion does not say of what
 *   or when
 */
export function readHistoryPage(bytes: Buffer, type: string): HistoryPage {
  const tape = readTape(bytes);
  // An id that is read from bytes that are not UTF-8 would be another's.
  if (tape === undefined || tape.kind(tape.root) !== OBJECT || !isUtf8(bytes)) throw noHistory(type);
  const { root } = tape;
  if (tape.textOf(root, RESOURCE_TYPE) !== 'Bundle' || tape.textOf(root, TYPE) !== 'history')
    throw noHistory(type);
  const deletions: Array<{ id: string; at: Instant }> = [];
  const entries = tape.lastMember(root, ENTRY);
  if (entries >= 0 && tape.kind(entries) !== ARRAY) throw noHistory(type);
  const end = entries < 0 ? 0 : tape.after(entries);
  let size = 0;
  for (let entry = tape.first(entries); entry < end; entry = tape.after(entry)) {
    size++;
    const deletion = tape.kind(entry) === OBJECT ? readEntry(tape, entry, type) : undefined;
    if (deletion !== undefined) deletions.push(deletion);
  }
  return { deletions, size, total: readTotal(tape), next: readLink(tape, 'next') };
}

function readEntry(
  tape: JsonTape,
  entry: number,
  type: string,
): HistoryPage['deletions'][number] | undefined {
  const request = tape.lastMember(entry, REQUEST);
  if (request < 0 || tape.textOf(request, METHOD) !== 'DELETE') return undefined;
  const id = idOf(tape.textOf(request, URL), type) ?? idOf(tape.textOf(entry, FULL_URL), type);
  const response = tape.lastMember(entry, RESPONSE);
  const at = response < 0 ? undefined : parseInstant(tape.textOf(response, LAST_MODIFIED));
  if (id === undefined || at === undefined) {
    throw new ExportError(
      'source-unverifiable',
      `An entry of the source's history of ${type} does not say what was deleted, or when (entry.request.url, entry.response.lastModified).`,
    );
  }
  return { id, at };
}

const DELETED = new RegExp(`(?:^|/)([A-Za-z]+)/(${ID})${VERSION}$`);

/** The id in `Patient/1`, relative or absolute, with a version or without. */
function idOf(url: string | undefined, type: string): string | undefined {
  if (url === undefined) return undefined;
  const match = DELETED.exec(url);
  return match?.[1] === type ? match[2] : undefined;
}

function noHistory(type: string): ExportError {
  return new ExportError(
    'source-not-fhir',
    `The source answered for the history of ${type} with something that is no FHIR Bundle of a history.`,
    true,
  );
}
