import type { ElementWork } from './elementWork.js';
import { isEmptyObject, isJsonObject, type JsonObject, type JsonValue } from '../../json/json.js';
import { SUBSTITUTED } from '../methods/labels.js';
import type { FhirType } from '../model/types.js';
import { DepthError, MAX_DEPTH, resourceTypeOf, type NodeContext } from '../model/node.js';
import type { Entry, PlanNode } from '../plan/plan.js';
import { isPrimitiveOf } from '../model/primitive.js';
import type { ResourceRun } from './resourceRun.js';

/** A resource found inside another, to be processed after it. */
export interface InnerResource {
  readonly resource: JsonObject;
  readonly type: FhirType;
  readonly isContained: boolean;
  readonly depth: number;
  /** Puts what became of it in its place. */
  replace(resource: JsonObject): void;
}

/**
 * Walks a resource's JSON once along its plan and changes it in place. What is taken away becomes `undefined`, which
 * JSON does not write; arrays close up.
 */
export class PlanWalk {
  private readonly context: NodeContext;
  private readonly run: ResourceRun;
  private readonly work: ElementWork;
  /** Resources met on the way. */
  private inner: InnerResource[] = [];

  constructor(context: NodeContext, run: ResourceRun, work: ElementWork) {
    this.context = context;
    this.run = run;
    this.work = work;
  }

  /** De-identifies a resource but for the resources inside, which it gives. @throws FhirPathError, DepthError */
  resource(root: Entry, resource: JsonObject, depth: number, isOutermost: boolean): InnerResource[] {
    this.inner = [];
    const entry = this.work.resolve(root, resource);
    this.work.refuseComplex(entry);
    if (entry.removes) this.run.did(SUBSTITUTED);
    if (isOutermost) this.rootId(entry.inner, resource);
    this.object(resource, entry.inner, depth, isOutermost);
    return this.inner;
  }

  /** Whether a `substitute` reaches more than plain values of a resource, which only the tree engine does. */
  substitutes(root: Entry, resource: JsonObject): boolean {
    const entry = this.work.resolve(root, resource);
    return entry.substitutes || this.substitutesIn(resource, entry.inner, 0);
  }

  private substitutesIn(json: JsonObject, node: PlanNode, depth: number): boolean {
    if (depth > MAX_DEPTH) throw new DepthError();
    for (const key in json) {
      const value = json[key];
      const entry = node.entry(key);
      switch (entry.kind) {
        case 'value':
        case 'values':
          if (entry.substitutes && Object.hasOwn(json, entry.otherKey)) return true;
          break;
        case 'complex':
        case 'list':
        case 'sibling':
        case 'siblings':
          for (const item of Array.isArray(value) ? value : [value]) {
            if (!isJsonObject(item) || isEmptyObject(item)) continue;
            const resolved = this.work.resolve(entry, item);
            if (resolved.substitutes || this.substitutesIn(item, resolved.inner, depth + 1)) return true;
          }
          break;
        case 'resource':
        case 'resources':
        case 'unknown':
        case 'ignored':
        case 'type':
          break;
      }
    }
    return false;
  }

  /** De-identifies the value of the outermost resource's id, before all else: it may be what dates move by. */
  private rootId(node: PlanNode, resource: JsonObject): void {
    const value = resource['id'];
    if (value === undefined) return;
    const entry = node.entry('id');
    const before = typeof value === 'string' && value !== '' ? value : undefined;
    this.value(node, entry, resource, 'id', value);
    const { rule } = entry;
    const after = resource['id'];
    const now = typeof after === 'string' ? after : undefined;
    this.run.idOfRoot = (reader) => (rule !== null && reader > rule.index ? now : before);
  }

  /** Walks an object's members. @returns whether anything is left. */
  private object(json: JsonObject, node: PlanNode, depth: number, skipsId = false): boolean {
    if (depth > MAX_DEPTH) throw new DepthError();
    let isLeft = false;
    for (const key in json) {
      const value = json[key];
      if (value === undefined) continue;
      const entry = node.entries.get(key) ?? node.entry(key);
      switch (entry.kind) {
        case 'value':
          // A text that is kept as it is: most of what there is.
          if (entry.keepsText && typeof value === 'string' && value.length > 0) isLeft = true;
          else if (skipsId && key === 'id')
            isLeft = true; // done by rootId, before all else
          else if (this.value(node, entry, json, key, value)) isLeft = true;
          break;
        case 'values':
          if (this.values(node, entry, json, key, value, depth)) isLeft = true;
          break;
        case 'complex':
          if (isJsonObject(value) && this.complex(entry, value, depth)) isLeft = true;
          else {
            if (!isJsonObject(value) && value !== null) this.work.drop(entry);
            json[key] = undefined;
          }
          break;
        case 'list':
          if (this.list(entry, json, key, value, depth)) isLeft = true;
          break;
        case 'sibling':
          if (entry.removes && isJsonObject(value) && !isEmptyObject(value)) this.removesSibling(entry, json);
          if (isJsonObject(value) && this.object(value, entry.inner, depth + 1)) isLeft = true;
          else {
            if (!isJsonObject(value) && value !== null) this.work.drop(entry);
            json[key] = undefined;
          }
          break;
        case 'siblings':
          // With its values; alone only where there are none.
          if (!Object.hasOwn(json, entry.otherKey)) {
            if (this.pairs(node.entry(entry.otherKey), entry, json, [], value, depth)) isLeft = true;
          } else if (json[entry.otherKey] === undefined) isLeft = json[key] !== undefined || isLeft;
          break;
        case 'resource':
        case 'resources':
          if (this.resources(entry, json, key, value, depth)) isLeft = true;
          break;
        case 'unknown':
          this.work.dropUnknown(node.type);
          json[key] = undefined;
          break;
        case 'ignored':
          json[key] = undefined;
          break;
        case 'type':
          break;
      }
    }
    return isLeft;
  }

  /** A primitive with no value of its own is taken away too. */
  private removesSibling(entry: Entry, json: JsonObject): void {
    if (Object.hasOwn(json, entry.otherKey)) this.run.alsoDid(SUBSTITUTED);
    else this.run.did(SUBSTITUTED);
  }

  private value(_node: PlanNode, entry: Entry, json: JsonObject, key: string, value: JsonValue): boolean {
    const after = Array.isArray(value) ? this.droppedValue(entry) : this.work.changed(entry, value);
    if (after !== value) json[key] = after;
    return after !== undefined;
  }

  private droppedValue(entry: Entry): undefined {
    this.work.drop(entry);
    return undefined;
  }

  private values(
    node: PlanNode,
    entry: Entry,
    json: JsonObject,
    key: string,
    value: JsonValue,
    depth: number,
  ): boolean {
    const items: JsonValue[] = Array.isArray(value) ? value : [value];
    const sibling = json[entry.otherKey];
    if (sibling !== undefined)
      return this.pairs(entry, node.entry(entry.otherKey), json, items, sibling, depth);
    let length = 0;
    for (const item of items) {
      const after = this.work.changed(entry, item);
      if (after !== undefined) items[length++] = after;
    }
    return shorten(items, length, json, key);
  }

  /** Values and their siblings keep their places beside each other; places with neither close up. */
  private pairs(
    entry: Entry,
    siblingEntry: Entry,
    json: JsonObject,
    values: JsonValue[],
    sibling: JsonValue,
    depth: number,
  ): boolean {
    const siblings: JsonValue[] = Array.isArray(sibling) ? sibling : [sibling];
    const keptValues: JsonValue[] = [];
    const keptSiblings: JsonValue[] = [];
    let hasValue = false;
    let hasSibling = false;
    for (let place = 0; place < Math.max(values.length, siblings.length); place++) {
      const value = this.work.changed(entry, values[place] ?? null) ?? null;
      let beside = siblings[place] ?? null;
      if (beside !== null && !isJsonObject(beside)) this.work.drop(siblingEntry);
      if (entry.removes && isJsonObject(beside) && !isEmptyObject(beside)) this.run.alsoDid(SUBSTITUTED);
      if (!isJsonObject(beside) || !this.object(beside, siblingEntry.inner, depth + 1)) beside = null;
      if (value === null && beside === null) continue;
      keptValues.push(value);
      keptSiblings.push(beside);
      hasValue ||= value !== null;
      hasSibling ||= beside !== null;
    }
    json[siblingEntry.otherKey] = hasValue ? keptValues : undefined;
    json[entry.otherKey] = hasSibling ? keptSiblings : undefined;
    return hasValue || hasSibling;
  }

  private complex(entry: Entry, json: JsonObject, depth: number): boolean {
    if (!entry.isPlain) {
      if (isEmptyObject(json)) return false;
      const resolved = this.work.resolve(entry, json);
      this.work.refuseComplex(resolved);
      if (resolved.removes) this.run.did(SUBSTITUTED);
      return this.object(json, this.perturbs(resolved, json) ?? resolved.inner, depth + 1);
    }
    return this.object(json, entry.inner, depth + 1);
  }

  /** The plan of a quantity's children if its value is there to be perturbed. */
  private perturbs(entry: Entry, json: JsonObject): PlanNode | null {
    const node = entry.perturbed;
    const value = json['value'];
    if (node === null || value === undefined || value === null) return null;
    const valueEntry = node.entry('value');
    return valueEntry.rule === entry.rule && valueEntry.type !== null && isPrimitiveOf(valueEntry.type, value)
      ? node
      : null;
  }

  private list(entry: Entry, json: JsonObject, key: string, value: JsonValue, depth: number): boolean {
    const items: JsonValue[] = Array.isArray(value) ? value : [value];
    let length = 0;
    for (const item of items) {
      if (isJsonObject(item)) {
        if (this.complex(entry, item, depth)) items[length++] = item;
      } else if (item !== null) this.work.drop(entry);
    }
    return shorten(items, length, json, key);
  }

  private resources(entry: Entry, json: JsonObject, key: string, value: JsonValue, depth: number): boolean {
    const repeats = entry.kind === 'resources';
    if (Array.isArray(value) && !repeats) {
      this.work.drop(entry);
      json[key] = undefined;
      return false;
    }
    const kept: JsonValue[] = [];
    const replaceAt = (place: number) => (resource: JsonObject) => {
      if (repeats) kept[place] = resource;
      else json[key] = resource;
    };
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item === null || isEmptyObject(item)) continue;
      const type = isJsonObject(item) ? resourceTypeOf(this.context.model, item) : undefined;
      if (type === undefined || !isJsonObject(item)) {
        this.work.drop(entry);
        continue;
      }
      if (entry.removes) continue;
      const replace = replaceAt(kept.push(item) - 1);
      this.inner.push({ resource: item, type, isContained: key === 'contained', depth: depth + 1, replace });
    }
    json[key] = kept.length === 0 ? undefined : repeats ? kept : kept[0];
    return kept.length > 0;
  }
}

/** Leaves an element what is left of its items. What is as it was is not written: most is. @returns whether any is left */
function shorten(items: JsonValue[], length: number, json: JsonObject, key: string): boolean {
  if (length !== items.length) items.length = length;
  if (length === 0) json[key] = undefined;
  else if (json[key] !== items) json[key] = items;
  return length > 0;
}
