import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { FHIR_VERSIONS, type FhirVersion } from '../../functions/fhir/fhirVersion.js';
import { Navigation } from '../shared/navigation.js';
import { useStore } from '../shared/store.js';
import { ConfigurationPane } from './configurationPane.js';
import { DataPane } from './dataPane.js';
import { useDroppedFiles } from './droppedFiles.js';
import type { PaneProps } from './pane.js';
import type { Workbench } from './workbench.js';

/** The preview page. */
export function App({ bench }: { readonly bench: Workbench }): JSX.Element {
  const state = useStore(bench.store);
  useDroppedFiles(bench);
  return (
    <>
      <header class="top">
        <Navigation current="Preview" />
        <Version bench={bench} state={state} />
        <LinkButton bench={bench} />
        <p class="promise">Your data stays in this browser: this page can send nothing.</p>
      </header>
      <main class="bench">
        <h1 class="unseen">Preview of a configuration</h1>
        {state.fault !== undefined && (
          <div class="fault" role="alert">
            <p>{state.fault}</p>
            <button type="button" onClick={() => bench.store.set({ fault: undefined })}>
              Close
            </button>
          </div>
        )}
        <ConfigurationPane bench={bench} state={state} />
        <DataPane bench={bench} state={state} />
      </main>
      <p class="unseen" role="status">
        {state.said}
      </p>
    </>
  );
}

/** The choice of the FHIR version, which is another page. */
function Version({ bench, state }: PaneProps): JSX.Element {
  const [asked, setAsked] = useState<FhirVersion>();
  const choose = (version: FhirVersion): void => {
    if (state.data === undefined) void bench.changeVersion(version);
    else setAsked(version);
  };
  return (
    <>
      <label class="choice">
        FHIR version
        <select
          value={state.fhirVersion}
          onChange={({ currentTarget }) => {
            choose(currentTarget.value as FhirVersion);
            currentTarget.value = state.fhirVersion;
          }}
        >
          {FHIR_VERSIONS.map((version) => (
            <option key={version} value={version}>
              {version}
            </option>
          ))}
        </select>
      </label>
      {asked !== undefined && (
        <div class="question" role="alertdialog" aria-label="Change of the FHIR version">
          <p>FHIR {asked} is another page: the data that is open is closed, and keys are forgotten.</p>
          <button type="button" onClick={() => void bench.changeVersion(asked)}>
            Close the data and open FHIR {asked}
          </button>
          <button type="button" onClick={() => setAsked(undefined)}>
            Stay
          </button>
        </div>
      )}
    </>
  );
}

/** Gives the link of the configuration. */
function LinkButton({ bench }: { readonly bench: Workbench }): JSX.Element {
  const [link, setLink] = useState<{ address: string; words: string }>();
  const make = async (): Promise<void> => {
    try {
      const { address, dropped } = await bench.link();
      const keys = dropped.length === 0 ? '' : ` Left out: ${dropped.join(', ')}.`;
      let words = `The link holds the configuration only: no data, no keys and no comments.${keys}`;
      try {
        await navigator.clipboard.writeText(address);
        words = `Copied. ${words}`;
      } catch {
        words = `Copy the link below. ${words}`;
      }
      setLink({ address, words });
    } catch {
      setLink({
        address: '',
        words: 'There is no link: the text is no configuration. Mend its errors first.',
      });
    }
  };
  return (
    <>
      <button type="button" onClick={() => void make()}>
        Copy link to the configuration
      </button>
      {link !== undefined && (
        <div class="question" role="status">
          <p>{link.words}</p>
          {link.address !== '' && (
            <code
              class="link"
              tabIndex={0}
              role="textbox"
              aria-readonly="true"
              aria-label="Link to the configuration"
            >
              {link.address}
            </code>
          )}
          <button type="button" onClick={() => setLink(undefined)}>
            Close
          </button>
        </div>
      )}
    </>
  );
}
