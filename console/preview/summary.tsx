import type { JSX } from 'preact';
import type { PathCount } from '../engine/protocol.js';
import type { PaneProps } from './app.js';
import { counted, shortened, shortPlace } from './words.js';

/** Rows of a list. */
const MAX_LISTED = 100;

/** What the configuration makes of all resources that are open. */
export function Summary({ bench, state }: PaneProps): JSX.Element {
  const { results, resultFault, checked, differences, baseline } = state;
  const summary = results?.summary;
  if (resultFault !== undefined) return <p class="fault">{resultFault}</p>;
  if (summary === undefined)
    return (
      <p class="empty">
        {state.work === 'running' ? 'The engine is at work …' : 'There are no results: see Problems.'}
      </p>
    );
  const { kept, failed, skipped, unreached, dropped, problems, undecided } = summary;
  return (
    <div class="summary">
      <dl class="figures">
        <div>
          <dt>de-identified</dt>
          <dd>{kept.toLocaleString('en')}</dd>
        </div>
        <div>
          <dt>failed</dt>
          <dd>{failed.toLocaleString('en')}</dd>
        </div>
        <div>
          <dt>left out</dt>
          <dd>{skipped.toLocaleString('en')}</dd>
        </div>
        {differences?.comparison !== undefined && (
          <div>
            <dt>different from {shortened(baseline?.name ?? '', 60)}</dt>
            <dd>{differences.comparison.different.toLocaleString('en')}</dd>
          </div>
        )}
      </dl>
      {differences?.comparison !== undefined && (
        <Paths
          title="Elements that differ"
          nothing="Both configurations give the same results."
          rows={differences.comparison.differences}
          bench={bench}
          state={state}
        />
      )}
      <Paths
        title="Elements that no rule reached"
        nothing="A rule reached every element."
        rows={unreached}
        bench={bench}
        state={state}
      />
      <Paths
        title="Not valid FHIR"
        nothing="All results are valid, as far as the engine looks."
        rows={problems.map((one) => ({ ...one, path: `${one.path} (${one.reason})` }))}
        bench={bench}
        state={state}
      />
      <Paths
        title="Left out: unknown to this FHIR version"
        nothing="Nothing was left out for this reason."
        rows={dropped}
        bench={bench}
        state={state}
      />
      {undecided.length > 0 && (
        <section>
          <h3>Conditions that could not be decided</h3>
          <ul class="paths">
            {undecided.map(({ rule, count }) => (
              <li key={rule}>
                <button type="button" class="place" onClick={() => bench.goToRule(rule)}>
                  {shortPlace(checked?.rules.find(({ index }) => index === rule)?.place ?? '')}
                </button>
                <span class="count">{count.toLocaleString('en')}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

interface PathsProps extends PaneProps {
  readonly title: string;
  readonly nothing: string;
  readonly rows: readonly PathCount[];
}

/** Elements by the paths of their definitions; each leads to a resource that has one. */
function Paths({ title, nothing, rows, bench }: PathsProps): JSX.Element {
  return (
    <section>
      <h3>{title}</h3>
      {rows.length === 0 ? (
        <p class="empty">{nothing}</p>
      ) : (
        <ul class="paths">
          {rows.slice(0, MAX_LISTED).map(({ path, count, index }) => (
            <li key={path}>
              <button type="button" class="place" onClick={() => void bench.goToResource(index)}>
                {shortened(path, 120)}
              </button>
              <span class="count">{count.toLocaleString('en')}</span>
            </li>
          ))}
          {rows.length > MAX_LISTED && <li>and {counted(rows.length - MAX_LISTED, 'more path')}</li>}
        </ul>
      )}
    </section>
  );
}
