import type { ElementTrace, ResourceTrace, Span } from '../engine/protocol.js';
import type { ElementFilter, PreviewState } from './state.js';

/** An element of a resource as a row of the table. */
export interface ElementRow {
  /** Its place in the trace. */
  readonly place: number;
  /** How deep it is in the resource. */
  readonly depth: number;
  /** Its name without those of what it is in. */
  readonly label: string;
  readonly element: ElementTrace;
  /** The same element by the configuration that is compared with. */
  readonly other?: ElementTrace;
}

/** All elements of a resource, as rows in the order of the resource. */
export function rowsOf(trace: ResourceTrace, other?: ResourceTrace): ElementRow[] {
  const others = new Map(
    other?.elements.flatMap((element) => (element.path === undefined ? [] : [[element.path, element]])),
  );
  // Paths of what the next element may be in, from the outermost.
  const around: string[] = [];
  return trace.elements.flatMap((element, place) => {
    const path = element.path ?? element.afterPath ?? '';
    // The resource as a whole.
    if (path === '') return [];
    while (around.length > 0 && !isWithin(path, around.at(-1) ?? '')) around.pop();
    const label = path.slice((around.at(-1) ?? '').length).replace(/^\./, '');
    const depth = around.length;
    if (!element.isPrimitive) around.push(path);
    const same = element.path === undefined ? undefined : others.get(element.path);
    return { place, depth, label, element, ...(same !== undefined && { other: same }) };
  });
}

function isWithin(path: string, around: string): boolean {
  return path.startsWith(around) && (path[around.length] === '.' || path[around.length] === '[');
}

/** The rows that a filter leaves. */
export function listedRows(
  rows: readonly ElementRow[],
  filter: ElementFilter,
  state: PreviewState,
): ElementRow[] {
  const { rule, differences, resource } = state;
  const different = new Set(differences?.byIndex.get(resource)?.elements.map(({ path }) => path));
  return rows.filter(({ element }) => {
    switch (filter) {
      case 'all':
        return true;
      case 'changed':
        return element.change !== 'same';
      case 'unreached':
        return element.by === 'none' && element.isPrimitive;
      case 'not-valid':
        return (element.notValid?.length ?? 0) > 0;
      case 'rule':
        return element.by === 'rule' && element.rule === rule;
      case 'different':
        return element.path !== undefined && different.has(element.path);
    }
  });
}

/** What a span of a text holds; empty without one. */
export function textAt(text: string | undefined, span: Span | undefined): string {
  return text === undefined || span === undefined ? '' : text.slice(span.from, span.to);
}
