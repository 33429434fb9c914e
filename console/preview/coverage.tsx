import type { JSX } from 'preact';
import type { CategoryCoverage, CoverageGapSummary } from '../engine/protocol.js';
import type { PaneProps } from './pane.js';
import { counted, shortened, shortPlace } from './words.js';

/** Paths that are named at once. */
const MAX_NAMED = 8;

/** What a configuration leaves of identities, by category, with the rules that would clear it. */
export function Coverage({ bench, state }: PaneProps): JSX.Element {
  const { checked } = state;
  if (checked === undefined) return <p class="empty">The engine looks at the configuration …</p>;
  const { coverage } = checked;
  if (coverage === undefined)
    return <p class="empty">Coverage is known once the configuration has no errors: see Problems.</p>;
  return (
    <div class="coverage">
      <p class="hint">
        {coverage.isComplete
          ? 'The rules clear every element that can hold an identity, whatever resources of this FHIR version they meet.'
          : 'Elements that can hold an identity and that the rules leave, in whatever resources of this FHIR version.'}
      </p>
      <ul class="categories">
        {coverage.categories.map((category) => (
          <Category key={category.category} category={category} bench={bench} state={state} />
        ))}
      </ul>
    </div>
  );
}

function Category({ category, ...pane }: PaneProps & { readonly category: CategoryCoverage }): JSX.Element {
  const { name, gaps } = category;
  return (
    <li class={gaps.length === 0 ? 'is-clear' : 'is-left'}>
      <h3>
        <span class={`tag ${gaps.length === 0 ? 'is-good' : 'is-doubtful'}`}>
          {gaps.length === 0 ? 'clear' : 'left'}
        </span>
        {name}
      </h3>
      {gaps.map((gap, at) => (
        <Gap key={at} gap={gap} {...pane} />
      ))}
    </li>
  );
}

function Gap({ gap, bench, state }: PaneProps & { readonly gap: CoverageGapSummary }): JSX.Element {
  const { reach, dataType, paths, rule, parameters, by, mayBeKept } = gap;
  const deciding = state.checked?.rules.find(({ index }) => index === by);
  const needed = Object.entries(parameters).map(([name, value]) => `${name}: ${value}`);
  return (
    <div class="gap">
      <p>
        <b>{dataType}</b>:{' '}
        {reach === 'none' ? 'no rule clears ' : 'cleared only in part, or on a condition: '}
        <code>{paths.slice(0, MAX_NAMED).join(', ')}</code>
        {paths.length > MAX_NAMED &&
          ` and ${counted(paths.length - MAX_NAMED, 'more element', 'more elements')}`}
      </p>
      {deciding !== undefined && (
        <p>
          <button type="button" class="place" onClick={() => bench.goToRule(deciding.index)}>
            {shortPlace(deciding.place)} {shortened(deciding.path, 60)}
          </button>{' '}
          decides what they are in, and leaves them.
        </p>
      )}
      <p class="mend">
        <code>
          {rule.method} {shortened(rule.path, 200)}
        </code>
        {needed.length > 0 && <span> with {needed.join(', ')}</span>}
        <button type="button" disabled={state.isStale} onClick={() => void bench.mend(gap)}>
          Add this rule
        </button>
      </p>
      {mayBeKept && <p class="hint">The method keep is enough where your sources do not misuse them.</p>}
    </div>
  );
}
