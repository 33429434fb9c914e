import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Hello } from '../engine/protocol.js';
import { FileButton } from '../shared/fileButton.js';
import { Tabs } from '../shared/tabs.js';
import type { PaneProps } from './pane.js';
import { Coverage } from './coverage.js';
import { ConfigurationEditor } from './editor/configurationEditor.js';
import { completionOf } from './editor/completion.js';
import { Keys } from './keys.js';
import { Problems } from './problems.js';
import { Rules } from './rules.js';
import { firstConfiguration } from './state.js';
import { counted } from './words.js';

/** The configuration: its text, and what the engine says of it. */
export function ConfigurationPane({ bench, state }: PaneProps): JSX.Element {
  const { checked, configurationTab } = state;
  const left = checked?.coverage?.categories.filter(({ gaps }) => gaps.length > 0).length;
  return (
    <section
      class={`pane configuration ${state.dropTarget === 'configuration' ? 'is-target' : ''}`}
      aria-label="Configuration"
    >
      <div class="tools">
        <h2>Configuration</h2>
        <StartFrom bench={bench} state={state} />
        <FileButton
          label="Open configuration …"
          accept=".json,.yaml,.yml,application/json"
          onFiles={([file]) => file !== undefined && void bench.openConfiguration(file)}
        />
        <button type="button" onClick={() => bench.saveConfiguration()}>
          Save
        </button>
        <CompareWith bench={bench} state={state} />
        <Verdict bench={bench} state={state} />
      </div>
      <Editor bench={bench} state={state} />
      <p class="hint">
        Ctrl+Space completes. Ctrl+Enter goes to the elements of the rule at the cursor. Tab leaves the
        editor.
      </p>
      <Tabs
        id="configuration"
        label="What the configuration says"
        active={configurationTab}
        onActive={(name) => bench.store.set({ configurationTab: name })}
        tabs={[
          { name: 'problems', title: 'Problems', count: checked?.problems.length },
          { name: 'coverage', title: 'Coverage', count: left },
          { name: 'rules', title: 'Rules', count: checked?.rules.length },
          { name: 'keys', title: 'Keys', count: checked?.secrets.length },
        ]}
      >
        {configurationTab === 'problems' && <Problems bench={bench} state={state} />}
        {configurationTab === 'coverage' && <Coverage bench={bench} state={state} />}
        {configurationTab === 'rules' && <Rules bench={bench} state={state} />}
        {configurationTab === 'keys' && <Keys bench={bench} state={state} />}
      </Tabs>
    </section>
  );
}

/** Whether the configuration can be used, in a few words. */
function Verdict({ state: { checked, isStale } }: PaneProps): JSX.Element {
  if (checked === undefined || isStale) return <p class="verdict">Looking …</p>;
  const errors = checked.problems.filter(({ severity }) => severity === 'error').length;
  if (errors > 0) return <p class="verdict is-bad">{counted(errors, 'error')}: no export takes it</p>;
  const { coverage } = checked;
  if (coverage === undefined || coverage.isComplete)
    return <p class="verdict is-good">No errors. Coverage is complete</p>;
  const left = coverage.categories.filter(({ gaps }) => gaps.length > 0).length;
  return (
    <p class="verdict is-doubtful">
      No errors. {counted(left, 'kind of identities is', 'kinds of identities are')} left
    </p>
  );
}

function StartFrom({ bench, state }: PaneProps): JSX.Element {
  const { hello, fhirVersion } = state;
  const choose = (name: string): void => {
    if (name === 'extend') bench.replaceText(firstConfiguration(fhirVersion));
    else if (name === 'example') bench.replaceText(exampleConfiguration(fhirVersion));
    else {
      const found = samplesOf(state).find((built) => built.name === name);
      if (found !== undefined) bench.replaceText(found.text);
    }
  };
  return (
    <label class="choice">
      Start from
      <select
        value=""
        disabled={hello === undefined}
        onChange={({ currentTarget }) => {
          choose(currentTarget.value);
          currentTarget.value = '';
        }}
      >
        <option value="" disabled>
          choose …
        </option>
        <option value="extend">the sample, extended</option>
        <option value="example">a few rules, to try</option>
        {samplesOf(state).map(({ name }) => (
          <option key={name} value={name}>
            copy of {name}
          </option>
        ))}
      </select>
    </label>
  );
}

/** The built-in configurations of the page's FHIR version. */
function samplesOf({ hello, fhirVersion }: PaneProps['state']): Hello['configurations'] {
  const version = `-${fhirVersion.toLowerCase()}@`;
  return hello?.configurations.filter(({ name }) => name.includes(version)) ?? [];
}

/** A short configuration that does several things, and leaves some undone. */
function exampleConfiguration(version: string): string {
  const rules = [
    { path: 'Patient.name', method: 'redact' },
    { path: 'Patient.birthDate', method: 'dateShift' },
    { path: 'Patient.address.postalCode', method: 'redact' },
    { path: 'Patient.address.state', method: 'keep' },
    { path: 'Patient.address', method: 'redact' },
    { path: 'Patient.telecom', method: 'redact' },
    { path: "nodesByType('Identifier').value", method: 'cryptoHash' },
    { path: "nodesByType('Reference').reference", method: 'cryptoHash' },
    { path: 'Resource.id', method: 'cryptoHash' },
    { path: "nodesByType('Narrative')", method: 'redact' },
  ];
  const text = rules.map(
    (rule) =>
      `    ${JSON.stringify(rule).replaceAll('","', '", "').replaceAll('":"', '": "').replace('{', '{ ').replace(/\}$/, ' }')}`,
  );
  return `{\n  "fhirVersion": "${version}",\n  "fhirPathRules": [\n${text.join(',\n')}\n  ]\n}\n`;
}

function CompareWith({ bench, state }: PaneProps): JSX.Element {
  const { baseline, hello, text } = state;
  const choose = (name: string): void => {
    const sample = samplesOf(state).find((built) => built.name === name);
    const chosen =
      name === 'now' ? { name: 'the text as it was', text } : sample === undefined ? undefined : sample;
    void bench.compareWith(chosen);
  };
  return (
    <label class="choice">
      Compare with
      <select
        value={baseline === undefined ? '' : 'chosen'}
        disabled={hello === undefined}
        onChange={({ currentTarget }) => choose(currentTarget.value)}
      >
        <option value="">nothing</option>
        {baseline !== undefined && <option value="chosen">{baseline.name}</option>}
        <option value="now" disabled={state.checked?.isValid !== true || state.isStale}>
          the text as it is now
        </option>
        {samplesOf(state).map(({ name }) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function Editor({ bench, state }: PaneProps): JSX.Element {
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<ConfigurationEditor>(undefined);
  useEffect(() => {
    if (host.current === null || editor.current !== undefined) return;
    const made = new ConfigurationEditor(host.current, bench.store.state.text, {
      onChange: (text) => bench.type(text),
      onMove: (offset) => bench.chooseRuleAt(offset),
      onGo: () => bench.goToElements(bench.store.state.rule),
      complete: async (text, offset, isAsked) => completionOf(await bench.complete(text, offset), isAsked),
    });
    editor.current = made;
    bench.setEditor(made);
  }, [bench]);
  const { checked, isStale } = state;
  useEffect(() => {
    if (isStale) return;
    const problems = checked?.problems ?? [];
    editor.current?.setDiagnostics(
      problems.flatMap(({ span, severity, message }) =>
        span === undefined ? [] : [{ ...span, severity, message }],
      ),
    );
  }, [checked, isStale]);
  return <div class="editor" ref={host} />;
}
