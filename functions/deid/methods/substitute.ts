import { remembered } from '../../common/maps.js';
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
import { isFormatted } from '../model/format.js';
import { FhirNode, pathOf } from '../model/node.js';
import type { IssueList } from '../reading/issues.js';
import type { Setting } from '../reading/settings.js';
import { CLEARING } from './effect.js';
import { SUBSTITUTED } from './labels.js';
import type { FhirModel } from '../model/fhirModel.js';
import { elementJson } from '../model/nodeJson.js';
import type { Primitive } from '../model/primitive.js';
import type { FhirType } from '../model/types.js';
import { shapeOf } from '../model/shape.js';
import { uriKindOf } from '../model/uriKind.js';
import { validValue } from './validWork.js';
import {
  method,
  targetOf,
  type Constant,
  type Replacement,
  type Run,
  type Selected,
  type Target,
  type ValueMethod,
} from './method.js';

const replaceWith: Setting<Substitute> = (value, site) => {
  if (value === undefined)
    site.error('substitute needs replaceWith: a value, an object for complex elements, or null');
  if (Array.isArray(value)) site.error('Must be a value or an object, not an array');
  return new Substitute(value ?? null);
};

export const SUBSTITUTE = method({
  name: 'substitute',
  settings: { replaceWith },
  parameters: {},
  labels: [SUBSTITUTED],
  clears: 'everything',
  check: (settings, selected, issues) => checkReplacement(settings.replaceWith, selected, issues),
  effect: () => CLEARING,
  prepare: () => ({
    work: (settings) => {
      const { replaceWith: replacement } = settings;
      return { ofValue: () => replacement.ofValue, replacement };
    },
  }),
});

function checkReplacement(
  replacement: Replacement,
  { types, named, namedWhere }: Selected,
  issues: IssueList,
): void {
  if (replacement.isNothing) return;
  const hasPrimitives = types.some(holdsValue);
  const isMixed = hasPrimitives && !types.every(holdsValue);
  if (replacement.text === undefined && hasPrimitives) {
    const which = isMixed ? `also selects ${namedWhere(holdsValue)}` : `selects only ${named}`;
    issues.warn(
      'replaceWith',
      `An object takes a primitive's value away: the path ${which}. Give a text in a rule for these`,
    );
  } else if (isEmptyObject(replacement.object) && !types.every(holdsValue)) {
    if (isMixed)
      issues.warn(
        'replaceWith',
        `A text takes a complex element away: the path also selects ${namedWhere((type) => !holdsValue(type))}. Give an object such as {"text": "…"} in a rule for these`,
      );
    else
      issues.error(
        'replaceWith',
        `Must be an object such as {"text": "…"}, or null: the path selects only ${named}`,
      );
  }
}

function holdsValue({ primitive }: FhirType): boolean {
  return primitive !== null;
}

/** What takes an element's place: a text for a primitive, an object for a complex element, or nothing. */
class Substitute implements Replacement {
  /** For primitives: always a JSON string, as the reference writes it. */
  readonly text: string | undefined;
  /** For complex elements; a text that holds a JSON object counts as the object. */
  readonly object: JsonObject;
  readonly #value: JsonValue;
  readonly #isValid: boolean;
  /** By the codes that are allowed, or else by the type. */
  readonly #constants = new Map<unknown, Constant | null>();

  constructor(value: JsonValue, isValid = false) {
    this.text = textOf(value);
    this.object = objectOf(value);
    this.#value = value;
    this.#isValid = isValid;
  }

  get valid(): Replacement {
    return new Substitute(this.#value, true);
  }

  get isNothing(): boolean {
    return this.text === undefined && isEmptyObject(this.object);
  }

  constantOf(target: Target, model: FhirModel): Constant | null {
    const key = target.codes ?? target.type;
    return remembered(this.#constants, key, () => this.#makeConstant(target, model));
  }

  #makeConstant(target: Target, model: FhirModel): Constant | null {
    const { type } = target;
    if (type.primitive !== null) {
      const value = this.#valueFor(target);
      return { json: value === undefined ? undefined : stringifyJson(value), dropped: [], isCounted: true };
    }
    if (isEmptyObject(this.object)) return { json: undefined, dropped: [], isCounted: false };
    const dropped: string[] = [];
    const context = { model, onDropped: (path: string) => dropped.push(path) };
    const node = new FhirNode(context, null, { name: '', key: '' }, type, undefined, this.object);
    node.isReplacement = true;
    if (holdsResource(node)) return null;
    const json = elementJson(node, { resourceJson: () => ({}), isValid: this.#isValid });
    return {
      json: json === undefined ? undefined : stringifyJson(json),
      dropped,
      isCounted: isCounted(node),
    };
  }

  #valueFor(target: Target): Primitive | undefined {
    return this.text !== undefined && this.#isValid ? validValue(this.text, target) : this.text;
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
    const isPrimitive = node.type.primitive !== null;
    const value = isPrimitive ? this.#valueFor(targetOf(node)) : undefined;
    const replacement = node.makeChild(node, node.type, value, isPrimitive ? undefined : this.object);
    run.did(SUBSTITUTED);
    substitute(node, replacement);
    node.decideAll();
  }
}

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

/** Whether a replacement holds what is counted of a result, dates, references and URIs, or what may not be valid. */
function isCounted(node: FhirNode): boolean {
  const { type, value, children } = node;
  if (type.primitive === null) return shapeOf(type).isAsking || children.some(isCounted);
  const isDate = type.primitive === 'date' || type.primitive === 'dateTime';
  const isUri = uriKindOf({ path: pathOf(node) }) !== undefined;
  const isSound = value === undefined || (isFormatted(type, value) && targetOf(node).codes === undefined);
  return isDate || isUri || !isSound || children.length > 0;
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
      child.decideAll();
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
  const copy = parent.makeChild(original, original.type, original.value, original.source);
  copy.isReplacement = true;
  return copy;
}
