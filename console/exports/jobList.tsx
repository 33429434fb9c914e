import type { JSX } from 'preact';
import type { PartProps } from './part.js';
import type { ListedJob } from './jobs.js';
import { counted, momentOf } from './words.js';

const STATES: Readonly<Record<ListedJob['state'], string>> = {
  running: 'running',
  completed: 'complete',
  failed: 'failed',
  unknown: 'not asked for',
};

const LEVELS: Readonly<Record<string, string>> = {
  system: 'everything',
  patient: 'all patients',
  group: 'a group',
};

/** The exports of the caller, or those that were started in this browser. */
export function JobList({ desk, state }: PartProps): JSX.Element {
  const { jobs, isListed, isKept, cursor, shown } = state;
  return (
    <section class="panel" aria-labelledby="jobs">
      <h2 id="jobs">{isListed ? 'Your exports' : 'Exports started in this tab'}</h2>
      {!isListed && (
        <>
          <p class="quiet">
            The app does not tell callers apart, so it lists none: whoever has a key and the id of an export
            can see it. The ids are therefore kept in this tab, and forgotten with it.
          </p>
          <label class="choice">
            <input
              type="checkbox"
              checked={isKept}
              onChange={({ currentTarget }) => desk.keep(currentTarget.checked)}
            />
            Keep the list on this computer, where whoever uses this browser finds it
          </label>
        </>
      )}
      {jobs.length === 0 ? (
        <p class="quiet">There are none.</p>
      ) : (
        <Rows jobs={jobs} desk={desk} isListed={isListed} shownId={shown?.job.id} />
      )}
      <div class="buttons">
        <button type="button" onClick={() => void desk.list()}>
          List again
        </button>
        {cursor !== undefined && (
          <button type="button" onClick={() => void desk.list(cursor)}>
            List more
          </button>
        )}
      </div>
    </section>
  );
}

interface RowsProps extends Pick<PartProps, 'desk'> {
  readonly jobs: readonly ListedJob[];
  /** By the app, which alone says what they came to and when they go. */
  readonly isListed: boolean;
  readonly shownId: string | undefined;
}

function Rows({ jobs, desk, isListed, shownId }: RowsProps): JSX.Element {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="List of exports">
      <table>
        <thead>
          <tr>
            <th scope="col">Started</th>
            <th scope="col">State</th>
            <th scope="col">Of</th>
            <th scope="col">Configuration</th>
            {isListed && (
              <>
                <th scope="col">Result</th>
                <th scope="col">Goes</th>
              </>
            )}
            <th scope="col">
              <span class="unseen">Action</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {jobs.map((job) => (
            <tr key={job.id} class={job.id === shownId ? 'is-shown' : undefined}>
              <td>{momentOf(job.startedAt)}</td>
              <td class={`state-${job.state}`}>{STATES[job.state]}</td>
              <td>
                {LEVELS[job.level] ?? ''}
                {job.types === undefined ? ', all types' : `, ${job.types.slice(0, 5).join(', ')}`}
                {(job.types?.length ?? 0) > 5 ? ` and ${(job.types?.length ?? 0) - 5} more` : ''}
              </td>
              <td>
                <Configuration job={job} />
              </td>
              {isListed && (
                <>
                  <td>{resultOf(job)}</td>
                  <td>{momentOf(job.expiresAt)}</td>
                </>
              )}
              <td>
                <button
                  type="button"
                  aria-label={`Show the export started ${momentOf(job.startedAt)}`}
                  onClick={() => desk.show(job)}
                >
                  Show
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Configuration({ job }: { readonly job: ListedJob }): JSX.Element {
  const { configuration, configurationDigest, isDeidentified } = job;
  return (
    <>
      <bdi>{configuration ?? ''}</bdi>
      {isDeidentified !== undefined && (
        <span class={isDeidentified ? 'good' : 'doubt'}>
          {isDeidentified ? ' approved' : ' may identify'}
        </span>
      )}
      {configurationDigest !== undefined && <code class="digest">{configurationDigest.slice(0, 19)}</code>}
    </>
  );
}

function resultOf({ counts }: ListedJob): string {
  if (counts === undefined) return '';
  const { resources = 0, files = 0, errors = 0 } = counts;
  const problems = errors === 0 ? '' : `, ${counted(errors, 'problem')}`;
  return `${counted(resources, 'resource')} in ${counted(files, 'file')}${problems}`;
}
