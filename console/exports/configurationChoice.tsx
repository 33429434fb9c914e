import type { JSX } from 'preact';
import { Choice } from '../shared/choice.js';
import type { ListedConfiguration, Unnamed } from './configurations.js';
import type { ExportForm } from './jobs.js';
import { type PartProps, Notes } from './part.js';
import { plain } from './words.js';

/** What can be chosen beside those of the list. */
export const NONE = '';
const TYPED = 'typed';

const WHY: Readonly<Record<string, string>> = {
  coverage: 'It counts as de-identification by its coverage',
  digest: 'It counts as de-identification, since its digest is listed in the settings of the app',
  container:
    'It is accepted as it is: who can write where it is from approves it. What it leaves may identify people',
  none: 'It does not count as de-identification: what it exports is raw data',
};

interface ConfigurationChoiceProps extends PartProps {
  readonly form: ExportForm;
  readonly change: (changed: Partial<ExportForm>) => void;
  /** Key of the configuration, `NONE`, or another text for one that is typed. */
  readonly chosen: string;
  readonly choose: (chosen: string) => void;
}

/** The configuration of an export: one of the app's list, or by its name. */
export function ConfigurationChoice(props: ConfigurationChoiceProps): JSX.Element {
  const { desk, state, form, change, chosen, choose } = props;
  const { configurations, unlisted } = state;
  if (configurations === undefined)
    return (
      <>
        <Typed form={form} change={change} />
        {unlisted.length > 0 && <Notes of={unlisted} />}
      </>
    );
  const { listed, unnamed, notes, cursor } = configurations;
  const found = listed.find(({ key }) => key === chosen);
  const current = chosen === NONE || found !== undefined ? chosen : TYPED;
  return (
    <>
      <div class="field">
        <span aria-hidden="true">Configuration</span>
        <Choice
          label="Configuration"
          names={{
            [NONE]: `None: ${withoutOne(unnamed).short}`,
            ...Object.fromEntries(listed.map((entry) => [entry.key, labelOf(entry)])),
            [TYPED]: 'Another one, by its name …',
          }}
          value={current}
          onValue={(key) => {
            const entry = listed.find((one) => one.key === key);
            if (key !== TYPED)
              change({ configuration: entry?.name ?? '', collection: entry?.collection ?? '' });
            choose(key);
          }}
        />
        {found === undefined ? (
          <p class="quiet hint">
            Choose one: those with ✓ count as de-identification. {withoutOne(unnamed).sentence}
          </p>
        ) : (
          <p class="quiet hint">
            {WHY[found.approval] ?? ''}. Digest: <code class="digest">{found.digest.slice(0, 19)}</code>
          </p>
        )}
      </div>
      {current === TYPED && <Typed form={form} change={change} />}
      {notes.length > 0 && <Notes of={notes} />}
      <div class="buttons">
        <button type="button" onClick={() => void desk.listConfigurations()}>
          List configurations again
        </button>
        {cursor !== undefined && (
          <button type="button" onClick={() => void desk.listConfigurations(cursor)}>
            List more configurations
          </button>
        )}
      </div>
    </>
  );
}

/** What happens where none is chosen. */
function withoutOne(unnamed: Unnamed | undefined): { short: string; sentence: string } {
  switch (unnamed?.exports) {
    case 'default': {
      const where = unnamed.collection === undefined ? '' : ` in ${plain(unnamed.collection)}`;
      const name = `${plain(unnamed.name)}${where}`;
      return {
        short: `the default of the app, ${name}`,
        sentence: `Without one, the app uses its default configuration: ${name}.`,
      };
    }
    case 'raw':
      return {
        short: 'raw data, which identifies people',
        sentence:
          'This app has no default configuration: without one, the export is raw data, which identifies people.',
      };
    case 'nothing':
      return {
        short: 'the app refuses such an export',
        sentence: 'This app has no default configuration: without one, it refuses the export.',
      };
    case undefined:
      return {
        short: 'the default of the app, if it has one',
        sentence:
          'Without one, the app uses its default configuration. Where it has none, it refuses the export, or exports raw data where it may.',
      };
  }
}

function labelOf({ name, collection, isDeidentified }: ListedConfiguration): string {
  const where = collection === undefined ? '' : ` in ${plain(collection)}`;
  return `${isDeidentified ? '✓ ' : ''}${plain(name)}${where} (${isDeidentified ? 'approved' : 'may identify'})`;
}

const FIELDS = [
  {
    name: 'configuration',
    label: 'Name of the configuration',
    hint: 'In the container of configurations or the image, such as hipaa-safe-harbor-r4.json. Without it, the default of the app. The app says at the start whether it counts as de-identification.',
  },
  {
    name: 'collection',
    label: 'Image of the configuration',
    hint: 'Where the configuration is in a registry: registry/image:tag. Else leave it empty.',
  },
] as const;

function Typed({ form, change }: Pick<ConfigurationChoiceProps, 'form' | 'change'>): JSX.Element {
  return (
    <>
      {FIELDS.map((field) => (
        <LineField
          key={field.name}
          {...field}
          value={form[field.name]}
          onText={(text) => change({ [field.name]: text })}
        />
      ))}
    </>
  );
}

interface LineFieldProps {
  readonly name: string;
  readonly label: string;
  readonly hint: string;
  readonly value: string;
  readonly onText: (text: string) => void;
}

/** A field of one line, with what it is for. */
export function LineField({ name, label, hint, value, onText }: LineFieldProps): JSX.Element {
  return (
    <div class="field">
      <label>
        {label}
        <input
          name={name}
          autocomplete="off"
          spellcheck={false}
          aria-describedby={`hint-${name}`}
          value={value}
          onInput={({ currentTarget }) => onText(currentTarget.value)}
        />
      </label>
      <p class="quiet hint" id={`hint-${name}`}>
        {hint}
      </p>
    </div>
  );
}
