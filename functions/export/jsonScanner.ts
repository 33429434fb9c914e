const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const SPACE = 0x20;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/** The bytes end too early, or are no JSON at a place that is looked at. */
export class JsonScanError extends Error {
  override readonly name = 'JsonScanError';
}

/**
 * Walks through JSON in bytes without making values of it: a page of many megabytes becomes no large string and
 * no large object. Values that are skipped are not checked; whoever wants one parses its bytes.
 */
export class JsonScanner {
  readonly #bytes: Buffer;
  #at: number;

  /** `start` is where a value begins; a byte order mark before it is passed over. */
  constructor(bytes: Buffer, start = 0) {
    this.#bytes = bytes;
    const hasMark = start === 0 && BYTE_ORDER_MARK.every((byte, index) => bytes[index] === byte);
    this.#at = hasMark ? BYTE_ORDER_MARK.length : start;
  }

  /** Where the next value begins. */
  get position(): number {
    this.#skipSpace();
    return this.#at;
  }

  /** Whether the next value is an object. */
  get isAtObject(): boolean {
    return this.#bytes[this.position] === OPEN_BRACE;
  }

  /** Whether the next value is an array. */
  get isAtArray(): boolean {
    return this.#bytes[this.position] === OPEN_BRACKET;
  }

  /** Goes through the members of the object that is next. `visit` has to take the value of each. */
  object(visit: (key: string) => void): void {
    this.#expect(OPEN_BRACE);
    if (this.#take(CLOSE_BRACE)) return;
    do {
      const start = this.position;
      this.skip();
      // Keys of interest have no escapes; one that has is told apart by its backslash.
      const key = this.#bytes.toString('latin1', start + 1, this.#at - 1);
      this.#expect(COLON);
      visit(key);
    } while (this.#take(COMMA));
    this.#expect(CLOSE_BRACE);
  }

  /** Goes through the items of the array that is next. `visit` has to take each. */
  array(visit: () => void): void {
    this.#expect(OPEN_BRACKET);
    if (this.#take(CLOSE_BRACKET)) return;
    do visit();
    while (this.#take(COMMA));
    this.#expect(CLOSE_BRACKET);
  }

  /** Passes over the next value. */
  skip(): void {
    switch (this.#bytes[this.position]) {
      case QUOTE:
        this.#at = this.#endOfString(this.#at);
        return;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        this.#at = this.#endOfNested(this.#at);
        return;
      default:
        this.#skipScalar();
    }
  }

  /** The next value, parsed. @throws JsonScanError */
  value(): unknown {
    const start = this.position;
    this.skip();
    try {
      return JSON.parse(this.#bytes.toString('utf8', start, this.#at));
    } catch {
      throw new JsonScanError('malformed value');
    }
  }

  /** Nothing but space may follow. */
  end(): void {
    if (this.position !== this.#bytes.length) throw new JsonScanError('something follows the value');
  }

  #skipSpace(): void {
    const bytes = this.#bytes;
    while ((bytes[this.#at] ?? QUOTE) <= SPACE) this.#at++;
  }

  #take(byte: number): boolean {
    if (this.#bytes[this.position] !== byte) return false;
    this.#at++;
    return true;
  }

  #expect(byte: number): void {
    if (!this.#take(byte)) throw new JsonScanError('malformed JSON');
  }

  #endOfString(start: number): number {
    const bytes = this.#bytes;
    for (let at = start + 1; at < bytes.length; at++) {
      const byte = bytes[at];
      if (byte === QUOTE) return at + 1;
      if (byte === BACKSLASH) at++;
    }
    throw new JsonScanError('a string does not end');
  }

  #endOfNested(start: number): number {
    const bytes = this.#bytes;
    let depth = 0;
    for (let at = start; at < bytes.length; at++) {
      switch (bytes[at]) {
        case QUOTE:
          at = this.#endOfString(at) - 1;
          break;
        case OPEN_BRACE:
        case OPEN_BRACKET:
          depth++;
          break;
        case CLOSE_BRACE:
        case CLOSE_BRACKET:
          if (--depth === 0) return at + 1;
          break;
        default:
      }
    }
    throw new JsonScanError('an object or array does not end');
  }

  #skipScalar(): void {
    const bytes = this.#bytes;
    const start = this.#at;
    for (; this.#at < bytes.length; this.#at++) {
      const byte = bytes[this.#at] ?? SPACE;
      if (byte <= SPACE || byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET) break;
    }
    if (this.#at === start) throw new JsonScanError('a value is missing');
  }
}
