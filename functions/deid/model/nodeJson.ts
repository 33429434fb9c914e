import type { JsonObject, JsonValue } from '../../json/json.js';
import type { FhirNode } from './node.js';

/** The JSON of a resource inside another. */
type ResourceJson = (node: FhirNode) => JsonObject;

/** An element's JSON; undefined for one with no value and no children. */
export function elementJson(node: FhirNode, resourceJson: ResourceJson): JsonObject | undefined {
  const groups = new Map<string, FhirNode[]>();
  for (const child of node.children) {
    const group = groups.get(child.key);
    if (group === undefined) groups.set(child.key, [child]);
    else group.push(child);
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
    if (group !== undefined)
      write(isSibling ? `_${key}` : key, groupJson(node, key, group, isSibling, resourceJson));
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
  return isEmpty && !node.type.isResource ? undefined : json;
}

function groupJson(
  parent: FhirNode,
  key: string,
  group: readonly FhirNode[],
  isSibling: boolean,
  resourceJson: ResourceJson,
): JsonValue | undefined {
  const first = group[0] as FhirNode;
  const repeats = parent.type.elements.get(key)?.repeats === true;
  if (first.type.primitive === null) {
    if (isSibling) return undefined;
    const items = group.map((node) =>
      node.type.isResource ? resourceJson(node) : elementJson(node, resourceJson),
    );
    const kept = items.filter((item) => item !== undefined);
    return kept.length === 0 ? undefined : repeats ? kept : kept[0];
  }
  const kept = group
    .map((node) => ({ value: node.value, sibling: elementJson(node, resourceJson) }))
    .filter(({ value, sibling }) => value !== undefined || sibling !== undefined);
  const parts = kept.map(({ value, sibling }) => (isSibling ? sibling : value) ?? null);
  if (parts.every((part) => part === null)) return undefined;
  return repeats ? parts : (parts[0] ?? undefined);
}
