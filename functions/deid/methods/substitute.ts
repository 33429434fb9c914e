import {
  isEmptyObject,
  isJsonObject,
  parseJson,
  stringifyJson,
  JsonError,
  type JsonObject,
  type JsonValue,
} from '../../json/json.js';
import { JsonNumber, numberText } from '../../json/jsonNumber.js';
import { SUBSTITUTED } from './labels.js';
import type { FhirModel } from '../model/fhirModel.js';
import { FhirNode } from '../model/node.js';
import { elementJson } from '../model/nodeJson.js';
import type { FhirType } from '../model/types.js';
import type { Run, ValueMethod } from './method.js';

/** What is put in the place of an element of some type, whatever it holds. */
export interface Constant {
  /** One line of JSON; undefined for nothing. */
  readonly json: string | undefined;
  /** Paths of what a replacement has that the type does not define. */
  readonly dropped: readonly string[];
}

/** What stands in an element's place: a text for a primitive, an object for a complex element, or nothing. */
export class Replacement {
  /** For primitives: always a JSON string, as the reference writes it. */
  readonly text: string | undefined;
  /** For complex elements; a text that holds a JSON object counts as the object. */
  readonly object: JsonObject;

  private readonly constants = new Map<FhirType, Constant | null>();

  constructor(replaceWith: JsonValue) {
    this.text = textOf(replaceWith);
    this.object = objectOf(replaceWith);
  }

  get isNothing(): boolean {
    return this.text === undefined && isEmptyObject(this.object);
  }

  /**
   * What stands in the place of an element of a type in which no earlier rule has decided anything; null where only
   * `apply` can tell.
   */
  constantOf(type: FhirType, model: FhirModel): Constant | null {
    let constant = this.constants.get(type);
    if (constant === undefined) {
      constant = this.makeConstant(type, model);
      this.constants.set(type, constant);
    }
    return constant;
  }

  private makeConstant(type: FhirType, model: FhirModel): Constant | null {
    if (type.primitive !== null)
      return { json: this.text === undefined ? undefined : JSON.stringify(this.text), dropped: [] };
    if (isEmptyObject(this.object)) return { json: undefined, dropped: [] };
    const dropped: string[] = [];
    const context = { model, onDropped: (path: string) => dropped.push(path) };
    const node = new FhirNode(context, null, { name: '', key: '' }, type, undefined, this.object);
    if (holdsResource(node)) return null;
    const json = elementJson(node, () => ({}));
    return { json: json === undefined ? undefined : stringifyJson(json), dropped };
  }

  /** The work on a primitive without an `id` or extensions. */
  readonly ofValue: ValueMethod = (_value, run) => {
    run.did(SUBSTITUTED);
    return this.text;
  };

  /**
   * Substitutes a node and all below it. Parts that earlier rules decided stay; repeats are matched one by one,
   * extra replacements are added, extra originals removed.
   */
  apply(node: FhirNode, run: Run): void {
    const replacement =
      node.type.primitive === null
        ? node.makeChild({ ...ELEMENT, name: node.name, key: node.key }, node.type, undefined, this.object)
        : node.makeChild({ ...ELEMENT, name: node.name, key: node.key }, node.type, this.text, undefined);
    run.did(SUBSTITUTED);
    substitute(node, replacement);
    decideAll(node);
  }
}

const ELEMENT = { type: null, repeats: false, path: '' } as const;

function textOf(value: JsonValue): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number' || value instanceof JsonNumber) return numberText(value);
  return undefined;
}

function objectOf(value: JsonValue): JsonObject {
  if (isJsonObject(value)) return value;
  if (typeof value !== 'string') return {};
  try {
    const parsed = parseJson(value);
    return isJsonObject(parsed) ? parsed : {};
  } catch (error) {
    if (error instanceof JsonError) return {};
    throw error;
  }
}

function holdsResource(node: FhirNode): boolean {
  return node.type.isResource || node.children.some(holdsResource);
}

function hasDecided(node: FhirNode): boolean {
  return node.decided || node.children.some(hasDecided);
}

function substitute(node: FhirNode, replacement: FhirNode | null): void {
  if (node.decided) return;
  const names = new Set(replacement?.children.map((child) => child.name));
  const children: FhirNode[] = [];
  const places = new Map<string, number>();
  for (const child of node.children) {
    const place = places.get(child.name) ?? 0;
    const target = names.has(child.name) ? childAt(replacement, child.name, place) : undefined;
    if (names.has(child.name)) places.set(child.name, place + 1);
    if (child.decided) children.push(child);
    else if (target !== undefined && target.key === child.key) {
      substitute(child, target);
      children.push(child);
    } else if (target === undefined && hasDecided(child)) {
      substitute(child, null);
      children.push(child);
    } else {
      // A rule that has selected it as well has nothing to do there any more.
      decideAll(child);
      if (target !== undefined) children.push(copyInto(node, target));
    }
  }
  for (const name of names) {
    for (let place = places.get(name) ?? 0; ; place++) {
      const target = childAt(replacement, name, place);
      if (target === undefined) break;
      children.push(copyInto(node, target));
    }
  }
  node.replaceChildren(children);
  node.value = replacement?.value;
}

function childAt(node: FhirNode | null, name: string, place: number): FhirNode | undefined {
  let at = 0;
  for (const child of node?.children ?? []) if (child.name === name && at++ === place) return child;
  return undefined;
}

function copyInto(parent: FhirNode, original: FhirNode): FhirNode {
  return parent.makeChild(
    { ...ELEMENT, name: original.name, key: original.key },
    original.type,
    original.value,
    original.source,
  );
}

function decideAll(node: FhirNode): void {
  node.decided = true;
  for (const child of node.children) if (!child.decided) decideAll(child);
}
