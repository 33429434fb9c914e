/** Where progress is shown: standard output, or its replacement in tests. */
export interface ProgressStream {
  isTTY?: boolean;
  columns?: number;
  write(text: string): unknown;
}

/** Progress that takes one line: on a terminal the line is written anew, elsewhere a line is written per change. */
export class ProgressLine {
  readonly #stream: ProgressStream;
  #shown = '';

  constructor(stream: ProgressStream) {
    this.#stream = stream;
  }

  show(text: string): void {
    if (text === this.#shown) return;
    this.#shown = text;
    if (this.#stream.isTTY !== true) this.#stream.write(`${text}\n`);
    // A line that is wrapped could not be written anew.
    else this.#stream.write(`\r\u001b[K${text.slice(0, (this.#stream.columns ?? 80) - 1)}`);
  }

  /** Leaves the last text as it is; what is written next begins on a new line. */
  end(): void {
    if (this.#stream.isTTY === true && this.#shown !== '') this.#stream.write('\n');
    this.#shown = '';
  }
}
