import type { PreviewState } from './state.js';
import type { Workbench } from './workbench.js';

/** What each pane of the page is given. */
export interface PaneProps {
  readonly bench: Workbench;
  readonly state: PreviewState;
}
