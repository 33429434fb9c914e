import type { JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';
import type { SampleAsk } from '../engine/protocol.js';
import { FileButton } from '../shared/fileButton.js';
import { TextField } from '../shared/textField.js';
import { Tabs } from '../shared/tabs.js';
import type { PaneProps } from './pane.js';
import { Elements } from './elements.js';
import { ResourceList } from './resourceList.js';
import { Summary } from './summary.js';
import { counted, shortened } from './words.js';

/** What is opened, and what the configuration makes of it. */
export function DataPane({ bench, state }: PaneProps): JSX.Element {
  const { data, dataFault, checked, results, isStale } = state;
  const isOld = data !== undefined && (isStale || checked?.isValid === false);
  return (
    <section class={`pane data ${state.dropTarget === 'data' ? 'is-target' : ''}`} aria-label="Resources">
      <div class="tools">
        <h2>Resources</h2>
        <FileButton
          label="Open data …"
          accept=".json,.ndjson,.jsonl,.gz,application/json,application/fhir+json,application/fhir+ndjson,application/gzip"
          multiple
          onFiles={(files) => void bench.openFiles(files)}
        />
        <Paste bench={bench} state={state} />
        <Invented bench={bench} state={state} />
        {data !== undefined && (
          <button type="button" onClick={() => void bench.closeData()}>
            Close
          </button>
        )}
        <Work bench={bench} state={state} />
      </div>
      {dataFault !== undefined && (
        <p class="fault" role="alert">
          {dataFault}
        </p>
      )}
      {data === undefined ? <Nothing bench={bench} state={state} /> : <Opened bench={bench} state={state} />}
      {isOld && results !== undefined && (
        <p class="old" role="status">
          {checked?.isValid === false && !isStale
            ? 'The configuration has errors. What is shown is of the last text without any.'
            : 'The engine looks at the changed configuration …'}
        </p>
      )}
    </section>
  );
}

/** The choice of resources that nobody has. */
function Invented({ bench, state: { hello } }: PaneProps): JSX.Element {
  return (
    <label class="choice">
      Invented
      <select
        value=""
        disabled={hello === undefined}
        onChange={({ currentTarget }) => {
          const [kind = '', type = ''] = currentTarget.value.split(':');
          currentTarget.value = '';
          void bench.openSample(kind === 'all' ? 'all' : { kind: kind as SampleAsk['kind'], type });
        }}
      >
        <option value="" disabled>
          choose …
        </option>
        <optgroup label="As a hospital has them">
          <option value="all">all of these</option>
          <Types kind="usual" types={hello?.samples ?? []} />
        </optgroup>
        <optgroup label="With every element of the type">
          <Types kind="every element" types={hello?.resourceTypes ?? []} />
        </optgroup>
      </select>
    </label>
  );
}

interface TypesProps {
  readonly kind: SampleAsk['kind'];
  readonly types: readonly string[];
}

function Types({ kind, types }: TypesProps): JSX.Element {
  return (
    <>
      {types.map((type) => (
        <option key={type} value={`${kind}:${type}`}>
          {type}
        </option>
      ))}
    </>
  );
}

function Nothing({ bench, state }: PaneProps): JSX.Element {
  return (
    <div class="nothing">
      <p>
        Open a resource, a Bundle or NDJSON, as one or several files, packed by gzip or not; drop them here,
        or paste. Every element is then shown before and after, with the rule that decided it.
      </p>
      <p>
        <button
          type="button"
          disabled={state.hello === undefined}
          onClick={() => void bench.openSample('all')}
        >
          Use invented resources
        </button>
      </p>
      <p class="hint">
        The engine runs in this browser. The page is not permitted to send requests, and stores nothing: what
        you open is forgotten when you close it.
      </p>
    </div>
  );
}

function Opened({ bench, state }: PaneProps): JSX.Element {
  const { data, resultTab } = state;
  const { resources = [], problems = [], name = '', fileNames = [] } = data ?? {};
  return (
    <>
      <p class="source">
        <bdi>{shortened(name, 300)}</bdi>: {counted(resources.length, 'resource')}
        {problems.length > 0 && `, ${counted(problems.length, 'part')} could not be read`}
      </p>
      {problems.length > 0 && (
        <ul class="entries unread">
          {problems.slice(0, 20).map(({ file, line, message }, at) => (
            <li key={at}>
              <span class="tag is-bad">unread</span>
              {fileNames.length > 1 && <bdi>{shortened(fileNames[file] ?? '', 100)}</bdi>}{' '}
              {line !== undefined && <span class="place">line {line}</span>}
              <p>{message}</p>
            </li>
          ))}
          {problems.length > 20 && <li>and {problems.length - 20} more</li>}
        </ul>
      )}
      <div class="results">
        <ResourceList bench={bench} state={state} />
        <Tabs
          id="result"
          label="Results"
          active={resultTab}
          onActive={(tab) => bench.store.set({ resultTab: tab })}
          tabs={[
            { name: 'elements', title: 'Element by element' },
            { name: 'all', title: 'All resources' },
          ]}
        >
          {resultTab === 'elements' ? (
            <Elements bench={bench} state={state} />
          ) : (
            <Summary bench={bench} state={state} />
          )}
        </Tabs>
      </div>
    </>
  );
}

/** What is being done, and the button that ends it. */
function Work({ bench, state }: PaneProps): JSX.Element | null {
  const { work, data, results, isCanceled } = state;
  const total = data?.resources.length ?? 0;
  const done = results?.byIndex.size ?? 0;
  if (work === 'opening') return <p class="work">Opening …</p>;
  if (work === undefined)
    return isCanceled ? (
      <p class="work">
        Canceled after {done.toLocaleString('en')} of {counted(total, 'resource')}.{' '}
        <button type="button" onClick={() => void bench.runAgain()}>
          Run again
        </button>
      </p>
    ) : null;
  return (
    <p class="work">
      <progress max={total} value={done} aria-label="Resources done" />
      {work === 'comparing' ? 'Comparing …' : `${done.toLocaleString('en')} of ${total.toLocaleString('en')}`}
      <button type="button" onClick={() => void bench.cancel()}>
        Cancel
      </button>
    </p>
  );
}

/** A dialog to paste into: what is pasted is opened at once. */
function Paste({ bench }: PaneProps): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const [typed, setTyped] = useState('');
  const open = (text: string): void => {
    setTyped('');
    dialog.current?.close();
    if (text.trim() !== '') void bench.openText(text, 'Pasted data');
  };
  return (
    <>
      <button type="button" onClick={() => dialog.current?.showModal()}>
        Paste …
      </button>
      <dialog ref={dialog} aria-label="Paste data" onClose={() => setTyped('')}>
        <div class="field">
          <span aria-hidden="true">
            A resource, a Bundle, or NDJSON: it is opened as soon as it is pasted.
          </span>
          <TextField
            kind="lines"
            label="A resource, a Bundle, or NDJSON"
            value={typed}
            onText={setTyped}
            onPaste={open}
          />
        </div>
        <p class="mend">
          <button type="button" onClick={() => open(typed)}>
            Open
          </button>
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
        </p>
      </dialog>
    </>
  );
}
