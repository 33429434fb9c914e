import { parseTimeRange } from './instant.js';
import { MalformedJsonError } from './json-scan.js';
import { NdjsonFile } from './ndjson-file.js';
import { Postings } from './postings.js';
import { queryKey, type Query, type SortTerm } from './query.js';
import { insertionText, isInPlace, scanResource } from './resource-scan.js';
import { RowTable, type Row } from './row-table.js';
import { searchParametersOf, type SearchParameter } from './search-parameters.js';

const MICROSECONDS_PER_MILLISECOND = 1000;
const REMEMBERED_RESULTS = 64;
/** Rows of a page that lie closer together in the file than this are read at once. */
const READ_THROUGH_BYTES = 16 * 1024;
const SCAN_BYTES = 8 * 1024 * 1024;
const SYNTHETIC_START = Date.UTC(2020, 0, 1);
const SYNTHETIC_SPAN_MS = 4 * 365 * 86_400_000;
/** What a time in a row's text is as long as, when it is put in: `2020-01-01T00:00:00.000Z`. */
const INSTANT_LENGTH = 24;

/** A resource text that cannot be served. Names the place; holds nothing of the text. */
export class UnusableResourceError extends Error {
  override readonly name = 'UnusableResourceError';
}

/** One resource type's resources: those of a file, and above them those changed since. */
export class Collection {
  readonly parameters: ReadonlyMap<string, SearchParameter>;
  readonly #table = new RowTable();
  readonly #file: NdjsonFile | undefined;
  /** Texts of rows that are in no file. */
  readonly #texts = new Map<number, Buffer>();
  readonly #orders = new Map<string, Uint32Array>();
  readonly #results = new Map<string, Uint32Array>();
  #postings: Postings | undefined;
  #scratch = Buffer.alloc(0);

  /** Reads the whole file once. @throws UnusableResourceError naming the line that cannot be served. */
  constructor(
    readonly type: string,
    path?: string,
  ) {
    this.parameters = searchParametersOf(type);
    if (path === undefined) return;
    const file = new NdjsonFile(path);
    this.#file = file;
    file.visitLines((buffer, start, end, offset, line) => {
      const where = `${path} line ${line}`;
      const { id, row } = scanRow(type, buffer, start, end, where, syntheticTime(type, line));
      if (this.#table.find(id) >= 0)
        throw new UnusableResourceError(`${where}: its id occurs in an earlier line`);
      this.#table.add(id, { ...row, offset });
    });
  }

  /** How many resources there are. */
  get size(): number {
    return this.#table.liveCount;
  }

  /** Adds a resource, or a new version of one, last in the source's own order. */
  put(id: string, text: string, now: number): void {
    const json = withLastUpdated(Buffer.from(text), new Date(now).toISOString());
    const scanned = scanRow(this.type, json, 0, json.length, `${this.type}/${id}`, now);
    if (scanned.id !== id) throw new UnusableResourceError(`${this.type}/${id}: the text has another id`);
    this.remove(id);
    const row = this.#table.add(id, { ...scanned.row, offset: -1 });
    this.#texts.set(row, json);
    this.#forgetResults();
  }

  /** Returns whether there was such a resource. */
  remove(id: string): boolean {
    const row = this.row(id);
    if (row === undefined) return false;
    this.#table.retire(row);
    this.#forgetResults();
    return true;
  }

  row(id: string): number | undefined {
    const row = this.#table.find(id);
    return row < 0 || this.#table.isRetired(row) ? undefined : row;
  }

  /** Whether the id was that of a resource that has been removed. */
  wasRemoved(id: string): boolean {
    return this.#table.find(id) >= 0 && this.row(id) === undefined;
  }

  /** The highest row number given out. Retired rows stay comparable, so that cursors stay good. */
  get lastRow(): number {
    return this.#table.count - 1;
  }

  id(row: number): string {
    return this.#table.id(row);
  }

  idLength(row: number): number {
    return this.#table.idLength(row);
  }

  copyId(row: number, target: Buffer, at: number): number {
    return this.#table.copyId(row, target, at);
  }

  /** The rows that a query finds, in its order. Valid until the next change. */
  select(query: Query): Uint32Array {
    const key = queryKey(query);
    const known = this.#results.get(key);
    if (known) return known;
    const result = this.#select(query);
    if (this.#results.size >= REMEMBERED_RESULTS) this.#results.delete(this.#results.keys().next().value!);
    this.#results.set(key, result);
    return result;
  }

  /** Where in a result the rows begin that come after `row` in the query's order. */
  positionAfter(rows: Uint32Array, row: number, query: Query): number {
    const compare = this.#comparator(query.sort);
    return partitionPoint(rows, (other) => compare(other, row) <= 0);
  }

  /** Bytes of a row's text as it is served. */
  textLength(row: number): number {
    return this.#table.lengths[row]! + insertionLength(this.#table.insertions[row]!);
  }

  /** Writes the texts of rows into `target` at the positions given for each of them. */
  copyTexts(rows: Uint32Array, target: Buffer, positions: Float64Array): void {
    const byOffset = Uint32Array.from(rows.keys());
    if (!isAscending(rows, this.#table.offsets)) {
      byOffset.sort((left, right) => this.#table.offsets[rows[left]!]! - this.#table.offsets[rows[right]!]!);
    }
    for (let index = 0; index < rows.length;) index = this.#copyRun(rows, byOffset, index, target, positions);
  }

  close(): void {
    this.#file?.close();
  }

  /** Copies the row at `index` and those behind it that are near in the file; returns the next index. */
  #copyRun(
    rows: Uint32Array,
    byOffset: Uint32Array,
    index: number,
    target: Buffer,
    at: Float64Array,
  ): number {
    const { offsets, lengths } = this.#table;
    const first = rows[byOffset[index]!]!;
    if (offsets[first]! < 0 || !this.#file) {
      this.#texts.get(first)?.copy(target, at[byOffset[index]!]);
      return index + 1;
    }
    const from = offsets[first]!;
    let to = from + lengths[first]!;
    let next = index + 1;
    for (; next < rows.length; next++) {
      const row = rows[byOffset[next]!]!;
      if (offsets[row]! - to > READ_THROUGH_BYTES || offsets[row]! + lengths[row]! - from > SCAN_BYTES) break;
      to = offsets[row]! + lengths[row]!;
    }
    if (this.#scratch.length < to - from) this.#scratch = Buffer.allocUnsafe((to - from) * 2);
    const run = this.#scratch;
    this.#file.read(run, 0, to - from, from);
    for (let member = index; member < next; member++) {
      const row = rows[byOffset[member]!]!;
      this.#copyText(row, run, offsets[row]! - from, target, at[byOffset[member]!]!);
    }
    return next;
  }

  #copyText(row: number, source: Buffer, start: number, target: Buffer, at: number): void {
    const { lengths, insertions, insertAts, times } = this.#table;
    const end = start + lengths[row]!;
    if (isInPlace(insertions[row]!)) {
      source.copy(target, at, start, end);
      return;
    }
    const split = start + insertAts[row]!;
    const instant = new Date(times[row]! / MICROSECONDS_PER_MILLISECOND).toISOString();
    at += source.copy(target, at, start, split);
    at += target.write(insertionText(insertions[row]!, instant), at);
    source.copy(target, at, split, end);
  }

  #select(query: Query): Uint32Array {
    const { from, to } = query.time;
    const { times } = this.#table;
    const unbounded = from === -Infinity && to === Infinity;
    if (query.ids.length > 0 || query.filters.length > 0) {
      const rows = this.#narrow(query).filter((row) => times[row]! >= from && times[row]! < to);
      return query.sort.length === 0 ? rows : rows.sort(this.#comparator(query.sort));
    }
    const order = this.#order(query.sort);
    if (unbounded) return order;
    const [primary] = query.sort;
    if (primary?.key !== '_lastUpdated') {
      return order.filter((row) => times[row]! >= from && times[row]! < to);
    }
    return primary.descending
      ? order.subarray(
          partitionPoint(order, (row) => times[row]! >= to),
          partitionPoint(order, (row) => times[row]! >= from),
        )
      : order.subarray(
          partitionPoint(order, (row) => times[row]! < from),
          partitionPoint(order, (row) => times[row]! < to),
        );
  }

  /** The rows that hold what ids and value filters ask for, ascending. */
  #narrow(query: Query): Uint32Array {
    const alternatives = query.ids.map(
      (ids) => new Set(ids.map((id) => this.row(id)).filter((row) => row !== undefined)),
    );
    for (const { parameter, values } of query.filters) {
      const postings = this.#indexedPostings();
      const isPatient = parameter === 'patient';
      const keys = values.map((value) => (isPatient && !value.includes('/') ? `Patient/${value}` : value));
      alternatives.push(new Set(keys.flatMap((key) => postings.rows(parameter, key))));
    }
    const [smallest, ...others] = alternatives.sort((left, right) => left.size - right.size);
    const rows = [...smallest!].filter(
      (row) => !this.#table.isRetired(row) && others.every((other) => other.has(row)),
    );
    return Uint32Array.from(rows).sort();
  }

  #indexedPostings(): Postings {
    const postings = (this.#postings ??= new Postings(this.parameters));
    const chunk: number[] = [];
    let bytes = 0;
    const flush = () => {
      const rows = Uint32Array.from(chunk);
      const positions = new Float64Array(rows.length);
      let at = 0;
      for (const [index, row] of rows.entries()) {
        positions[index] = at;
        at += this.textLength(row);
      }
      const texts = Buffer.allocUnsafe(at);
      this.copyTexts(rows, texts, positions);
      for (const [index, row] of rows.entries()) {
        postings.add(row, texts, positions[index]!, positions[index]! + this.textLength(row));
      }
      chunk.length = 0;
      bytes = 0;
    };
    for (let row = postings.indexedRows; row < this.#table.count; row++) {
      chunk.push(row);
      bytes += this.textLength(row);
      if (bytes >= SCAN_BYTES) flush();
    }
    if (chunk.length > 0) flush();
    return postings;
  }

  /** All rows in an order. */
  #order(sort: readonly SortTerm[]): Uint32Array {
    const key = JSON.stringify(sort);
    const known = this.#orders.get(key);
    if (known) return known;
    const order = new Uint32Array(this.#table.liveCount);
    for (let row = 0, at = 0; row < this.#table.count; row++) {
      if (!this.#table.isRetired(row)) order[at++] = row;
    }
    if (sort.length > 0) {
      const compare = this.#comparator(sort);
      if (order.some((row, index) => index > 0 && compare(order[index - 1]!, row) > 0)) order.sort(compare);
    }
    this.#orders.set(key, order);
    return order;
  }

  /** Ties are broken by the row's number, so that an order is total and a cursor stable. */
  #comparator(sort: readonly SortTerm[]): (left: number, right: number) => number {
    const table = this.#table;
    return (left, right) => {
      for (const { key, descending } of sort) {
        const difference =
          key === '_id' ? table.compareIds(left, right) : table.times[left]! - table.times[right]!;
        if (difference !== 0) return descending ? -difference : difference;
      }
      return left - right;
    };
  }

  #forgetResults(): void {
    this.#orders.clear();
    this.#results.clear();
  }
}

function scanRow(
  type: string,
  json: Buffer,
  start: number,
  end: number,
  where: string,
  absentTime: number,
): { id: string; row: Omit<Row, 'offset'> } {
  try {
    const scan = scanResource(json, start, end);
    if (scan.resourceType !== type)
      throw new UnusableResourceError(`${where}: its resourceType is not ${type}`);
    const time = scan.lastUpdated === undefined ? undefined : parseTimeRange(scan.lastUpdated);
    if (scan.lastUpdated !== undefined && time === undefined) {
      throw new UnusableResourceError(`${where}: its meta.lastUpdated is not an instant`);
    }
    return {
      id: scan.id,
      row: {
        length: end - start,
        time: time?.from ?? absentTime * MICROSECONDS_PER_MILLISECOND,
        insertion: scan.insertion,
        insertAt: scan.position - start,
      },
    };
  } catch (error) {
    if (error instanceof MalformedJsonError || error instanceof SyntaxError) {
      throw new UnusableResourceError(`${where}: not a JSON object with a resourceType and an id`, {
        cause: error,
      });
    }
    throw error;
  }
}

function withLastUpdated(json: Buffer, instant: string): Buffer {
  const scan = scanResource(json, 0, json.length);
  const text = Buffer.from(insertionText(scan.insertion, instant));
  return Buffer.concat([json.subarray(0, scan.position), text, json.subarray(scan.positionEnd)]);
}

function insertionLength(insertion: number): number {
  return isInPlace(insertion) ? 0 : insertionText(insertion, '').length + INSTANT_LENGTH;
}

/** A time in milliseconds that a resource without one always gets again. */
function syntheticTime(type: string, line: number): number {
  let hash = line;
  for (const character of type) hash = Math.imul(hash, 31) + character.charCodeAt(0);
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  return SYNTHETIC_START + Math.floor(((hash >>> 0) / 2 ** 32) * SYNTHETIC_SPAN_MS);
}

/** The first index whose row does not fulfil a condition that holds for a front part of the rows. */
function partitionPoint(rows: Uint32Array, holds: (row: number) => boolean): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(rows[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isAscending(rows: Uint32Array, offsets: Float64Array): boolean {
  for (let index = 1; index < rows.length; index++) {
    if (offsets[rows[index]!]! < offsets[rows[index - 1]!]!) return false;
  }
  return true;
}
