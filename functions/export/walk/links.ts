import type { SearchRow } from '../source/resourceRow.js';
import { checkLoop, linkLoop } from '../source/linkLoop.js';
import { type Again, type CursorOf, fromStart } from './cursor.js';
import type { Mode } from './state.js';
import { endsEarly, mayEnd, unverifiable } from './walkErrors.js';
import { placeIn } from './window.js';

/** Rows whose ids are remembered at most: every cursor holds them, and a slice's record the cursor. */
const MAX_REMEMBERED = 100_000;
/** Pages in a row without any new row, from which on links may be said not to end. */
const MAX_AGAIN = 100;

/** Follows next links. */
export const LINKS: Mode<CursorOf<'links'>> = {
  request({ bounds }, { next, bounded, pageSize }) {
    if (next !== null) return { kind: 'link', url: next };
    return { kind: 'search', parameters: [...(bounded ? bounds : []), ['_count', String(pageSize)]] };
  },

  acceptPage(state, cursor, page) {
    const { type, span, window } = state;
    const { seen } = state;
    const rows: SearchRow[] = [];
    let repeated = 0;
    for (const row of page.rows) {
      const { id, lastUpdated } = row;
      if (lastUpdated === undefined) {
        if (span.from !== undefined || window.untilAsked === true) throw unverifiable(type);
      } else if (placeIn(span, lastUpdated) !== 'in') continue;
      if (id !== undefined) {
        if (seen.has(id)) {
          repeated++;
          continue;
        }
        seen.add(id);
      }
      rows.push(row);
    }
    // Without an order, a row may come again on any page; of more, the links are trusted.
    for (const earliest of seen) {
      if (seen.size <= MAX_REMEMBERED) break;
      seen.delete(earliest);
    }
    if (page.next !== undefined) {
      const again = repeatedBy(cursor, page.rows.length, repeated);
      // Where rows come before those that were read, as after a change, each of these may come once more, and no oftener.
      if (again !== undefined && again.pages > MAX_AGAIN && again.rows > 2 * seen.size) throw linkLoop(type);
      const { again: _before, ...rest } = cursor;
      const loop = checkLoop(cursor.loop, page.next, type);
      state.cursor = { ...rest, next: page.next, loop, ...(again === undefined ? {} : { again }) };
      return rows;
    }
    // A source that never links shows by its first page.
    if (cursor.next === null) {
      if (page.total === undefined && page.rows.length >= cursor.pageSize) throw mayEnd(type);
      if (page.total !== undefined && page.total > page.rows.length) throw endsEarly(type);
    }
    state.isDone = true;
    return rows;
  },

  acceptRefusal(state, cursor, smallestPage) {
    if (cursor.next !== null) return false;
    if (cursor.bounded) {
      state.cursor = { ...cursor, bounded: false };
      return true;
    }
    if (cursor.pageSize < 2 * smallestPage) return false;
    state.cursor = fromStart(Math.floor(cursor.pageSize / 2));
    return true;
  },
};

/** What the pages so far have repeated in a row. A page without rows says nothing: what it had may be hidden from the app. */
function repeatedBy(
  { again = { pages: 0, rows: 0 } }: CursorOf<'links'>,
  rows: number,
  repeated: number,
): Again | undefined {
  if (repeated < rows) return undefined;
  return rows === 0 ? again : { pages: again.pages + 1, rows: again.rows + rows };
}
