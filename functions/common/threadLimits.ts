import { setFlagsFromString } from 'node:v8';
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

/**
 * Leaves to the main thread, which has its heap already, the limits that Node's arguments give: those of threads that
 * start later are `threadLimits`, which such arguments would override.
 */
export function limitThreadsApart(): void {
  setFlagsFromString('--max-old-space-size=0');
  setFlagsFromString('--max-semi-space-size=0');
}
