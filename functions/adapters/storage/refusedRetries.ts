import { RestError, type RequestPolicyFactory } from '@azure/storage-blob';
import { retryPause } from '../attempts.js';
import { retryAfterMs } from '../retryAfter.js';

/** Tries of one request, the first one included. */
export const MAX_TRIES = 5;

/**
 * After these, the SDK for blobs gives up; after 500 and 503 it tries again by itself:
 * `findings/azure-blobs-give-up-where-azure-tables-try-again.sh`.
 */
const BLOB_STATUSES: readonly number[] = [408, 429, 502, 504];
/** After these, the SDK for tables gives up where there is no `Retry-After`. */
const TABLE_STATUSES: readonly number[] = [429];

/** Sends a request again after answers that end by themselves. */
export const refusedBlobRetries: RequestPolicyFactory = {
  create: (next) => ({ sendRequest: (request) => retried(() => next.sendRequest(request), BLOB_STATUSES) }),
};

/** The same for tables. */
export function retriedTable<T>(send: () => Promise<T>): Promise<T> {
  return retried(send, TABLE_STATUSES);
}

async function retried<T>(send: () => Promise<T>, statuses: readonly number[]): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await send();
    } catch (error) {
      const isRetried = error instanceof RestError && statuses.includes(error.statusCode ?? 0);
      if (!isRetried || attempt >= MAX_TRIES) throw error;
      await retryPause(attempt, retryAfterMs(error.response?.headers.get('retry-after'), Date.now()));
    }
  }
}
