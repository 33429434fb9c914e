import type { JSX } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { ElementTrace, ResourceTrace, RuleSummary } from '../engine/protocol.js';
import { Choice } from '../shared/choice.js';
import { VirtualList } from '../shared/virtualList.js';
import type { PaneProps } from './pane.js';
import { listedRows, rowsOf, textAt, type ElementRow } from './elementRows.js';
import type { ElementFilter } from './state.js';
import { shortened, shortPlace } from './words.js';

const ROW_HEIGHT = 24;
/** Where the columns are below each other. */
const NARROW = '(max-width: 700px)';
const NARROW_ROW_HEIGHT = 66;

/** Characters of a value that are shown in full. */
const MAX_SHOWN = 20_000;

const FILTERS: Readonly<Record<ElementFilter, string>> = {
  all: 'All elements',
  changed: 'Changed or removed',
  unreached: 'No rule reached',
  'not-valid': 'Not valid FHIR',
  rule: 'Of the chosen rule',
  different: 'Different',
};

/** One resource before and after, with the rule that decided each element. */
export function Elements({ bench, state }: PaneProps): JSX.Element {
  const { trace: traced, resource, element, elementFilter, baseline, checked, rule } = state;
  const isNarrow = useMedia(NARROW);
  const isThere = traced !== undefined && traced.index === resource;
  const rows = useMemo(() => (traced === undefined ? [] : rowsOf(traced.trace, traced.other)), [traced]);
  const listed = useMemo(
    () => listedRows(rows, elementFilter, state),
    [rows, elementFilter, rule, state.differences, resource],
  );
  if (resource < 0) return <p class="empty">Choose a resource in the list.</p>;
  if (!isThere)
    return (
      <p class="empty">
        {checked?.isValid === false
          ? 'The configuration has errors: mend them to see what it does.'
          : (state.resultFault ?? 'The engine looks at the resource …')}
      </p>
    );
  const { trace, other } = traced;
  const active = listed.findIndex(({ place }) => place === element);
  const columns = other === undefined ? 4 : 5;
  return (
    <div class={`elements ${other === undefined ? '' : 'has-other'}`} id="elements">
      <div class="tools">
        <Choice
          label="Which elements are listed"
          names={FILTERS}
          without={baseline === undefined ? 'different' : undefined}
          value={elementFilter}
          onValue={(chosen) => bench.store.set({ elementFilter: chosen })}
        />
        <p class="hint">{listed.length.toLocaleString('en')} listed. Enter goes to the rule.</p>
      </div>
      <Failure bench={bench} state={state} />
      <div class="heads" aria-hidden="true">
        <span>Element</span>
        <span>Before</span>
        {other !== undefined && <span>{shortened(baseline?.name ?? '', 60)}</span>}
        <span>{other === undefined ? 'After' : 'This configuration'}</span>
        <span>Rule</span>
      </div>
      {listed.length === 0 ? (
        <p class="empty">No element is listed: choose “All elements”.</p>
      ) : (
        <VirtualList
          id="element"
          label="Elements before and after, with the rule that decided each"
          kind="grid"
          columns={columns}
          count={listed.length}
          rowHeight={isNarrow ? NARROW_ROW_HEIGHT : ROW_HEIGHT}
          active={active}
          onActive={(at) => bench.chooseElement(listed[at]?.place ?? -1)}
          onOpen={(at) => bench.goToRule(listed[at]?.element.rule ?? -1)}
          rowClass={(at) => classOf(listed[at]!, rule)}
          row={(at) => <Cells row={listed[at]!} trace={trace} other={other} rules={checked?.rules ?? []} />}
        />
      )}
      <Detail bench={bench} state={state} row={rows.find(({ place }) => place === element)} />
    </div>
  );
}

function classOf({ element }: ElementRow, rule: number): string {
  const ofRule = element.by === 'rule' && element.rule === rule ? 'is-of-rule' : '';
  const isUnreached = element.by === 'none' && element.isPrimitive ? 'is-unreached' : '';
  return `is-${element.change} ${ofRule} ${isUnreached}`;
}

interface CellsProps {
  readonly row: ElementRow;
  readonly trace: ResourceTrace;
  readonly other: ResourceTrace | undefined;
  readonly rules: readonly RuleSummary[];
}

function Cells({ row, trace, other, rules }: CellsProps): JSX.Element {
  const { element, depth, label } = row;
  const before = element.isPrimitive ? textAt(trace.before, element.before) : '';
  return (
    <>
      <span role="gridcell" class={`name depth-${Math.min(depth, 12)}`}>
        <bdi>{shortened(label, 80)}</bdi>
      </span>
      <ValueCell kind="before" text={shortened(before)} />
      {other !== undefined && (
        <ValueCell kind="other" text={row.other === undefined ? '' : afterOf(row.other, other)} />
      )}
      <ValueCell kind="after" text={afterOf(element, trace)} />
      <span role="gridcell" class="by">
        {byOf(element, rules)}
        {(element.notValid?.length ?? 0) > 0 && <span class="tag is-bad">not valid</span>}
      </span>
    </>
  );
}

interface ValueCellProps {
  readonly kind: 'before' | 'other' | 'after';
  readonly text: string;
}

function ValueCell({ kind, text }: ValueCellProps): JSX.Element {
  return (
    <span role="gridcell" class={`value ${kind}`}>
      {text !== '' && <bdi>{text}</bdi>}
    </span>
  );
}

/** What an element is in the result, in a cell. */
function afterOf(element: ElementTrace, trace: ResourceTrace): string {
  if (trace.after === undefined) return 'no result';
  if (element.after === undefined) return 'removed';
  return element.isPrimitive ? shortened(textAt(trace.after, element.after)) : '';
}

/** What decided an element, in a few words. */
function byOf({ by, rule, method, isPrimitive }: ElementTrace, rules: readonly RuleSummary[]): string {
  switch (by) {
    case 'rule': {
      const place = rules.find(({ index }) => index === rule)?.place;
      return `${method ?? ''} ${place === undefined ? '' : shortPlace(place)}`;
    }
    case 'none':
      return isPrimitive ? 'no rule' : '';
    case 'unknown':
      return 'not in this version';
    case 'engine':
      return 'added by the engine';
  }
}

/** Why a resource has no result, and what is not valid in it as a whole. */
function Failure({ bench, state }: PaneProps): JSX.Element | null {
  const { trace: traced, checked } = state;
  if (traced === undefined) return null;
  const { outcome, failure, problems } = traced.trace;
  const rule = checked?.rules.find(({ index }) => index === failure?.rule);
  return (
    <>
      {outcome !== 'kept' && (
        <p class="fault">
          {outcome === 'failed'
            ? 'An export would end with this resource: '
            : 'An export would leave this resource out and report it: '}
          {failure?.message}{' '}
          {rule !== undefined && (
            <button type="button" class="place" onClick={() => bench.goToRule(rule.index)}>
              {shortPlace(rule.place)} {shortened(rule.path, 60)}
            </button>
          )}
        </p>
      )}
      {problems.length > 0 && (
        <p class="fault">
          Not valid FHIR:{' '}
          {problems
            .slice(0, 5)
            .map(({ definition, reason }) => `${definition} (${reason})`)
            .join(', ')}
          {problems.length > 5 && ` and ${problems.length - 5} more`}
        </p>
      )}
    </>
  );
}

/** The chosen element in full. */
function Detail({ bench, state, row }: PaneProps & { readonly row: ElementRow | undefined }): JSX.Element {
  const { trace: traced, checked } = state;
  if (row === undefined || traced === undefined)
    return <p class="detail hint">Choose an element to see it in full, and the rule that decided it.</p>;
  const { element } = row;
  const rule = checked?.rules.find(({ index }) => index === element.rule);
  return (
    <div class="detail" aria-label="The chosen element">
      <p>
        <code>
          <bdi>{shortened(element.path ?? element.afterPath ?? '', 300)}</bdi>
        </code>{' '}
        <span class="hint">{shortened(element.definition, 200)}</span>
      </p>
      {element.by === 'rule' && (
        <p>
          Decided by{' '}
          <button type="button" class="place" onClick={() => bench.goToRule(element.rule ?? -1)}>
            {rule === undefined
              ? element.method
              : `${shortPlace(rule.place)} ${rule.method} ${shortened(rule.path, 120)}`}
          </button>
        </p>
      )}
      {element.by === 'none' && (
        <p class="doubt">
          No rule reached it: it is in the result as it came. See Coverage for rules to add.
        </p>
      )}
      {element.by === 'unknown' && (
        <p>It was left out: this FHIR version does not define it, or not such a value.</p>
      )}
      {element.notValid !== undefined && element.notValid.length > 0 && (
        <p>Not valid in the result: {element.notValid.join(', ')}.</p>
      )}
      <Value name="Before" text={textAt(traced.trace.before, element.before)} />
      {row.other !== undefined && (
        <Value name={state.baseline?.name ?? ''} text={textAt(traced.other?.after, row.other.after)} />
      )}
      <Value name="After" text={textAt(traced.trace.after, element.after)} />
    </div>
  );
}

function Value({ name, text }: { readonly name: string; readonly text: string }): JSX.Element {
  const rest = text.length - MAX_SHOWN;
  return (
    <div class="full">
      <h3>{shortened(name, 60)}</h3>
      {text === '' ? (
        <p class="hint">nothing</p>
      ) : (
        // Scrolled by keyboard, too.
        <pre tabIndex={0}>
          <bdi>{text.slice(0, MAX_SHOWN)}</bdi>
          {rest > 0 && ` … and ${rest.toLocaleString('en')} more characters`}
        </pre>
      )}
    </div>
  );
}

/** Whether a media query holds. */
function useMedia(query: string): boolean {
  const [holds, setHolds] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const look = (): void => setHolds(list.matches);
    list.addEventListener('change', look);
    return () => list.removeEventListener('change', look);
  }, [query]);
  return holds;
}
