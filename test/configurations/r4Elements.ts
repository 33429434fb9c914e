import { choiceTypePaths, path2Type, pathsDefinedElsewhere, type2Parent } from 'fhirpath/fhir-context/r4';

/** An element of a resource, as the R4 definitions have it. */
export interface ElementNode {
  /** FHIRPath names from the resource down: `Observation`, `value`, `unit`. */
  path: readonly string[];
  /** The element's type: `string`, `HumanName`, `BackboneElement`; Element.id is `id` of `System.String`. */
  type: string;
  /** The type of the element around it; a backbone element's own path. */
  parentType: string;
  /** Where its children are defined: a type's name, or the path of a backbone element. */
  definition: string;
}

const paths: Record<string, string | { code: string }> = path2Type;
const elsewhere: Record<string, string> = pathsDefinedElsewhere;
const choices: Record<string, string[]> = choiceTypePaths;
const children = childrenByDefinition();

/** All R4 resource types that have instances. */
export const resourceTypes = Object.entries(type2Parent)
  .filter(([, parent]) => ['Resource', 'DomainResource', 'MetadataResource'].includes(parent))
  .map(([type]) => type)
  .filter((type) => !['DomainResource', 'MetadataResource'].includes(type));

export function rootOf(resourceType: string): ElementNode {
  return { path: [resourceType], type: resourceType, parentType: resourceType, definition: resourceType };
}

/** The elements directly in one, all types of a choice apart. Primitives have none here. */
export function childrenOf(node: ElementNode): ElementNode[] {
  if (!/^[A-Z]/.test(node.definition)) return [];
  return (children.get(node.definition) ?? []).map(({ name, key, type }) => ({
    path: [...node.path, name],
    type,
    parentType: node.definition,
    definition: definitionOf(key, type),
  }));
}

function definitionOf(key: string, type: string): string {
  const other = elsewhere[key];
  if (other !== undefined) return other;
  return children.has(key) ? key : type;
}

function childrenByDefinition(): Map<string, { name: string; key: string; type: string }[]> {
  const found = new Map<string, { name: string; key: string; type: string }[]>();
  for (const [key, value] of Object.entries(paths)) {
    const type = typeof value === 'string' ? value : value.code;
    const [, parent, name] = /^(.*)\.([^.]+)$/.exec(key) ?? [];
    if (parent === undefined || name === undefined) continue;
    const siblings = found.get(parent) ?? [];
    siblings.push({ name: choiceName(parent, name), key, type });
    found.set(parent, siblings);
  }
  for (const [key, target] of Object.entries(elsewhere)) {
    const [, parent, name] = /^(.*)\.([^.]+)$/.exec(key) ?? [];
    if (parent === undefined || name === undefined || key in paths) continue;
    const siblings = found.get(parent) ?? [];
    siblings.push({ name, key, type: typeOfPath(target) });
    found.set(parent, siblings);
  }
  return found;
}

function typeOfPath(path: string): string {
  const value = paths[path];
  return typeof value === 'object' ? value.code : (value ?? 'BackboneElement');
}

/** `valueQuantity` is `value` in FHIRPath. */
function choiceName(parent: string, name: string): string {
  for (const [path, types] of Object.entries(choices)) {
    if (!path.startsWith(`${parent}.`)) continue;
    const choice = path.slice(parent.length + 1);
    if (types.some((type) => name === choice + type)) return choice;
  }
  return name;
}
