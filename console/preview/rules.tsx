import type { JSX } from 'preact';
import { VirtualList } from '../shared/virtualList.js';
import type { PaneProps } from './pane.js';
import { counted, shortened, shortPlace } from './words.js';

const ROW_HEIGHT = 28;

/** All rules in the order in which they act, with how many elements each decided. */
export function Rules({ bench, state }: PaneProps): JSX.Element {
  const { checked, results, rule } = state;
  const rules = checked?.rules ?? [];
  if (rules.length === 0)
    return (
      <p class="empty">
        {checked?.isValid === false
          ? 'Rules are listed once the configuration has no errors.'
          : 'There are no rules: nothing is changed. Add one to fhirPathRules, or start from a sample.'}
      </p>
    );
  const counts = new Map(results?.summary?.decided.map(({ rule: index, count }) => [index, count]));
  const active = rules.findIndex(({ index }) => index === rule);
  const chosen = rules[active];
  return (
    <div class="rules" id="rules">
      <VirtualList
        id="rule"
        label="Rules"
        kind="listbox"
        count={rules.length}
        rowHeight={ROW_HEIGHT}
        active={active}
        onActive={(at) => bench.chooseRule(rules[at]?.index ?? -1)}
        onOpen={(at) => bench.goToElements(rules[at]?.index ?? -1)}
        row={(at) => {
          const { place, method, path, index } = rules[at]!;
          return (
            <>
              <span class="place">{shortPlace(place)}</span>
              <span class="method">{method}</span>
              <code>{shortened(path)}</code>
              {results?.summary !== undefined && (
                <span class="count">{(counts.get(index) ?? 0).toLocaleString('en')}</span>
              )}
            </>
          );
        }}
      />
      {chosen !== undefined && (
        <p class="mend">
          <button type="button" onClick={() => bench.goToElements(chosen.index)}>
            Its elements in this resource
          </button>
          <button
            type="button"
            disabled={chosen.span === undefined}
            onClick={() => chosen.span !== undefined && bench.goToPlace(chosen.span)}
          >
            {chosen.span === undefined
              ? 'In the sample, not in the text'
              : `Line ${chosen.line ?? ''} of the text`}
          </button>
          {counts.has(chosen.index) && (
            <span>decides {counted(counts.get(chosen.index) ?? 0, 'element')} of all resources</span>
          )}
        </p>
      )}
    </div>
  );
}
