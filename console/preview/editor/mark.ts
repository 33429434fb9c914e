import { StateEffect, StateField } from '@codemirror/state';
import { Decoration, EditorView, type DecorationSet } from '@codemirror/view';
import type { Span } from '../../engine/protocol.js';

/** Marks a range of the text, in the place of the one that was marked before. */
export const mark = StateEffect.define<Span>();

const MARKED = Decoration.mark({ class: 'cm-marked' });

/** The range that is marked: the rule of the chosen element. */
export const marked = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(value, transaction) {
    let next = value.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (!effect.is(mark)) continue;
      const { from, to } = effect.value;
      next = from < to ? Decoration.set([MARKED.range(from, to)]) : Decoration.none;
    }
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});
