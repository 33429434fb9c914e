import type { ResourceLimits } from 'node:worker_threads';

/** What Node 20 gives a thread unless it is told otherwise: three times a semi-space. */
const YOUNG_MEBIBYTES = 48;

/**
 * Limits of the heap of a thread. Of young objects, too: without that, Node 24 can end the whole process where one of
 * its threads is out of memory, in place of the thread.
 * @param mebibytes for what lasts
 * @param youngMebibytes for young objects: nearly all of it is in use at any time, whatever lives
 */
export function threadLimits(mebibytes: number, youngMebibytes = YOUNG_MEBIBYTES): ResourceLimits {
  return { maxOldGenerationSizeMb: mebibytes, maxYoungGenerationSizeMb: youngMebibytes };
}
