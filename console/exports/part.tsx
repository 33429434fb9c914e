import type { JSX } from 'preact';
import type { Desk, DeskState } from './desk.js';

/** What each part of the page is given. */
export interface PartProps {
  readonly desk: Desk;
  readonly state: DeskState;
}

/** What is wrong, in words of the app. */
export function Words({ of: words }: { readonly of: readonly string[] }): JSX.Element | null {
  if (words.length === 0) return null;
  return (
    <div class="fault" role="alert">
      {words.map((text, index) => (
        <p key={index}>
          <bdi>{text}</bdi>
        </p>
      ))}
    </div>
  );
}

/** What is to be known, in words of the app. */
export function Notes({ of: notes }: { readonly of: readonly string[] }): JSX.Element {
  return (
    <ul class="notes">
      {notes.map((note, index) => (
        <li key={index}>
          <bdi>{note}</bdi>
        </li>
      ))}
    </ul>
  );
}
