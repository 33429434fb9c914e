import type { CompletionResult } from '@codemirror/autocomplete';
import type { Completion, CompletionOption } from '../../engine/protocol.js';

/** What the editor calls the kinds of what can be written. */
const TYPES: Readonly<Record<CompletionOption['kind'], string>> = {
  type: 'type',
  element: 'property',
  function: 'function',
  method: 'keyword',
  setting: 'property',
  value: 'constant',
};

/** What the engine knows of a place, as the editor takes it. @param isAsked whether it was asked for by key */
export function completionOf({ from, to, options }: Completion, isAsked: boolean): CompletionResult | null {
  if (options.length === 0 || (!isAsked && from === to)) return null;
  return {
    from,
    to,
    options: options.map(({ label, kind, detail }) => ({
      label,
      type: TYPES[kind],
      ...(detail !== undefined && { detail }),
    })),
  };
}
