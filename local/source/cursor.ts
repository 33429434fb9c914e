import { createHash } from 'node:crypto';
import { OutcomeError } from './outcome.js';

/** Where a page ended: behind `row` (-1: before all rows), and when it was given out. */
export interface Cursor {
  row: number;
  /** Milliseconds since the epoch, by the source's clock. */
  issued: number;
}

/** Opaque text for a cursor; it is good for the query with this key alone. */
export function encodeCursor(cursor: Cursor, queryKey: string): string {
  return Buffer.from(`${cursor.row}.${cursor.issued}.${digest(queryKey)}`).toString('base64url');
}

/** @throws OutcomeError with 400 when it is none of this query's. */
export function decodeCursor(text: string, queryKey: string): Cursor {
  const match = /^(-1|\d+)\.(\d+)\.([0-9a-f]+)$/.exec(Buffer.from(text, 'base64url').toString('latin1'));
  if (!match || match[3] !== digest(queryKey)) {
    throw new OutcomeError(400, 'invalid', 'This next link does not belong to this search');
  }
  return { row: Number(match[1]), issued: Number(match[2]) };
}

function digest(queryKey: string): string {
  return createHash('sha256').update(queryKey).digest('hex').slice(0, 16);
}
