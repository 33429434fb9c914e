import type { JSX, TargetedSubmitEvent } from 'preact';
import { useState } from 'preact/hooks';
import { TextField } from '../shared/textField.js';
import { type PartProps, Words } from './part.js';
import { EMPTY_FORM, type ExportForm, typesIn } from './jobs.js';

interface Field {
  readonly name: 'since' | 'until' | 'container' | 'configuration' | 'collection';
  readonly label: string;
  readonly hint: string;
}

const FIELDS: readonly Field[] = [
  {
    name: 'configuration',
    label: 'Configuration',
    hint: 'Its name in the container of configurations or the image, such as hipaa-safe-harbor-r4.json. Without it, the default of the app. The app says at the start whether it counts as de-identification.',
  },
  {
    name: 'collection',
    label: 'Image of the configuration',
    hint: 'Where the configuration is in a registry: registry/image:tag. Else leave it empty.',
  },
  {
    name: 'container',
    label: 'Container',
    hint: 'Where the files go, such as research. The app needs it where a configuration is named.',
  },
  {
    name: 'since',
    label: 'Changed since',
    hint: 'An instant, such as 2026-01-31T00:00:00Z. Else leave it empty.',
  },
  { name: 'until', label: 'Changed before', hint: 'An instant. Else leave it empty.' },
];

const LEVELS = [
  ['system', 'Everything'],
  ['patient', 'All patients'],
  ['group', 'A group of patients'],
] as const;

/** Starts an export. */
export function StartForm({ desk, state }: PartProps): JSX.Element {
  const [form, setForm] = useState<ExportForm>(EMPTY_FORM);
  const change = (changed: Partial<ExportForm>): void => setForm({ ...form, ...changed });
  const submit = (event: TargetedSubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    void desk.startExport(form);
  };
  return (
    <form class="panel" aria-labelledby="start" onSubmit={submit}>
      <h2 id="start">Start an export</h2>
      <fieldset>
        <legend>Of</legend>
        {LEVELS.map(([level, label]) => (
          <label key={level} class="choice">
            <input
              type="radio"
              name="level"
              checked={form.level === level}
              onChange={() => change({ level })}
            />
            {label}
          </label>
        ))}
        {form.level === 'group' && (
          <label>
            Id of the group
            <input
              name="groupId"
              required
              autocomplete="off"
              value={form.groupId}
              onInput={({ currentTarget }) => change({ groupId: currentTarget.value })}
            />
          </label>
        )}
      </fieldset>
      <Types form={form} types={state.types} change={change} />
      {FIELDS.map(({ name, label, hint }) => (
        <div key={name} class="field">
          <label>
            {label}
            <input
              name={name}
              autocomplete="off"
              spellcheck={false}
              aria-describedby={`hint-${name}`}
              value={form[name]}
              onInput={({ currentTarget }) => change({ [name]: currentTarget.value })}
            />
          </label>
          <p class="quiet hint" id={`hint-${name}`}>
            {hint}
          </p>
        </div>
      ))}
      <Words of={state.refused} />
      <button type="submit" disabled={state.isStarting}>
        {state.isStarting ? 'Starting …' : 'Start the export'}
      </button>
    </form>
  );
}

interface TypesProps {
  readonly form: ExportForm;
  readonly types: readonly string[];
  readonly change: (changed: Partial<ExportForm>) => void;
}

/** Types by name, or from the list of the app, and searches that narrow them. */
function Types({ form, types, change }: TypesProps): JSX.Element {
  const named = typesIn(form.types);
  const toggle = (type: string, isNamed: boolean): void => {
    const next = isNamed ? [...named, type] : named.filter((other) => other !== type);
    change({ types: next.join(', ') });
  };
  return (
    <>
      <label>
        Types
        <input
          name="types"
          autocomplete="off"
          spellcheck={false}
          aria-describedby="hint-types"
          value={form.types}
          onInput={({ currentTarget }) => change({ types: currentTarget.value })}
        />
      </label>
      <p class="quiet hint" id="hint-types">
        Such as Patient, Condition. Without any, all types that you may have.
      </p>
      {types.length > 0 && (
        <details>
          <summary>Choose types from the list of the app</summary>
          <div class="types" role="group" aria-label="List of types">
            {types.map((type) => (
              <label key={type} class="choice">
                <input
                  type="checkbox"
                  checked={named.includes(type)}
                  onChange={({ currentTarget }) => toggle(type, currentTarget.checked)}
                />
                {type}
              </label>
            ))}
          </div>
        </details>
      )}
      <div class="field">
        <span aria-hidden="true">Filters</span>
        <TextField
          kind="lines"
          label="Filters"
          describedBy="hint-filters"
          value={form.filters}
          onText={(filters) => change({ filters })}
        />
      </div>
      <p class="quiet hint" id="hint-filters">
        One a line: Condition?category=problem-list-item. Several for one type are alternatives.
      </p>
    </>
  );
}
