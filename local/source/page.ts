import type { Collection } from './collection.js';

/** A page of a search, before it is text. */
export interface Page {
  /** Rows of the collection in the page's order; one may occur twice. */
  rows: Uint32Array;
  /** More entries, as JSON. */
  extraEntries: readonly string[];
  total: number | undefined;
  self: string;
  next: string | undefined;
}

const ENTRY_URL = Buffer.from('{"fullUrl":"');
const ENTRY_RESOURCE = Buffer.from('","resource":');
const ENTRY_END = Buffer.from(',"search":{"mode":"match"}}');
const COMMA = 0x2c;

/** The searchset Bundle of a page. Resources are copied as bytes, never parsed. */
export function pageBundle(collection: Collection, base: string, page: Page): Buffer {
  const entryUrl = Buffer.concat([ENTRY_URL, Buffer.from(`${base}/${collection.type}/`)]);
  const isEmpty = page.rows.length + page.extraEntries.length === 0;
  const head = Buffer.from(bundleHead(page) + (isEmpty ? '' : ',"entry":['));
  const tail = Buffer.from(isEmpty ? '}' : ']}');
  const extra = Buffer.from(page.extraEntries.join(','));

  const fixed = entryUrl.length + ENTRY_RESOURCE.length + ENTRY_END.length;
  let size = head.length + extra.length + tail.length + page.rows.length;
  for (const row of page.rows) size += fixed + collection.idLength(row) + collection.texts.length(row);

  const body = Buffer.allocUnsafe(size);
  const positions = new Float64Array(page.rows.length);
  let at = head.copy(body, 0);
  for (const [index, row] of page.rows.entries()) {
    if (index > 0) body[at++] = COMMA;
    at += entryUrl.copy(body, at);
    at = collection.copyId(row, body, at);
    at += ENTRY_RESOURCE.copy(body, at);
    positions[index] = at;
    at += collection.texts.length(row);
    at += ENTRY_END.copy(body, at);
  }
  collection.texts.copy(page.rows, body, positions);
  if (extra.length > 0 && page.rows.length > 0) body[at++] = COMMA;
  at += extra.copy(body, at);
  at += tail.copy(body, at);
  return body.subarray(0, at);
}

/** One resource's text. */
export function resourceText(collection: Collection, row: number): Buffer {
  const text = Buffer.allocUnsafe(collection.texts.length(row));
  collection.texts.copy(Uint32Array.of(row), text, Float64Array.of(0));
  return text;
}

function bundleHead({ total, self, next }: Page): string {
  const link = [
    { relation: 'self', url: self },
    ...(next === undefined ? [] : [{ relation: 'next', url: next }]),
  ];
  return JSON.stringify({ resourceType: 'Bundle', type: 'searchset', total, link }).slice(0, -1);
}
