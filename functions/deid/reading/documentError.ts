/** Text that is no configuration document, JSON or YAML, with where in it. Quotes no value of the text. */
export class DocumentError extends Error {
  /** @param position in UTF-16 units */
  constructor(reason: string, text: string, position: number) {
    const { line, column } = lineAndColumn(text, position);
    super(`${reason} at line ${line}, column ${column}`);
    this.name = 'DocumentError';
  }
}

/** Where a position is, both counted from 1; a column is a UTF-16 unit. */
export interface LineAndColumn {
  readonly line: number;
  readonly column: number;
}

export function lineAndColumn(text: string, position: number): LineAndColumn {
  let line = 1;
  let start = 0;
  for (;;) {
    const end = text.indexOf('\n', start);
    if (end < 0 || end >= position) return { line, column: position - start + 1 };
    line++;
    start = end + 1;
  }
}
