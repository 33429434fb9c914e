import type { LoopCheck } from '../source/linkLoop.js';

/** How far a history has been read. Ids of the source: private, like every cursor. */
export interface DeletionCursor {
  /** The next link. */
  history: string;
  loop: LoopCheck;
  /** Ids that were reported. */
  told: string[];
  /** How often the history was begun anew, as its link was not valid any more. */
  restarts: number;
}
