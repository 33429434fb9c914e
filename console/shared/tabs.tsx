import type { ComponentChildren, JSX } from 'preact';

interface Tab<Name extends string> {
  readonly name: Name;
  readonly title: string;
  /** How much is in it; nothing is shown without. */
  readonly count?: number | undefined;
}

interface TabsProps<Name extends string> {
  readonly id: string;
  readonly label: string;
  readonly tabs: readonly Tab<Name>[];
  readonly active: Name;
  readonly onActive: (name: Name) => void;
  /** The content of the active tab. */
  readonly children: ComponentChildren;
}

/** Tabs of which one is open; the arrow keys go from one to the next. */
export function Tabs<Name extends string>(props: TabsProps<Name>): JSX.Element {
  const { id, label, tabs, active, onActive, children } = props;
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const at = tabs.findIndex(({ name }) => name === active);
    const next = tabs[(at + step + tabs.length) % tabs.length];
    if (next === undefined) return;
    onActive(next.name);
    document.querySelector<HTMLElement>(`#${id}-tab-${next.name}`)?.focus();
  };
  return (
    <div class="tabs">
      <div class="tab-list" role="tablist" aria-label={label} onKeyDown={onKeyDown}>
        {tabs.map(({ name, title, count }) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`${id}-tab-${name}`}
            aria-selected={name === active}
            aria-controls={`${id}-panel`}
            tabIndex={name === active ? 0 : -1}
            onClick={() => onActive(name)}
          >
            {title}
            {count !== undefined && <span class="count">{count.toLocaleString('en')}</span>}
          </button>
        ))}
      </div>
      <div class="tab-panel" role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-tab-${active}`}>
        {children}
      </div>
    </div>
  );
}
