import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { TypeProgress } from '../../functions/export/output/progress.js';
import type { ShownJob } from './desk.js';
import { ManifestView } from './manifestView.js';
import { Notes, type PartProps, Words } from './part.js';
import type { JobWatch } from './watch.js';
import { momentOf } from './words.js';

interface JobProps extends PartProps {
  readonly shown: ShownJob;
}

const PHASES: Readonly<Record<JobWatch['phase'], string>> = {
  running: 'The export runs.',
  complete: 'The export is complete.',
  failed: 'The export failed. It has left no files.',
  gone: 'The app has no such export for you: it was cancelled, is over, or is of another caller.',
  refused: 'The app does not show the export without another key or token.',
};

/** One export, from its start to its files. */
export function JobView({ desk, shown }: JobProps): JSX.Element {
  const { job, accepted, watch, manifest } = shown;
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return (
    <section class="panel" aria-labelledby="job">
      <h2 id="job" ref={heading} tabIndex={-1}>
        Export started {momentOf(job.startedAt)}
      </h2>
      <p class={`phase state-${watch.phase}`}>{PHASES[watch.phase]}</p>
      {job.expiresAt !== undefined && watch.phase === 'complete' && (
        <p class="quiet">It and its files go {momentOf(job.expiresAt)}.</p>
      )}
      <Words of={watch.words} />
      {watch.phase === 'running' && <Progress watch={watch} />}
      {accepted.length > 0 && manifest === undefined && (
        <details open>
          <summary>What the app said at the start</summary>
          <Notes of={accepted} />
        </details>
      )}
      {manifest !== undefined && <ManifestView desk={desk} shown={shown} manifest={manifest} />}
      <Buttons desk={desk} shown={shown} />
    </section>
  );
}

/** How far an export is: in all, and by type where the app says. */
function Progress({ watch }: { readonly watch: JobWatch }): JSX.Element {
  const { progress, percent, types, rates } = watch;
  return (
    <div class="progress">
      <label>
        <span>
          <bdi>{progress === '' ? 'waiting for the app' : progress}</bdi>
          <Rate of={rates.get('')} />
        </span>
        <progress max={100} {...(percent === undefined ? {} : { value: percent })} />
      </label>
      {types.map((type) => (
        <TypeBar key={type.type} progress={type} rate={rates.get(type.type)} />
      ))}
    </div>
  );
}

function TypeBar({
  progress,
  rate,
}: {
  readonly progress: TypeProgress;
  readonly rate: number | undefined;
}): JSX.Element {
  const { type, resources, total, isDone } = progress;
  const amount =
    total === undefined
      ? resources.toLocaleString('en')
      : `${resources.toLocaleString('en')} of ${total.toLocaleString('en')}`;
  const value = isDone
    ? { value: 1, max: 1 }
    : total === undefined || total === 0
      ? {}
      : { value: Math.min(resources, total), max: total };
  // What waits for its turn has no bar that moves.
  const bar = resources === 0 && !isDone ? { value: 0, max: 1 } : value;
  return (
    <label class="type-bar">
      <span>
        <bdi>{type}</bdi> {amount}
        {isDone ? ', read' : <Rate of={rate} />}
      </span>
      <progress {...bar} />
    </label>
  );
}

function Rate({ of: rate }: { readonly of: number | undefined }): JSX.Element | null {
  return rate === undefined || rate === 0 ? null : (
    <span class="quiet">, {Math.round(rate).toLocaleString('en')} resources a second</span>
  );
}

/** Ask again, and cancel in two steps. */
function Buttons({
  desk,
  shown,
}: {
  readonly desk: JobProps['desk'];
  readonly shown: ShownJob;
}): JSX.Element {
  const { job, accepted, watch } = shown;
  const [isAsked, setAsked] = useState(false);
  const isRunning = watch.phase === 'running';
  const verb = isRunning ? 'Cancel the export' : 'Delete the export and its files';
  return (
    <div class="buttons">
      {!isRunning && watch.phase !== 'complete' && (
        <button type="button" onClick={() => desk.show(job, accepted)}>
          Ask again
        </button>
      )}
      {watch.phase !== 'gone' &&
        (isAsked ? (
          <span class="question" role="group" aria-label={verb}>
            {isRunning ? 'What it has written is deleted.' : 'Its files are deleted at the app.'}{' '}
            <button type="button" class="danger" onClick={() => void desk.cancel(job.id)}>
              {verb}
            </button>{' '}
            <button type="button" onClick={() => setAsked(false)}>
              Keep it
            </button>
          </span>
        ) : (
          <button type="button" onClick={() => setAsked(true)}>
            {verb} …
          </button>
        ))}
    </div>
  );
}
