import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** How much may wait: about a page of a source. A collection takes less than a millisecond. */
const MOST_BYTES = 4 * 1024 * 1024;

let waiting = 0;
let collect: (() => void) | undefined;

/**
 * To be told of chunks of streams that were copied. Each has memory of its own outside of V8's heap, which is garbage
 * then; V8 itself collects it at 32 MiB in each thread, however small the space of its young objects is.
 */
export function countGarbage(bytes: number): void {
  waiting += bytes;
  if (waiting < MOST_BYTES) return;
  waiting = 0;
  collect ??= youngCollection();
  collect();
}

/** Collects young objects, and the memory that they have outside of the heap. */
function youngCollection(): () => void {
  // Contexts that are made while the flag is set have the function; no others.
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as (options: { type: 'minor' }) => void;
  setFlagsFromString('--no-expose-gc');
  return () => gc({ type: 'minor' });
}
