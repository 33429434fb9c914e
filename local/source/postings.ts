import { visitMembers } from './json-scan.js';
import type { SearchParameter } from './search-parameters.js';

/** For one resource type, which rows hold which values of its search parameters; rows ascend. */
export class Postings {
  readonly #parameters: ReadonlyMap<string, SearchParameter>;
  readonly #elements: ReadonlySet<string>;
  readonly #rows = new Map<string, Map<string, number[]>>();
  /** Rows below this number have been taken in. */
  indexedRows = 0;

  constructor(parameters: ReadonlyMap<string, SearchParameter>) {
    this.#parameters = parameters;
    this.#elements = new Set([...parameters.values()].flatMap(({ paths }) => paths.map((path) => path[0]!)));
    for (const name of parameters.keys()) this.#rows.set(name, new Map());
  }

  /** Takes in one resource's text; rows must come in ascending order. */
  add(row: number, json: Buffer, start: number, end: number): void {
    const values = new Map<string, unknown>();
    visitMembers(json, start, end, (name, valueStart, valueEnd) => {
      const element = choiceElement(name, this.#elements);
      if (element !== undefined) values.set(element, JSON.parse(json.toString('utf8', valueStart, valueEnd)));
      return true;
    });
    for (const [name, parameter] of this.#parameters) {
      const keys = new Set<string>();
      for (const path of parameter.paths) {
        collect(
          values.get(path[0]!),
          path.slice(1),
          parameter.type === 'token' ? tokenKeys : referenceKeys,
          keys,
        );
      }
      for (const key of keys) this.#add(name, key, row);
    }
    this.indexedRows = row + 1;
  }

  /** Rows with this value: `Type/id` or `id` of a reference, `code` or `system|code` of a token. */
  rows(parameter: string, value: string): readonly number[] {
    return this.#rows.get(parameter)?.get(value) ?? [];
  }

  #add(parameter: string, key: string, row: number): void {
    const rows = this.#rows.get(parameter)!;
    const known = rows.get(key);
    if (known) known.push(row);
    else rows.set(key, [row]);
  }
}

function choiceElement(name: string, elements: ReadonlySet<string>): string | undefined {
  if (elements.has(name)) return name;
  const element = /^(medication)[A-Z]/.exec(name)?.[1];
  return element !== undefined && elements.has(element) ? element : undefined;
}

function collect(
  value: unknown,
  path: readonly string[],
  keysOf: (value: unknown) => string[],
  into: Set<string>,
): void {
  if (Array.isArray(value)) {
    for (const item of value) collect(item, path, keysOf, into);
  } else if (path.length === 0) {
    for (const key of keysOf(value)) into.add(key);
  } else if (isObject(value)) {
    collect(value[path[0]!], path.slice(1), keysOf, into);
  }
}

/** `http://…/Patient/1/_history/2` and `Patient/1` are found by `Patient/1` and by `1`. */
function referenceKeys(value: unknown): string[] {
  if (!isObject(value) || typeof value['reference'] !== 'string') return [];
  const match = /(?:^|\/)([A-Za-z]+)\/([A-Za-z0-9.-]{1,64})(?:\/_history\/[^/]+)?$/.exec(value['reference']);
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
