import { useEffect } from 'preact/hooks';
import type { DropTarget } from './state.js';
import type { Workbench } from './workbench.js';

/** Where text may be dropped, as in any field to type into. */
const EDITABLE = '.editor, .text-field';

/** Opens files that are dropped on the page: on the configuration's pane as a configuration, elsewhere as data. */
export function useDroppedFiles(bench: Workbench): void {
  useEffect(() => {
    const ended = new AbortController();
    // Before the editor, which would take the text of a file in.
    const options = { capture: true, signal: ended.signal };
    const over = (event: DragEvent): void => {
      if (!hasFiles(event)) return refuseOthers(event);
      event.preventDefault();
      event.stopPropagation();
      if (event.dataTransfer !== null) event.dataTransfer.dropEffect = 'copy';
      bench.dragOver(targetOf(event));
    };
    const drop = (event: DragEvent): void => {
      bench.dragOver(undefined);
      if (!hasFiles(event)) return refuseOthers(event);
      // Without this the browser would leave the page for the file.
      event.preventDefault();
      event.stopPropagation();
      void bench.drop([...(event.dataTransfer?.files ?? [])], targetOf(event));
    };
    const leave = ({ relatedTarget }: DragEvent): void => {
      if (relatedTarget === null) bench.dragOver(undefined);
    };
    document.addEventListener('dragenter', over, options);
    document.addEventListener('dragover', over, options);
    document.addEventListener('dragleave', leave, options);
    document.addEventListener('drop', drop, options);
    return () => ended.abort();
  }, [bench]);
}

function hasFiles({ dataTransfer }: DragEvent): boolean {
  return dataTransfer?.types.includes('Files') === true;
}

/** For a link that is dropped, the browser would leave the page. */
function refuseOthers(event: DragEvent): void {
  if (event.target instanceof Element && event.target.closest(EDITABLE) !== null) return;
  event.preventDefault();
  if (event.dataTransfer !== null) event.dataTransfer.dropEffect = 'none';
}

function targetOf({ target }: DragEvent): DropTarget {
  const isConfiguration = target instanceof Element && target.closest('.pane.configuration') !== null;
  return isConfiguration ? 'configuration' : 'data';
}
