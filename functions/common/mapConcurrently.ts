/**
 * Maps with at most `limit` calls under way; results in the order of the items. Rejects with the first failure, after
 * which no other call begins.
 */
export async function mapConcurrently<T, R>(
  items: readonly T[],
  limit: number,
  map: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  await forEachConcurrently(items.entries(), limit, async ([index, item]) => {
    results[index] = await map(item);
  });
  return results;
}

/**
 * Calls `work` for each item, with at most `limit` calls under way, taking items only as they are needed. Rejects with
 * the first failure, after which no other call begins.
 * @param signal ends the work; the rejection is then its reason
 */
export async function forEachConcurrently<T>(
  items: Iterable<T> | AsyncIterable<T>,
  limit: number,
  work: (item: T) => Promise<unknown>,
  signal?: AbortSignal,
): Promise<void> {
  const queue = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let isOver = false;
  const worker = async (): Promise<void> => {
    try {
      for (;;) {
        signal?.throwIfAborted();
        const next = isOver ? undefined : await queue.next();
        if (next === undefined || next.done === true) return;
        await work(next.value);
      }
    } catch (error) {
      isOver = true;
      throw error;
    }
  };
  await Promise.all(Array.from({ length: limit }, worker));
}
