import type { JSX } from 'preact';
import { TextField } from '../shared/textField.js';
import type { PaneProps } from './pane.js';
import { shortened } from './words.js';

/** Keys for the secrets that a configuration names: in memory only. */
export function Keys({ bench, state }: PaneProps): JSX.Element {
  const { checked, keys } = state;
  if (checked === undefined) return <p class="empty">The engine looks at the configuration …</p>;
  return (
    <div class="keys">
      <p class="hint">
        {checked.usesRandomKeys
          ? 'Rules use keys that the configuration does not give: the preview makes random ones, so pseudonyms and shifts differ from those of an export.'
          : 'No rule needs a key that is not given.'}
      </p>
      {checked.secrets.length === 0 && (
        <p class="empty">
          The configuration names no secret. One that does has {'{"secretName": "NAME"}'} in the place of a
          key.
        </p>
      )}
      {checked.secrets.map((name) => (
        <div key={name} class="field">
          <span aria-hidden="true">
            Key of the secret <bdi>{shortened(name)}</bdi>
          </span>
          <TextField
            kind="secret"
            label={`Key of the secret ${name}`}
            placeholder="random"
            value={Object.hasOwn(keys, name) ? (keys[name] ?? '') : ''}
            onText={(text) => bench.setKey(name, text)}
          />
        </div>
      ))}
      {checked.secrets.length > 0 && (
        <p class="hint">
          What you type here stays in the memory of this page until it is closed: it is stored nowhere and
          never part of the link. Do not use a key of production where somebody can look on.
        </p>
      )}
    </div>
  );
}
