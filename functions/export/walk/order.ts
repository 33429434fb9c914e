import { compareInstants } from '../../fhir/instant.js';
import type { CursorOf } from './cursor.js';
import { type Mode, MAX_ORDER_TRIES } from './state.js';

/** Asks for the latest row. */
export const ORDER: Mode<CursorOf<'order'>> = {
  request: ({ bounds }) => ({
    kind: 'search',
    parameters: [['_sort', '-_lastUpdated'], ...bounds, ['_count', '1']],
  }),

  acceptPage(state, cursor, page) {
    const { lastUpdated } = page.rows[0] ?? {};
    const wasUpdatedSince =
      lastUpdated !== undefined && compareInstants(lastUpdated, state.searched.until) >= 0;
    if (wasUpdatedSince && cursor.tries < MAX_ORDER_TRIES) {
      state.cursor = { ...cursor, tries: cursor.tries + 1 };
    } else {
      const latest = wasUpdatedSince ? null : (lastUpdated?.text ?? null);
      state.cursor = state.fromKey(cursor.pageSize, { latest });
    }
    return [];
  },

  acceptRefusal(state) {
    state.toLinks(true);
    return true;
  },
};
