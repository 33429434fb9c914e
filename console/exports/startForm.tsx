import type { JSX, TargetedSubmitEvent } from 'preact';
import { useState } from 'preact/hooks';
import { TextField } from '../shared/textField.js';
import { ConfigurationChoice, LineField, NONE } from './configurationChoice.js';
import { withConfiguration } from './configurations.js';
import { type PartProps, Words } from './part.js';
import { EMPTY_FORM, type ExportForm, typesIn } from './jobs.js';

const FIELDS = [
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
] as const;

const LEVELS = [
  ['system', 'Everything'],
  ['patient', 'All patients'],
  ['group', 'A group of patients'],
] as const;

/** Starts an export. */
export function StartForm({ desk, state }: PartProps): JSX.Element {
  const [form, setForm] = useState<ExportForm>(EMPTY_FORM);
  const [chosen, choose] = useState(NONE);
  const change = (changed: Partial<ExportForm>): void => setForm({ ...form, ...changed });
  const submit = (event: TargetedSubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const listed = state.configurations?.listed.find(({ key }) => key === chosen);
    void desk.startExport(listed === undefined ? form : withConfiguration(form, listed));
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
      <ConfigurationChoice
        desk={desk}
        state={state}
        form={form}
        change={change}
        chosen={chosen}
        choose={choose}
      />
      {FIELDS.map((field) => (
        <LineField
          key={field.name}
          {...field}
          value={form[field.name]}
          onText={(text) => change({ [field.name]: text })}
        />
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
