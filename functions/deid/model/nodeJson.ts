import { addTo } from '../../common/maps.js';
import type { JsonObject, JsonValue } from '../../json/json.js';
import { maskedMembers } from './masked.js';
import type { FhirNode } from './node.js';
import { REMOVED, shapeOf } from './shape.js';
import type { FhirElement, FhirType } from './types.js';

/** How a node is written. */
interface Writing {
  /** The JSON of a resource inside another. */
  resourceJson(node: FhirNode): JsonObject;
  /** Whether required elements that were taken away are marked as masked, and objects that say nothing left out. */
  readonly isValid: boolean;
  /** Gets each element that is written, with its place among its repeats; undefined where it is no list. */
  readonly onWritten?: ((node: FhirNode, place: number | undefined) => void) | undefined;
  /** Gets a member that is taken out of an element again, after what is in it was written. */
  readonly onTakenOut?: ((node: FhirNode, key: string) => void) | undefined;
}

/** An element's JSON; undefined for one with no value and no children. */
export function elementJson(node: FhirNode, writing: Writing): JsonObject | undefined {
  const groups = new Map<string, FhirNode[]>();
  // Made once: what is dropped of them is counted then.
  const siblings = new Map<FhirNode, JsonObject | undefined>();
  for (const child of node.children) {
    if (child.type.primitive !== null) siblings.set(child, elementJson(child, writing));
    addTo(groups, child.key, child);
  }
  const json: JsonObject = {};
  let isEmpty = true;
  const write = (key: string, value: JsonValue | undefined): void => {
    if (value === undefined) return;
    json[key] = value;
    isEmpty = false;
  };
  const writeGroup = (key: string, isSibling: boolean): void => {
    const group = groups.get(key);
    if (group === undefined) return;
    const repeats = node.type.elements.get(key)?.repeats === true;
    const isPrimitive = group[0]?.type.primitive !== null;
    if (isPrimitive)
      write(isSibling ? `_${key}` : key, primitivesJson(repeats, group, isSibling, siblings, writing));
    else if (!isSibling) write(key, groupJson(repeats, group, writing));
  };
  const written = new Set<string>();
  for (const key in node.source) {
    if (key === 'resourceType' && node.type.isResource) json['resourceType'] = node.type.name;
    const isSibling = key.startsWith('_');
    writeGroup(isSibling ? key.slice(1) : key, isSibling);
    written.add(key);
  }
  for (const key of groups.keys()) {
    if (!written.has(key)) writeGroup(key, false);
    if (!written.has(`_${key}`)) writeGroup(key, true);
  }
  if (isEmpty && !node.type.isResource) return undefined;
  return writing.isValid ? completed(node, json, writing) : json;
}

/** An object with what its type's shape asks for; undefined for one that has to go. */
function completed(node: FhirNode, json: JsonObject, writing: Writing): JsonObject | undefined {
  const { type } = node;
  const shape = shapeOf(type);
  if (!shape.isAsking) return json;
  const source = node.source ?? {};
  const had = node.isReplacement ? ALL_BITS : bitsOf(type, source);
  refuseSecondChoices(node, json, writing);
  const missing = shape.missing(had, bitsOf(type, json));
  if (missing === REMOVED) return type.isResource ? json : undefined;
  const wasThere = ({ key }: FhirElement): boolean =>
    Object.hasOwn(source, key) || Object.hasOwn(source, `_${key}`);
  for (const { key, value } of maskedMembers(type, missing, wasThere)) json[key] = value;
  return json;
}

const ALL_BITS = ~0;

function bitsOf(type: FhirType, json: JsonObject): number {
  let bits = 0;
  for (const key in json) bits |= shapeOf(type).bit(elementOf(type, key)?.name ?? '');
  return bits;
}

/** The element of a member's name, which may be that of a primitive's sibling. */
function elementOf({ elements }: FhirType, key: string): FhirElement | undefined {
  if (!key.startsWith('_')) return elements.get(key);
  const element = elements.get(key.slice(1));
  return element?.type?.primitive == null ? undefined : element;
}

/** Leaves out all elements of a choice but the first. */
function refuseSecondChoices(node: FhirNode, json: JsonObject, { onTakenOut }: Writing): void {
  const { choices } = shapeOf(node.type);
  const firsts = new Map<number, FhirElement>();
  for (const key of Object.keys(json)) {
    const element = elementOf(node.type, key);
    const bit = element === undefined ? 0 : shapeOf(node.type).bit(element.name) & choices;
    if (element === undefined || bit === 0) continue;
    const first = firsts.get(bit) ?? element;
    firsts.set(bit, first);
    if (first === element) continue;
    node.drop(element);
    Reflect.deleteProperty(json, key);
    onTakenOut?.(node, element.key);
  }
}

function groupJson(repeats: boolean, group: readonly FhirNode[], writing: Writing): JsonValue | undefined {
  const kept: JsonValue[] = [];
  for (const node of group) {
    const item = node.type.isResource ? writing.resourceJson(node) : elementJson(node, writing);
    if (item === undefined) continue;
    if (repeats || kept.length === 0) writing.onWritten?.(node, repeats ? kept.length : undefined);
    kept.push(item);
  }
  return kept.length === 0 ? undefined : repeats ? kept : kept[0];
}

function primitivesJson(
  repeats: boolean,
  group: readonly FhirNode[],
  isSibling: boolean,
  siblings: ReadonlyMap<FhirNode, JsonObject | undefined>,
  { onWritten }: Writing,
): JsonValue | undefined {
  const kept = group
    .map((node) => ({ node, value: node.value, sibling: siblings.get(node) }))
    .filter(({ value, sibling }) => value !== undefined || sibling !== undefined);
  if (onWritten !== undefined)
    for (const [place, { node }] of (repeats ? kept : kept.slice(0, 1)).entries())
      onWritten(node, repeats ? place : undefined);
  const parts = kept.map(({ value, sibling }) => (isSibling ? sibling : value) ?? null);
  if (parts.every((part) => part === null)) return undefined;
  return repeats ? parts : (parts[0] ?? undefined);
}
