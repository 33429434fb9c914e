/** What one line of the table says. Names of files and definitions, line numbers and counts; no value of a resource. */
interface Difference {
  /** A file, or a type. */
  readonly where: string;
  readonly what: string;
  readonly expected: string;
  readonly found: string;
}

const HEAD: Difference = { where: 'where', what: 'what', expected: 'expected', found: 'found' };
const COLUMNS = ['where', 'what', 'expected', 'found'] as const;
const MAX_ROWS = 100;
const MAX_LINES = 3;

/** All in which a saved export is not what its manifest and report say. */
export class Differences {
  readonly #rows: Difference[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Adds a row where two values are not the same. */
  compare(where: string, what: string, expected: number | string, found: number | string): void {
    if (expected !== found) this.add(where, what, String(expected), String(found));
  }

  /** Compares counts by name; a name that is missing counts 0. */
  compareCounts(
    where: string,
    what: string,
    expected: Readonly<Record<string, number>>,
    found: ReadonlyMap<string, number>,
  ): void {
    for (const name of new Set([...Object.keys(expected), ...found.keys()]))
      this.compare(where, `${what} ${name}`, expected[name] ?? 0, found.get(name) ?? 0);
  }

  add(where: string, what: string, expected: string, found: string): void {
    this.#count++;
    if (this.#rows.length < MAX_ROWS) this.#rows.push({ where, what, expected, found });
  }

  /** The table; empty without a difference. */
  toString(): string {
    if (this.#count === 0) return '';
    const rows = [HEAD, ...this.#rows].map((row) => COLUMNS.map((column) => printable(row[column])));
    const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
    const lines = rows.map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
    const more = this.#count - this.#rows.length;
    return [...lines, ...(more === 0 ? [] : [`and ${more} more`])].join('\n');
  }
}

/** Line numbers of what is wrong for one reason: the first of them, and how many. */
export class Lines {
  readonly #first: number[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(line: number): void {
    this.#count++;
    if (this.#first.length < MAX_LINES) this.#first.push(line);
  }

  toString(): string {
    const more = this.#count - this.#first.length;
    return `${this.#count}: line ${this.#first.join(', ')}${more === 0 ? '' : ', …'}`;
  }
}

/** Names come from files of others: what is no printable ASCII could say something else on a terminal. */
export function printable(text: string): string {
  return text.replaceAll(/[^ -~…]/g, '?').slice(0, 120);
}
