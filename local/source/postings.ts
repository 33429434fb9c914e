import { memberName, visitMembers } from './jsonScan.js';
import type { SearchParameter } from './searchParameters.js';
import type { TextStore } from './textStore.js';

const CHUNK_BYTES = 8 * 1024 * 1024;

/** Which rows hold which values of one search parameter; rows ascend. */
export class Postings {
  readonly #paths: readonly (readonly string[])[];
  readonly #keysOf: (value: unknown) => string[];
  /** The JSON names of the paths' first elements, and which path each belongs to. */
  readonly #members: Buffer[] = [];
  readonly #pathOfMember: number[] = [];
  readonly #rows = new Map<string, number[]>();
  #rowCount = 0;

  constructor(parameter: SearchParameter) {
    this.#paths = parameter.paths;
    this.#keysOf = parameter.type === 'token' ? tokenKeys : referenceKeys;
    for (const [index, path] of parameter.paths.entries()) {
      for (const name of jsonNames(path[0]!)) {
        this.#members.push(memberName(name));
        this.#pathOfMember.push(index);
      }
    }
  }

  /** Rows with this value: `Type/id` or `id` of a reference, `code` or `system|code` of a token. */
  rows(value: string): readonly number[] {
    return this.#rows.get(value) ?? [];
  }

  /** Takes in the rows up to `count` that it has not had yet. */
  addRows(texts: TextStore, count: number): void {
    while (this.#rowCount < count) {
      const first = this.#rowCount;
      let next = first;
      for (let bytes = 0; next < count && bytes < CHUNK_BYTES; next++) bytes += texts.length(next);
      this.#addChunk(
        texts,
        Uint32Array.from({ length: next - first }, (_, index) => first + index),
      );
      this.#rowCount = next;
    }
  }

  #addChunk(texts: TextStore, rows: Uint32Array): void {
    const starts = new Float64Array(rows.length + 1);
    for (const [index, row] of rows.entries()) starts[index + 1] = starts[index]! + texts.length(row);
    const json = Buffer.allocUnsafe(starts[rows.length]!);
    texts.copy(rows, json, starts);
    for (const [index, row] of rows.entries()) this.#addRow(row, json, starts[index]!, starts[index + 1]!);
  }

  #addRow(row: number, json: Buffer, start: number, end: number): void {
    const keys = new Set<string>();
    let missing = this.#members.length;
    visitMembers(json, start, end, this.#members, (member, valueStart, valueEnd) => {
      const value: unknown = JSON.parse(json.toString('utf8', valueStart, valueEnd));
      collect(value, this.#paths[this.#pathOfMember[member]!]!, 1, this.#keysOf, keys);
      missing--;
      return missing > 0;
    });
    for (const key of keys) {
      const rows = this.#rows.get(key);
      if (rows) rows.push(row);
      else this.#rows.set(key, [row]);
    }
  }
}

/** The one choice element among the parameters has a name for each of its types. */
function jsonNames(element: string): string[] {
  return element === 'medication' ? ['medicationCodeableConcept', 'medicationReference'] : [element];
}

function collect(
  value: unknown,
  path: readonly string[],
  step: number,
  keysOf: (value: unknown) => string[],
  into: Set<string>,
): void {
  if (Array.isArray(value)) {
    for (const item of value) collect(item, path, step, keysOf, into);
  } else if (step === path.length) {
    for (const key of keysOf(value)) into.add(key);
  } else if (isObject(value)) {
    collect(value[path[step]!], path, step + 1, keysOf, into);
  }
}

/** `http://…/Patient/1/_history/2` and `Patient/1` are found by `Patient/1` and by `1`. */
function referenceKeys(value: unknown): string[] {
  if (!isObject(value) || typeof value['reference'] !== 'string') return [];
  const match = /(?:^|\/)([A-Za-z]+)\/([^/?#]{1,255})(?:\/_history\/[^/]+)?$/.exec(value['reference']);
  return match ? [`${match[1]}/${match[2]}`, match[2]!] : [value['reference']];
}

function tokenKeys(value: unknown): string[] {
  if (typeof value === 'string' || typeof value === 'boolean') return [String(value)];
  if (!isObject(value)) return [];
  const codings: unknown[] = Array.isArray(value['coding']) ? value['coding'] : [value];
  return codings.filter(isObject).flatMap((coding) => {
    if (typeof coding['code'] !== 'string') return [];
    return typeof coding['system'] === 'string'
      ? [coding['code'], `${coding['system']}|${coding['code']}`]
      : [coding['code']];
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
