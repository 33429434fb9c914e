const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const SPACE = 0x20;
const DELETE = 0x7f;
/** Bytes of a string that are looked at one by one; of a longer one, such as an attachment, the end is searched. */
const SHORT_STRING = 128;
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

  /**
   * Goes through the members of the object that is next. `visit` has to take the value of each that has one of the
   * names; others are passed over. A name written with escapes is not found.
   */
  object<Name extends string>(names: readonly Name[], visit: (name: Name) => void): void {
    this.#expect(OPEN_BRACE);
    if (this.#take(CLOSE_BRACE)) return;
    do {
      const start = this.position;
      if (this.#bytes[start] !== QUOTE) throw new JsonScanError('a name is missing');
      this.#at = this.#endOfString(start);
      const name = this.#nameAt(names, start + 1, this.#at - 1);
      this.#expect(COLON);
      if (name === undefined) this.skip();
      else visit(name);
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
    if (this.#bytes[start] === QUOTE && this.#isPlain(start + 1, this.#at - 1)) {
      return this.#bytes.toString('latin1', start + 1, this.#at - 1);
    }
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

  #nameAt<Name extends string>(names: readonly Name[], start: number, end: number): Name | undefined {
    const bytes = this.#bytes;
    next: for (const name of names) {
      if (name.length !== end - start) continue;
      for (let place = 0; place < name.length; place++)
        if (bytes[start + place] !== name.charCodeAt(place)) continue next;
      return name;
    }
    return undefined;
  }

  /** Whether these bytes of a string are the characters they stand for. */
  #isPlain(start: number, end: number): boolean {
    const bytes = this.#bytes;
    for (let at = start; at < end; at++) {
      const byte = bytes[at] ?? 0;
      if (byte < SPACE || byte >= DELETE || byte === BACKSLASH) return false;
    }
    return true;
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
    const end = Math.min(bytes.length, start + SHORT_STRING);
    let at = start + 1;
    for (; at < end; at++) {
      const byte = bytes[at];
      if (byte === QUOTE) return at + 1;
      if (byte === BACKSLASH) at++;
    }
    for (let from = at; ; at++) {
      at = bytes.indexOf(QUOTE, at);
      if (at < 0) throw new JsonScanError('a string does not end');
      let backslashes = 0;
      while (at - backslashes > from && bytes[at - 1 - backslashes] === BACKSLASH) backslashes++;
      if (backslashes % 2 === 0) return at + 1;
      from = at + 1;
    }
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
