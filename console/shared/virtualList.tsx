import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

/** Rows that are made above and below those that can be seen. */
const MARGIN = 8;

interface VirtualListProps {
  readonly id: string;
  /** What the list is, to those who hear it. */
  readonly label: string;
  readonly count: number;
  /** In pixels; all rows have the same. */
  readonly rowHeight: number;
  /** The row that is chosen; -1 for none. */
  readonly active: number;
  /** What the rows are: entries to choose from, or rows of a table. */
  readonly kind: 'listbox' | 'grid';
  /** How many columns a table has. */
  readonly columns?: number;
  readonly onActive: (index: number) => void;
  /** Enter, or a second click, on the chosen row. */
  readonly onOpen?: (index: number) => void;
  /** The content of a row: of a table, its cells. */
  readonly row: (index: number) => ComponentChildren;
  /** Further classes of a row. */
  readonly rowClass?: (index: number) => string;
}

/** A list of which only the rows that can be seen are in the document. It is one stop of the Tab key. */
export function VirtualList(props: VirtualListProps): JSX.Element {
  const { id, label, count, rowHeight, active, kind, columns, onActive, onOpen, row, rowClass } = props;
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  useLayoutEffect(() => {
    const { current } = box;
    if (current === null) return undefined;
    const look = (): void => setView({ top: current.scrollTop, height: current.clientHeight });
    const observer = new ResizeObserver(look);
    observer.observe(current);
    current.addEventListener('scroll', look, { passive: true });
    look();
    return () => {
      observer.disconnect();
      current.removeEventListener('scroll', look);
    };
  }, []);
  useEffect(() => {
    const { current } = box;
    if (current === null || active < 0) return;
    const top = active * rowHeight;
    if (top < current.scrollTop) current.scrollTop = top;
    else if (top + rowHeight > current.scrollTop + current.clientHeight)
      current.scrollTop = top + rowHeight - current.clientHeight;
  }, [active, count, rowHeight]);
  const page = Math.max(1, Math.floor(view.height / rowHeight) - 1);
  const onKeyDown = (event: KeyboardEvent): void => {
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: active + 1,
      ArrowUp: active - 1,
      PageDown: active + page,
      PageUp: active - page,
      Home: 0,
      End: count - 1,
    };
    const to = Object.hasOwn(steps, event.key) ? steps[event.key] : undefined;
    if (to !== undefined && count > 0) {
      event.preventDefault();
      onActive(Math.min(count - 1, Math.max(0, to)));
    } else if (event.key === 'Enter' && active >= 0) {
      event.preventDefault();
      onOpen?.(active);
    }
  };
  const first = Math.max(0, Math.floor(view.top / rowHeight) - MARGIN);
  const last = Math.min(count, Math.ceil((view.top + view.height) / rowHeight) + MARGIN);
  const rows = Array.from({ length: Math.max(0, last - first) }, (_, at) => first + at);
  return (
    <div
      class="virtual"
      ref={box}
      role={kind}
      tabIndex={0}
      aria-label={label}
      aria-activedescendant={active >= first && active < last ? `${id}-${active}` : undefined}
      aria-rowcount={kind === 'grid' ? count : undefined}
      aria-colcount={columns}
      onKeyDown={onKeyDown}
    >
      <div class="virtual-space" role="presentation" style={{ height: `${count * rowHeight}px` }}>
        {rows.map((index) => (
          <div
            key={index}
            id={`${id}-${index}`}
            role={kind === 'grid' ? 'row' : 'option'}
            class={`virtual-row ${index === active ? 'is-active' : ''} ${rowClass?.(index) ?? ''}`}
            style={{ top: `${index * rowHeight}px`, height: `${rowHeight}px` }}
            aria-selected={index === active}
            aria-rowindex={kind === 'grid' ? index + 1 : undefined}
            aria-setsize={kind === 'listbox' ? count : undefined}
            aria-posinset={kind === 'listbox' ? index + 1 : undefined}
            onClick={() => (index === active ? onOpen?.(index) : onActive(index))}
          >
            {row(index)}
          </div>
        ))}
      </div>
    </div>
  );
}
