import type { FhirVersion } from '../../functions/fhir/fhirVersion.js';
import { definitionsOf, type Definitions } from '../../functions/deid/model/definitions.js';

/** An element of a resource, as the definitions of a FHIR version have it. */
export interface ElementNode {
  /** FHIRPath names from the resource down: `Observation`, `value`, `unit`. */
  path: readonly string[];
  /** Its name in JSON, `valueQuantity`; absent of a resource itself. */
  jsonName?: string;
  /** The element's type: `string`, `HumanName`, `BackboneElement`; Element.id is `id` of `System.String`. */
  type: string;
  /** The type of the element around it; a backbone element's own path. */
  parentType: string;
  /** Where its children are defined: a type's name, or the path of a backbone element. */
  definition: string;
}

const ABSTRACT = ['Resource', 'DomainResource', 'CanonicalResource', 'MetadataResource'];

interface Child {
  name: string;
  key: string;
  type: string;
}

/** The resource types of a FHIR version and their elements. */
export class Elements {
  /** All resource types that have instances. */
  readonly resourceTypes: string[];
  readonly #tables: Definitions;
  readonly #children: Map<string, Child[]>;

  constructor(version: FhirVersion) {
    this.#tables = definitionsOf(version);
    const { type2Parent } = this.#tables;
    this.resourceTypes = Object.entries(type2Parent)
      .filter(([type, parent]) => ABSTRACT.includes(parent) && !ABSTRACT.includes(type))
      .map(([type]) => type);
    this.#children = this.#childrenByDefinition();
  }

  rootOf(resourceType: string): ElementNode {
    return { path: [resourceType], type: resourceType, parentType: resourceType, definition: resourceType };
  }

  /** The elements directly in one, all types of a choice apart. Primitives have none here. */
  childrenOf(node: ElementNode): ElementNode[] {
    if (!/^[A-Z]/.test(node.definition)) return [];
    return (this.#children.get(node.definition) ?? []).map(({ name, key, type }) => ({
      path: [...node.path, name],
      jsonName: key.slice(key.lastIndexOf('.') + 1),
      type,
      parentType: node.definition,
      definition: this.#definitionOf(key, type),
    }));
  }

  /** Whether an element, by its name in JSON, is an array. */
  repeats(parentType: string, jsonName: string): boolean {
    const { path2Repeating, pathsDefinedElsewhere } = this.#tables;
    const path = `${parentType}.${jsonName}`;
    if (jsonName === 'extension') return true;
    return path2Repeating[path] ?? path2Repeating[pathsDefinedElsewhere[path] ?? ''] ?? false;
  }

  #definitionOf(key: string, type: string): string {
    const other = this.#tables.pathsDefinedElsewhere[key];
    if (other !== undefined) return other;
    return this.#children.has(key) ? key : type;
  }

  #childrenByDefinition(): Map<string, Child[]> {
    const { path2Type, pathsDefinedElsewhere } = this.#tables;
    const found = new Map<string, Child[]>();
    for (const [key, type] of Object.entries(path2Type)) {
      const [, parent, name] = /^(.*)\.([^.]+)$/.exec(key) ?? [];
      if (parent === undefined || name === undefined) continue;
      const siblings = found.get(parent) ?? [];
      siblings.push({ name: this.#choiceName(parent, name), key, type });
      found.set(parent, siblings);
    }
    for (const [key, target] of Object.entries(pathsDefinedElsewhere)) {
      const [, parent, name] = /^(.*)\.([^.]+)$/.exec(key) ?? [];
      if (parent === undefined || name === undefined || key in path2Type) continue;
      const siblings = found.get(parent) ?? [];
      siblings.push({ name, key, type: this.#typeOfPath(target) });
      found.set(parent, siblings);
    }
    return found;
  }

  #typeOfPath(path: string): string {
    return this.#tables.path2Type[path] ?? 'BackboneElement';
  }

  /** `valueQuantity` is `value` in FHIRPath. */
  #choiceName(parent: string, name: string): string {
    for (const [path, types] of Object.entries(this.#tables.choiceTypePaths)) {
      if (!path.startsWith(`${parent}.`)) continue;
      const choice = path.slice(parent.length + 1);
      if (types.some((type) => name === choice + type)) return choice;
    }
    return name;
  }
}
