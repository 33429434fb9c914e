import type { JSX } from 'preact';
import type { Comparison, PathCount, PreviewSummary } from '../engine/protocol.js';
import type { PaneProps } from './pane.js';
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
  const { kept, failed, skipped, undecided } = summary;
  const comparison = differences?.comparison;
  const figures: (readonly [name: string, count: number])[] = [
    ['de-identified', kept],
    ['failed', failed],
    ['left out', skipped],
  ];
  if (comparison !== undefined)
    figures.push([`different from ${shortened(baseline?.name ?? '', 60)}`, comparison.different]);
  return (
    <div class="summary">
      <dl class="figures">
        {figures.map(([name, count]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{count.toLocaleString('en')}</dd>
          </div>
        ))}
      </dl>
      {listsOf(summary, comparison).map((list) => (
        <Paths key={list.title} {...list} bench={bench} state={state} />
      ))}
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

/** Elements of one kind, by their paths. */
interface PathList {
  readonly title: string;
  /** What is said where there are none. */
  readonly nothing: string;
  readonly rows: readonly PathCount[];
}

function listsOf(summary: PreviewSummary, comparison: Comparison | undefined): PathList[] {
  const lists: PathList[] = [
    {
      title: 'Elements that no rule reached',
      nothing: 'A rule reached every element.',
      rows: summary.unreached,
    },
    {
      title: 'Not valid FHIR',
      nothing: 'All results are valid, as far as the engine looks.',
      rows: summary.problems.map((one) => ({ ...one, path: `${one.path} (${one.reason})` })),
    },
    {
      title: 'Left out: unknown to this FHIR version',
      nothing: 'Nothing was left out for this reason.',
      rows: summary.dropped,
    },
  ];
  if (comparison === undefined) return lists;
  const nothing = 'Both configurations give the same results.';
  return [{ title: 'Elements that differ', nothing, rows: comparison.differences }, ...lists];
}

/** Elements by the paths of their definitions; each leads to a resource that has one. */
function Paths({ title, nothing, rows, bench }: PathList & PaneProps): JSX.Element {
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
