/** A set of UTF-16 code units, as .NET's classes are. Immutable. */
export class CharSet {
  /** Membership of the first 256, worked out when first asked for. */
  #latin: Uint8Array | null = null;

  private constructor(
    /** First and last code unit of each range, ascending, ranges apart. */
    readonly ranges: readonly number[],
  ) {}

  static readonly NONE = new CharSet([]);
  static readonly ALL = new CharSet([0, 0xffff]);

  static of(...codes: readonly number[]): CharSet {
    return CharSet.ofRanges(codes.flatMap((code) => [code, code]));
  }

  /** @param pairs first and last code unit of ranges, in any order */
  static ofRanges(pairs: readonly number[]): CharSet {
    const sorted: [number, number][] = [];
    for (let at = 0; at < pairs.length; at += 2) sorted.push([pairs[at] as number, pairs[at + 1] as number]);
    sorted.sort(([one], [two]) => one - two);
    const ranges: number[] = [];
    for (const [from, to] of sorted) addRange(ranges, from, to);
    return new CharSet(ranges);
  }

  /** The code units of which `holds` is true. */
  static where(holds: (code: number) => boolean): CharSet {
    const ranges: number[] = [];
    for (let code = 0; code <= 0xffff; code++) {
      if (!holds(code)) continue;
      const last = ranges.length - 1;
      if (ranges[last] === code - 1) ranges[last] = code;
      else ranges.push(code, code);
    }
    return new CharSet(ranges);
  }

  get isEmpty(): boolean {
    return this.ranges.length === 0;
  }

  /** Number of code units. */
  get size(): number {
    let size = 0;
    for (let at = 0; at < this.ranges.length; at += 2)
      size += (this.ranges[at + 1] as number) - (this.ranges[at] as number) + 1;
    return size;
  }

  has(code: number): boolean {
    if (code < 256) return (this.#latin ??= this.#firstOnes())[code] === 1;
    const { ranges } = this;
    let low = 0;
    let high = ranges.length >> 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((ranges[2 * middle + 1] as number) < code) low = middle + 1;
      else high = middle;
    }
    return 2 * low < ranges.length && (ranges[2 * low] as number) <= code;
  }

  #firstOnes(): Uint8Array {
    const table = new Uint8Array(256);
    for (let at = 0; at < this.ranges.length; at += 2)
      table.fill(1, this.ranges[at], (this.ranges[at + 1] as number) + 1);
    return table;
  }

  union(other: CharSet): CharSet {
    if (other.isEmpty) return this;
    if (this.isEmpty) return other;
    const ranges: number[] = [];
    let mine = 0;
    let theirs = 0;
    while (mine < this.ranges.length || theirs < other.ranges.length) {
      const isMine = (this.ranges[mine] ?? Infinity) <= (other.ranges[theirs] ?? Infinity);
      const next = isMine ? this.ranges : other.ranges;
      const at = isMine ? mine : theirs;
      addRange(ranges, next[at] as number, next[at + 1] as number);
      if (isMine) mine += 2;
      else theirs += 2;
    }
    return new CharSet(ranges);
  }

  complement(): CharSet {
    const ranges: number[] = [];
    let next = 0;
    for (let at = 0; at < this.ranges.length; at += 2) {
      const from = this.ranges[at] as number;
      if (from > next) ranges.push(next, from - 1);
      next = (this.ranges[at + 1] as number) + 1;
    }
    if (next <= 0xffff) ranges.push(next, 0xffff);
    return new CharSet(ranges);
  }

  minus(other: CharSet): CharSet {
    return this.complement().union(other).complement();
  }

  isDisjoint(other: CharSet): boolean {
    let mine = 0;
    let theirs = 0;
    while (mine < this.ranges.length && theirs < other.ranges.length) {
      if ((this.ranges[mine + 1] as number) < (other.ranges[theirs] as number)) mine += 2;
      else if ((other.ranges[theirs + 1] as number) < (this.ranges[mine] as number)) theirs += 2;
      else return false;
    }
    return true;
  }
}

/** Adds a range to ascending ones, none of which starts after it. */
function addRange(ranges: number[], from: number, to: number): void {
  const last = ranges.length - 1;
  if (last >= 0 && from <= (ranges[last] as number) + 1) ranges[last] = Math.max(ranges[last] as number, to);
  else ranges.push(from, to);
}
