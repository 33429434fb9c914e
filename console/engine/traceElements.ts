import type { FhirNode } from '../../functions/deid/model/node.js';
import type { FhirType } from '../../functions/deid/model/types.js';
import type { Trace } from '../../functions/deid/run/trace.js';
import { isEmptyObject, isJsonObject, type JsonValue } from '../../functions/json/json.js';
import { memberPath, type IndentedJson } from './indentedJson.js';
import type { ElementTrace, ValidityProblem } from './protocol.js';

type Row = { -readonly [Name in keyof ElementTrace]: ElementTrace[Name] };

/** One side of a resource: its JSON, and the same as text. */
export interface Side extends IndentedJson {
  readonly json: JsonValue;
}

/** What became of each element of a resource. @param after absent where there is no result */
export function traceElements(
  trace: Trace,
  before: Side,
  after: Side | undefined,
  problems: readonly ValidityProblem[],
): ElementTrace[] {
  if (trace.root === undefined) return [];
  const elements = new Elements(trace, before, after);
  elements.readBefore(before.json, '', '', trace.root);
  if (after !== undefined) elements.readAfter(after.json, '', '', trace.root, trace.root.type);
  elements.markChanges();
  for (const problem of problems) elements.markProblem(problem);
  return elements.rows;
}

/** The path of a definition: of a resource its type. */
export function definitionOf({ parent, key, type }: FhirNode): string {
  return parent === null ? type.name : definitionIn(parent.type, key);
}

function definitionIn(type: FhirType, key: string): string {
  const name = key.startsWith('_') ? key.slice(1) : key;
  return type.elements.get(name)?.path ?? `${type.path}.(unknown)`;
}

class Elements {
  readonly rows: Row[] = [];
  readonly #trace: Trace;
  readonly #before: Side;
  readonly #after: Side | undefined;
  readonly #input = new Map<string, FhirNode>();
  readonly #output = new Map<string, FhirNode>();
  readonly #rowOf = new Map<FhirNode, Row>();
  /** The element that a row is of, or that it was put in. */
  readonly #around = new Map<Row, FhirNode>();

  constructor(trace: Trace, before: Side, after: Side | undefined) {
    this.#trace = trace;
    this.#before = before;
    this.#after = after;
    const { root } = trace;
    if (root === undefined) return;
    this.#noteInput(root);
    if (after !== undefined) this.#noteOutput(root);
  }

  #noteInput(node: FhirNode): void {
    this.#input.set(this.#trace.inputPath(node) ?? '', node);
    for (const child of this.#trace.originalChildren(node)) this.#noteInput(child);
  }

  #noteOutput(node: FhirNode): void {
    if (!this.#trace.isWritten(node)) return;
    this.#output.set(this.#trace.outputPath(node) ?? '', node);
    for (const child of node.children) this.#noteOutput(child);
  }

  /** @param around the element that the value is in */
  readBefore(value: JsonValue, path: string, key: string, around: FhirNode): void {
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) this.readBefore(item, `${path}[${index}]`, key, around);
      return;
    }
    const isSibling = key.startsWith('_');
    const node = this.#input.get(valuePath(path));
    if (isNothing(value, key)) return;
    const isWrong =
      node?.type.primitive != null && !isSibling && this.#trace.originalValue(node) === undefined;
    if (node === undefined || isWrong) {
      this.#addUnknown(path, key, around);
      return;
    }
    const span = this.#before.spans.get(path);
    const row = this.#rowOf.get(node) ?? this.#addNode(node);
    if (span !== undefined && (!isSibling || row.before === undefined)) row.before = span;
    if (!isJsonObject(value)) return;
    for (const [name, member] of Object.entries(value))
      this.readBefore(member as JsonValue, memberPath(path, name), name, node);
  }

  #addUnknown(path: string, key: string, around: FhirNode): void {
    const before = this.#before.spans.get(path);
    this.#add(
      {
        path,
        definition: definitionIn(around.type, key),
        ...(before !== undefined && { before }),
        isPrimitive: false,
        by: 'unknown',
        change: 'removed',
      },
      around,
    );
  }

  #addNode(node: FhirNode): Row {
    const trace = this.#trace;
    const rule = trace.ruleOf(node);
    const isPrimitive = node.type.primitive !== null;
    const after = this.#after === undefined ? undefined : trace.outputPath(node);
    const isSame = !isPrimitive || node.value === trace.originalValue(node);
    const row = this.#add(
      {
        path: trace.inputPath(node) ?? '',
        definition: definitionOf(node),
        isPrimitive,
        ...(rule === undefined ? { by: 'none' } : { by: 'rule', rule: rule.index, method: rule.method.name }),
        change: after === undefined ? 'removed' : isSame ? 'same' : 'changed',
        ...(after !== undefined && this.#placeAfter(after)),
      },
      node,
    );
    this.#rowOf.set(node, row);
    return row;
  }

  /** Where an element is in the result: where its value is, or else its sibling. */
  #placeAfter(afterPath: string): Pick<Row, 'afterPath' | 'after'> {
    const spans = this.#after?.spans;
    const after = spans?.get(afterPath) ?? spans?.get(siblingPath(afterPath));
    return { afterPath, ...(after !== undefined && { after }) };
  }

  /** Adds what is in the result only. @param type of the element around it; undefined where it is not known */
  readAfter(value: JsonValue, path: string, key: string, around: FhirNode, type: FhirType): void {
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries())
        this.readAfter(item, `${path}[${index}]`, key, around, type);
      return;
    }
    if (isNothing(value, key)) return;
    const node = this.#output.get(valuePath(path));
    if (node === undefined) {
      const isPrimitive = !isJsonObject(value);
      const definition = definitionIn(type, key);
      this.#add(
        { definition, isPrimitive, by: 'engine', change: 'added', ...this.#placeAfter(path) },
        around,
      );
      return;
    }
    if (!this.#rowOf.has(node)) this.#addPutIn(node, path);
    if (!isJsonObject(value)) return;
    for (const [name, member] of Object.entries(value))
      this.readAfter(member as JsonValue, memberPath(path, name), name, node, node.type);
  }

  /** Adds what a rule put in. */
  #addPutIn(node: FhirNode, path: string): void {
    let from: FhirNode | null = node;
    while (from !== null && this.#trace.ruleOf(from) === undefined) from = from.parent;
    const rule = from === null ? undefined : this.#trace.ruleOf(from);
    const row = this.#add(
      {
        definition: definitionOf(node),
        isPrimitive: node.type.primitive !== null,
        ...(rule === undefined
          ? { by: 'engine' }
          : { by: 'rule', rule: rule.index, method: rule.method.name }),
        change: 'added',
        ...this.#placeAfter(path),
      },
      node,
    );
    this.#rowOf.set(node, row);
  }

  #add(row: Row, around: FhirNode): Row {
    this.rows.push(row);
    this.#around.set(row, around);
    return row;
  }

  /** An element has changed where anything in it has. */
  markChanges(): void {
    for (const row of this.rows) {
      if (row.change === 'same') continue;
      for (let at = this.#around.get(row); at !== undefined; at = at.parent ?? undefined) {
        const around = this.#rowOf.get(at);
        if (around !== undefined && around.change === 'same') around.change = 'changed';
      }
    }
  }

  /** Marks the elements of a definition, or those that lack one. */
  markProblem({ definition, reason }: ValidityProblem): void {
    const there = this.rows.filter((row) => row.after !== undefined);
    const own = there.filter((row) => row.definition === definition);
    const parent = definition.slice(0, definition.lastIndexOf('.'));
    const marked =
      reason === 'required' || own.length === 0
        ? there
            .filter((row) => this.#rowOf.get(this.#around.get(row) as FhirNode) === row)
            .filter((row) => this.#around.get(row)?.type.path === parent)
        : own;
    for (const row of marked) row.notValid = [...(row.notValid ?? []), `${definition} ${reason}`];
  }
}

/** The path of a primitive whose sibling is at a path. */
function valuePath(path: string): string {
  return path.replace(/(^|\.)_([^.[\]]+(?:\[\d+\])?)$/, '$1$2');
}

/** The path of the sibling of the primitive at a path. */
function siblingPath(path: string): string {
  return path.replace(/(^|\.)([^.[\]]+(?:\[\d+\])?)$/, '$1_$2');
}

/** What is no element: nothing, to FHIR, and what names the type. */
function isNothing(value: JsonValue, key: string): boolean {
  return (
    value === null ||
    value === '' ||
    isEmptyObject(value) ||
    key === 'resourceType' ||
    key === 'fhir_comments'
  );
}
