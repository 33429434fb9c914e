import type { LoopCheck } from '../source/linkLoop.js';

/** Where the reading of a history stands. Ids of the source: private, like every cursor. */
export interface DeletionCursor {
  /** The next link. */
  history: string;
  loop: LoopCheck;
  /** Ids that were told. */
  told: string[];
  /** How often the history was begun anew, as its link was not valid any more. */
  restarts: number;
}
