import { isEmptyObject, isJsonObject, type JsonObject, type JsonValue } from '../../json/json.js';
import type { FhirModel } from './fhirModel.js';
import type { FhirElement, FhirType } from './types.js';
import { isPrimitiveOf, valueOf, type Primitive } from './primitive.js';
import type { Value } from '../values/values.js';

/** Called for every element that is left out because it is not known what it is, by its definition's path. */
type OnDropped = (path: string) => void;

/** Nesting of elements that is followed; deeper resources fail. */
export const MAX_DEPTH = 200;

/** A resource nested too deeply to be looked through. */
export class DepthError extends Error {
  constructor() {
    super(`The resource is nested deeper than ${MAX_DEPTH} levels`);
    this.name = 'DepthError';
  }
}

/**
 * An element of a resource as FHIRPath and the rules see it: a resource, a complex element, or a primitive with
 * what its `_` sibling holds. Children are made from the JSON when first asked for; what the FHIR version does not
 * define is no child.
 */
export class FhirNode {
  /** Name without a choice's type suffix; of a resource's root its type. */
  readonly name: string;
  /** Name in JSON; empty for a root. */
  readonly key: string;
  /** Whether a rule has reached it: the first one decides. */
  decided = false;
  /** Whether it was put in the place of what was there: then its source does not say what was taken away. */
  isReplacement: boolean;
  private readonly depth: number;
  private made: FhirNode[] | undefined;

  constructor(
    private readonly context: NodeContext,
    readonly parent: FhirNode | null,
    element: Pick<FhirElement, 'name' | 'key'>,
    readonly type: FhirType,
    /** Value of a primitive; undefined where there is none, or no more. */
    public value: Primitive | undefined,
    /** JSON of a complex element, or of a primitive's `_` sibling. */
    readonly source: JsonObject | undefined,
    /** Its place in the array of the JSON; undefined where there is no array. */
    readonly place?: number,
  ) {
    this.name = element.name;
    this.key = element.key;
    this.isReplacement = parent?.isReplacement === true;
    this.depth = parent === null ? 0 : parent.depth + 1;
    if (this.depth > MAX_DEPTH) throw new DepthError();
  }

  /** The node of a resource; undefined where its type is not one of the FHIR version. */
  static ofResource(context: NodeContext, resource: JsonObject): FhirNode | undefined {
    const type = resourceTypeOf(context.model, resource);
    if (type === undefined) return undefined;
    return new FhirNode(context, null, { name: type.name, key: '' }, type, undefined, resource);
  }

  get children(): readonly FhirNode[] {
    this.made ??= this.makeChildren();
    return this.made;
  }

  /** Takes the place of the children there were: `substitute` puts new ones in. */
  replaceChildren(children: FhirNode[]): void {
    this.made = children;
    this.isReplacement = true;
  }

  /** Takes a child away. */
  remove(child: FhirNode): void {
    this.made = this.children.filter((other) => other !== child);
  }

  /** Has a rule reach it and all below it that none has reached. */
  decideAll(): void {
    this.decided = true;
    for (const child of this.children) if (!child.decided) child.decideAll();
  }

  /** A child that was not in the JSON. */
  makeChild(
    element: Pick<FhirElement, 'name' | 'key'>,
    type: FhirType,
    value: Primitive | undefined,
    source: JsonObject | undefined,
  ): FhirNode {
    return new FhirNode(this.context, this, element, type, value, source);
  }

  /** The FHIRPath value; undefined for a complex element or a primitive without a value. */
  get systemValue(): Value | undefined {
    return this.value === undefined ? undefined : valueOf(this.type, this.value);
  }

  private makeChildren(): FhirNode[] {
    const children: FhirNode[] = [];
    const source = this.source;
    if (source === undefined) return children;
    for (const key in source) {
      const isSibling = key.startsWith('_');
      const element = this.type.elements.get(isSibling ? key.slice(1) : key);
      if (element === undefined || (isSibling && element.type?.primitive == null)) {
        if (!isIgnored(key, this.type)) this.context.onDropped(`${this.type.path}.(unknown)`);
      } else if (element.type?.primitive != null) {
        // Value and sibling are one node: made where the first of the two is.
        const first = Object.hasOwn(source, element.key) && Object.hasOwn(source, `_${element.key}`);
        if (isSibling && first && this.isBefore(element.key, key)) continue;
        if (!isSibling && first && this.isBefore(`_${key}`, key)) continue;
        this.makePrimitives(children, element, element.type, source);
      } else this.makeComplex(children, element, source[key]);
    }
    return children;
  }

  private isBefore(one: string, other: string): boolean {
    for (const key in this.source) {
      if (key === one) return true;
      if (key === other) return false;
    }
    return false;
  }

  /** Reports that an element is left out. */
  drop(element: FhirElement): void {
    this.context.onDropped(element.path);
  }

  private makeComplex(children: FhirNode[], element: FhirElement, json: JsonValue | undefined): void {
    if (Array.isArray(json) && !element.repeats) return this.drop(element);
    const isList = Array.isArray(json);
    for (const [index, item] of (isList ? json : [json]).entries()) {
      if (item === null || item === undefined || isEmptyObject(item)) continue;
      if (!isJsonObject(item)) {
        this.drop(element);
        continue;
      }
      const type = element.type ?? resourceTypeOf(this.context.model, item);
      if (type === undefined) this.drop(element);
      else {
        const place = isList ? index : undefined;
        children.push(new FhirNode(this.context, this, element, type, undefined, item, place));
      }
    }
  }

  private makePrimitives(
    children: FhirNode[],
    element: FhirElement,
    type: FhirType,
    source: JsonObject,
  ): void {
    const [json, siblingJson] = [own(source, element.key), own(source, `_${element.key}`)];
    const values = this.itemsOf(element, json);
    const siblings = this.itemsOf(element, siblingJson);
    const isList = element.repeats && (Array.isArray(json) || Array.isArray(siblingJson));
    for (let index = 0; index < Math.max(values.length, siblings.length); index++) {
      let value = values[index] ?? undefined;
      let sibling = siblings[index] ?? undefined;
      if (value === '') value = undefined;
      if (value !== undefined && !isPrimitiveOf(type, value)) {
        this.drop(element);
        value = undefined;
      }
      if (sibling !== undefined && !isJsonObject(sibling)) {
        this.drop(element);
        sibling = undefined;
      }
      if (sibling !== undefined && isEmptyObject(sibling)) sibling = undefined;
      if (value === undefined && sibling === undefined) continue;
      const place = isList ? index : undefined;
      children.push(new FhirNode(this.context, this, element, type, value, sibling, place));
    }
  }

  private itemsOf(element: FhirElement, json: JsonValue | undefined): (JsonValue | undefined)[] {
    if (json === undefined || json === null) return [];
    // One value where several may be is taken for a list of one, as the reference does.
    if (!Array.isArray(json)) return [json];
    if (element.repeats) return json;
    this.drop(element);
    return [];
  }
}

/** The path of a node's definition: of a resource, its type. */
export function pathOf({ parent, key, type }: FhirNode): string {
  const element = parent === null || type.isResource ? undefined : parent.type.elements.get(key);
  return element?.path ?? type.path;
}

/** What the nodes of one tree share. */
export interface NodeContext {
  readonly model: FhirModel;
  readonly onDropped: OnDropped;
}

/** Names that are no elements and left out without a word: the resource's type, and comments of old versions. */
function isIgnored(key: string, type: FhirType): boolean {
  return (key === 'resourceType' && type.isResource) || key === 'fhir_comments';
}

function own(source: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(source, key) ? source[key] : undefined;
}

/** The type of a resource in JSON; undefined where the FHIR version does not define it. */
function resourceTypeOf(model: FhirModel, resource: JsonObject): FhirType | undefined {
  const name = own(resource, 'resourceType');
  return typeof name === 'string' ? model.resource(name) : undefined;
}

/** Depth first, without the resources inside: `nodesByType` looks here, and a rule's effect goes no further. */
export function* descendantsWithinResource(node: FhirNode): Generator<FhirNode> {
  for (const child of node.children) {
    if (child.type.isResource) continue;
    yield child;
    yield* descendantsWithinResource(child);
  }
}

/** What a look-up of a rule's path goes through: the same and the resources directly inside, but nothing in these. */
export function* nodesLookedThrough(node: FhirNode): Generator<FhirNode> {
  for (const child of node.children) {
    yield child;
    if (!child.type.isResource) yield* nodesLookedThrough(child);
  }
}
