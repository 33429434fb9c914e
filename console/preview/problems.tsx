import type { JSX } from 'preact';
import type { PaneProps } from './pane.js';

/** Problems that are listed: more are not read. */
const MAX_LISTED = 200;

/** What is wrong with a configuration, or questionable. */
export function Problems({ bench, state: { checked, isStale } }: PaneProps): JSX.Element {
  if (checked === undefined) return <p class="empty">The engine looks at the configuration …</p>;
  const { problems } = checked;
  if (problems.length === 0)
    return <p class="empty">Nothing is wrong. What may be left of identities is under Coverage.</p>;
  return (
    <ul class="entries">
      {problems.slice(0, MAX_LISTED).map(({ severity, path, message, line, column, span }, at) => (
        <li key={at}>
          <span class={`tag ${severity === 'error' ? 'is-bad' : 'is-doubtful'}`}>{severity}</span>
          {span === undefined ? (
            <span class="place">{path}</span>
          ) : (
            <button type="button" class="place" disabled={isStale} onClick={() => bench.goToPlace(span)}>
              {path === '' ? 'text' : path}, line {line}, column {column}
            </button>
          )}
          <p>{message}</p>
        </li>
      ))}
      {problems.length > MAX_LISTED && <li>and {problems.length - MAX_LISTED} more</li>}
    </ul>
  );
}
