import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
  type CompletionContext,
  type CompletionResult,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { json } from '@codemirror/lang-json';
import { yaml } from '@codemirror/lang-yaml';
import { bracketMatching, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import { lintGutter, lintKeymap, setDiagnostics, type Diagnostic } from '@codemirror/lint';
import { Compartment, EditorState } from '@codemirror/state';
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
} from '@codemirror/view';
import type { Span, TextEdit } from '../../engine/protocol.js';
import { mark, marked } from './mark.js';
import { HIGHLIGHT, THEME } from './theme.js';

/** What an editor says, and asks. */
export interface EditorEvents {
  /** The text was changed, by hand or otherwise. */
  onChange(text: string): void;
  /** The cursor went to another place, by hand. */
  onMove(offset: number): void;
  /** Ctrl+Enter: to what the rule at the cursor does. */
  onGo(): void;
  complete(text: string, offset: number, isAsked: boolean): Promise<CompletionResult | null>;
}

/**
 * The editor of a configuration. It is in a shadow root: there it makes its styles by constructed style sheets, which
 * the page's policy permits, and not by elements, which it refuses.
 */
export class ConfigurationEditor {
  readonly #view: EditorView;
  readonly #language = new Compartment();
  #isYaml = false;

  constructor(host: HTMLElement, text: string, events: EditorEvents) {
    const root = host.shadowRoot ?? host.attachShadow({ mode: 'open' });
    this.#isYaml = isYaml(text);
    this.#view = new EditorView({
      root,
      parent: root as unknown as Element,
      state: EditorState.create({
        doc: text,
        extensions: [
          lineNumbers(),
          lintGutter(),
          highlightSpecialChars(),
          highlightActiveLine(),
          highlightActiveLineGutter(),
          drawSelection(),
          history(),
          indentOnInput(),
          bracketMatching(),
          closeBrackets(),
          autocompletion({
            override: [
              (context: CompletionContext) =>
                events.complete(context.state.doc.toString(), context.pos, context.explicit),
            ],
          }),
          syntaxHighlighting(HIGHLIGHT),
          THEME,
          marked,
          this.#language.of(this.#isYaml ? yaml() : json()),
          // Tab is left to the page: it leads out of the editor, as it does elsewhere.
          keymap.of([
            {
              key: 'Mod-Enter',
              run: (view) => {
                events.onMove(view.state.selection.main.head);
                events.onGo();
                return true;
              },
            },
            ...closeBracketsKeymap,
            ...completionKeymap,
            ...lintKeymap,
            ...historyKeymap,
            ...defaultKeymap,
          ]),
          EditorView.contentAttributes.of({
            'aria-label': 'Configuration, in JSON or YAML',
            spellcheck: 'false',
            tabindex: '0',
          }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) {
              this.#chooseLanguage();
              events.onChange(this.text);
            } else if (update.selectionSet && update.transactions.some((one) => one.isUserEvent('select')))
              events.onMove(update.state.selection.main.head);
          }),
        ],
      }),
    });
  }

  get text(): string {
    return this.#view.state.doc.toString();
  }

  /** Replaces the text as a whole; one step back brings the former one. */
  replace(text: string): void {
    this.#view.dispatch({
      changes: { from: 0, to: this.#view.state.doc.length, insert: text },
      selection: { anchor: 0 },
      scrollIntoView: true,
    });
  }

  /** Makes several changes as one; the cursor goes to the first. */
  change(edits: readonly TextEdit[]): void {
    const [first] = edits;
    if (first === undefined || edits.some(({ to }) => to > this.#view.state.doc.length)) return;
    this.#view.dispatch({
      changes: edits.map(({ from, to, insert }) => ({ from, to, insert })),
      userEvent: 'input',
    });
    this.reveal({ from: first.from, to: first.from + first.insert.length }, false);
  }

  setDiagnostics(diagnostics: readonly Diagnostic[]): void {
    const { length } = this.#view.state.doc;
    const inside = diagnostics.filter(({ to }) => to <= length);
    this.#view.dispatch(setDiagnostics(this.#view.state, inside));
  }

  /** Marks a range and brings it into view; the focus goes there only if asked for. */
  reveal({ from, to }: Span, isFocused: boolean): void {
    const { length } = this.#view.state.doc;
    if (to > length) return;
    this.#view.dispatch({
      selection: { anchor: from },
      effects: [EditorView.scrollIntoView(from, { y: 'center' }), mark.of({ from, to })],
    });
    if (isFocused) this.#view.focus();
  }

  #chooseLanguage(): void {
    const now = isYaml(this.text);
    if (now === this.#isYaml) return;
    this.#isYaml = now;
    this.#view.dispatch({ effects: this.#language.reconfigure(now ? yaml() : json()) });
  }
}

/** Whether a text is shown as YAML: by how it begins, as the engine decides it. */
function isYaml(text: string): boolean {
  return !/^[\s\ufeff]*(?:[[{]|\/[/*]|$)/.test(text);
}
