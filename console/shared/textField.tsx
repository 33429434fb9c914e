import type { JSX } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';

interface TextFieldProps {
  /** What it is for, to those who hear it. */
  readonly label: string;
  readonly kind?: 'line' | 'search' | 'secret' | 'lines';
  /** Shown while it is empty. */
  readonly placeholder?: string;
  /** Id of the element that says more of it. */
  readonly describedBy?: string;
  readonly value: string;
  readonly onText: (text: string) => void;
  /** Takes what is pasted, in the place of the field. */
  readonly onPaste?: (text: string) => void;
}

/**
 * A field to type into that is no `<input>`. With those, browsers store what is typed, offer to keep passwords, and
 * Chromium asks a service of its maker about the fields of the page, which no policy of the page prevents.
 */
export function TextField(props: TextFieldProps): JSX.Element {
  const { label, kind = 'line', placeholder = '', describedBy, value, onText, onPaste } = props;
  const field = useRef<HTMLDivElement>(null);
  // Before the next key: else it would put back what was there before that key.
  useLayoutEffect(() => {
    const { current } = field;
    if (current !== null && current.textContent !== value) current.textContent = value;
  }, [value]);
  return (
    <div
      ref={field}
      class={`text-field is-${kind} ${value === '' ? 'is-empty' : ''}`}
      role={kind === 'search' ? 'searchbox' : 'textbox'}
      aria-label={label}
      aria-describedby={describedBy}
      aria-multiline={kind === 'lines'}
      aria-placeholder={placeholder}
      data-placeholder={placeholder}
      contentEditable="plaintext-only"
      tabIndex={0}
      spellcheck={false}
      autocapitalize="off"
      // A line break may be an element, which `textContent` leaves out; `innerText` of a secret is the dots that are shown.
      onInput={({ currentTarget: { innerText, textContent } }) =>
        onText(kind === 'lines' ? innerText.replace(/\n$/, '') : textContent.replace(/\n$/, ''))
      }
      onKeyDown={(event) => {
        if (event.key !== 'Enter' || kind === 'lines' || event.isComposing) return;
        event.preventDefault();
        event.currentTarget.closest('form')?.requestSubmit();
      }}
      onPaste={(event) => {
        if (onPaste === undefined) return;
        event.preventDefault();
        onPaste(event.clipboardData?.getData('text/plain') ?? '');
      }}
    />
  );
}
