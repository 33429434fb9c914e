import type { JsonValue } from '../../functions/json/json.js';
import { JsonNumber } from '../../functions/json/jsonNumber.js';
import type { Span } from './protocol.js';

/** JSON over several lines, and where its values are. */
export interface IndentedJson {
  readonly text: string;
  /** By their paths: `name[0].given[1]`; empty for the whole. */
  readonly spans: ReadonlyMap<string, Span>;
}

/** Writes a JSON value with an indent of two spaces, every number with the text it came with. */
export function indentedJson(value: JsonValue): IndentedJson {
  const writer = new Writer();
  writer.value(value, '', '\n');
  return { text: writer.text, spans: writer.spans };
}

class Writer {
  text = '';
  readonly spans = new Map<string, Span>();

  /** @param newLine with the indent of the line that the value begins on */
  value(value: JsonValue, path: string, newLine: string): void {
    const from = this.text.length;
    if (Array.isArray(value)) {
      this.#inside('[]', value, newLine, (item, index, inner) =>
        this.value(item, `${path}[${index}]`, inner),
      );
    } else if (value !== null && typeof value === 'object' && !(value instanceof JsonNumber)) {
      const members = Object.entries(value).filter(([, member]) => member !== undefined);
      this.#inside('{}', members, newLine, ([name, member], _, inner) => {
        this.text += `${JSON.stringify(name)}: `;
        this.value(member as JsonValue, memberPath(path, name), inner);
      });
    } else this.text += value instanceof JsonNumber ? value.text : JSON.stringify(value);
    this.spans.set(path, { from, to: this.text.length });
  }

  #inside<T>(
    brackets: string,
    items: readonly T[],
    newLine: string,
    write: (item: T, index: number, newLine: string) => void,
  ): void {
    const inner = `${newLine}  `;
    this.text += brackets[0];
    for (const [index, item] of items.entries()) {
      this.text += (index === 0 ? '' : ',') + inner;
      write(item, index, inner);
    }
    this.text += (items.length === 0 ? '' : newLine) + brackets[1];
  }
}

/** The path of a member. */
export function memberPath(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
