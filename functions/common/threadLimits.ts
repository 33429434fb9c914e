import type { ResourceLimits } from 'node:worker_threads';

/** What Node 20 gives a thread unless it is told otherwise. */
const YOUNG_MEBIBYTES = 48;

/**
 * Limits of the heap of a thread. Of young objects, too: without that, Node 24 can end the whole process where one of
 * its threads is out of memory, in place of the thread.
 * @param mebibytes for what lasts
 */
export function threadLimits(mebibytes: number): ResourceLimits {
  return { maxOldGenerationSizeMb: mebibytes, maxYoungGenerationSizeMb: YOUNG_MEBIBYTES };
}
