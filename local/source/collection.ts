import { NdjsonFile } from './ndjsonFile.js';
import { Postings } from './postings.js';
import { queryKey, type Query, type SortTerm } from './query.js';
import { scanRow, syntheticTime, UnusableResourceError, withLastUpdated } from './rowScan.js';
import { RowTable } from './rowTable.js';
import { searchParametersOf, type SearchParameter } from './searchParameters.js';
import { TextStore } from './textStore.js';

const REMEMBERED_RESULTS = 64;

/** A change since the source was started. */
export interface Version {
  id: string;
  /** Milliseconds since the epoch. */
  at: number;
  /** `undefined`: the resource was deleted. */
  row: number | undefined;
}

/** One resource type's resources: those of a file, and above them those changed since. */
export class Collection {
  readonly parameters: ReadonlyMap<string, SearchParameter>;
  readonly texts: TextStore;
  /** In the order in which they came. */
  readonly versions: Version[] = [];
  readonly #table = new RowTable();
  readonly #file: NdjsonFile | undefined;
  readonly #orders = new Map<string, Uint32Array>();
  readonly #results = new Map<string, Uint32Array>();
  readonly #postings = new Map<string, Postings>();

  /** Reads the whole file once. @throws UnusableResourceError naming the line that cannot be served. */
  constructor(
    readonly type: string,
    path?: string,
  ) {
    this.parameters = searchParametersOf(type);
    this.#file = path === undefined ? undefined : new NdjsonFile(path);
    this.texts = new TextStore(this.#table, this.#file);
    this.#file?.visitLines((buffer, start, end, offset, line) => {
      const where = () => `${path} line ${line}`;
      const row = scanRow(type, buffer, start, end, syntheticTime(type, line), where);
      if (this.#table.add(buffer, offset, row) >= 0) {
        throw new UnusableResourceError(`${where()}: its id occurs in an earlier line`);
      }
    });
  }

  /** Adds a resource, or a new version of one, last in the source's own order; `now` in milliseconds. */
  put(id: string, text: string, now: number): void {
    const where = () => `${this.type}/${id}`;
    const json = withLastUpdated(Buffer.from(text), new Date(now).toISOString(), where);
    const row = scanRow(this.type, json, 0, json.length, now, where);
    if (json.toString('latin1', row.idStart, row.idEnd) !== id) {
      throw new UnusableResourceError(`${where()}: the text has another id`);
    }
    this.texts.put(this.#table.count, json);
    this.versions.push({ id, at: now, row: this.#table.count });
    const earlier = this.#table.add(json, -1, row);
    if (earlier >= 0) this.#table.retire(earlier);
    this.#forgetResults();
  }

  /** Returns whether there was such a resource; `now` in milliseconds. */
  remove(id: string, now: number): boolean {
    const row = this.row(id);
    if (row === undefined) return false;
    this.#table.retire(row);
    this.versions.push({ id, at: now, row: undefined });
    this.#forgetResults();
    return true;
  }

  row(id: string): number | undefined {
    const row = this.#table.find(id);
    return row < 0 || this.#table.isRetired(row) ? undefined : row;
  }

  /** The latest row of an id, also of a resource that has been removed; -1 if there is none. */
  lastRowOf(id: string): number {
    return this.#table.find(id);
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

  /** Whether rows, of which there are some, share one instant. */
  isTied(rows: Uint32Array): boolean {
    const { times } = this.#table;
    return rows.length > 0 && rows.every((row) => times[row] === times[rows[0]!]);
  }

  /** Where in a result the rows begin that come after `row` in the query's order. */
  positionAfter(rows: Uint32Array, row: number, query: Query): number {
    const compare = this.#comparator(query.sort);
    return partitionPoint(rows, (other) => compare(other, row) <= 0);
  }

  close(): void {
    this.#file?.close();
  }

  #select(query: Query): Uint32Array {
    const { from, to } = query.time;
    const { times } = this.#table;
    const isInTime = (row: number) => times[row]! >= from && times[row]! < to;
    if (query.ids.length > 0 || query.filters.length > 0) {
      const rows = this.#narrow(query).filter(isInTime);
      return query.sort.length === 0 ? rows : rows.sort(this.#comparator(query.sort));
    }
    const order = this.#order(query.sort);
    if (from === -Infinity && to === Infinity) return order;
    const [primary] = query.sort;
    if (primary?.key !== '_lastUpdated') return order.filter(isInTime);
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
    const found: Set<number>[] = query.ids.map(
      (ids) => new Set(ids.map((id) => this.row(id)).filter((row) => row !== undefined)),
    );
    for (const { parameter, values } of query.filters) {
      const isPatient = parameter === 'patient';
      const keys = values.map((value) => (isPatient && !value.includes('/') ? `Patient/${value}` : value));
      found.push(new Set(this.rowsOf(parameter, keys)));
    }
    const [smallest, ...others] = found.sort((left, right) => left.size - right.size);
    const rows = [...smallest!].filter(
      (row) => !this.#table.isRetired(row) && others.every((other) => other.has(row)),
    );
    return Uint32Array.from(rows).sort();
  }

  /** The rows with any of some values of a search parameter, each once. */
  rowsOf(parameter: string, values: readonly string[]): ReadonlySet<number> {
    const postings = this.#postingsOf(parameter);
    return new Set(
      values.flatMap((value) => postings.rows(value)).filter((row) => !this.#table.isRetired(row)),
    );
  }

  /** The rows with any of some references (`Type/id`) at elements, each once. */
  rowsReferring(
    paths: ReadonlyArray<readonly string[]>,
    references: readonly string[],
    withRetired: boolean,
  ): ReadonlySet<number> {
    const key = JSON.stringify(paths);
    const postings = this.#postingsOf(key, { type: 'reference', paths });
    const rows = references.flatMap((reference) => postings.rows(reference));
    return new Set(withRetired ? rows : rows.filter((row) => !this.#table.isRetired(row)));
  }

  #postingsOf(key: string, parameter = this.parameters.get(key)!): Postings {
    const known = this.#postings.get(key);
    const postings = known ?? new Postings(parameter);
    this.#postings.set(key, postings);
    postings.addRows(this.texts, this.#table.count);
    return postings;
  }

  /** All rows in an order. */
  #order(sort: readonly SortTerm[]): Uint32Array {
    const key = JSON.stringify(sort);
    const known = this.#orders.get(key);
    if (known) return known;
    const order = this.#table.liveRows();
    const compare = this.#comparator(sort);
    if (order.some((row, index) => index > 0 && compare(order[index - 1]!, row) > 0)) order.sort(compare);
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
