import type { Environment } from '../expression/collection.js';
import { evaluate } from '../expression/evaluate.js';
import { Undecided } from '../expression/undecided.js';
import { booleanOf } from '../expression/operators.js';
import { FhirPathError } from '../values/values.js';
import type { JsonObject } from '../../json/json.js';
import type { FhirType } from '../model/types.js';
import type { FhirModel } from '../model/fhirModel.js';
import { FhirNode, type NodeContext } from '../model/node.js';
import type { Entry, EntryGuard } from '../plan/plan.js';
import type { Constant } from '../methods/method.js';
import { isPrimitiveOf, type Primitive } from '../model/primitive.js';
import type { ResourceRun } from './resourceRun.js';

/** What is done at single elements. */
export class ElementWork {
  private readonly run: ResourceRun;
  private readonly environment: Environment;
  private readonly silent: NodeContext;
  private readonly isLooking: boolean;

  /**
   * @param now milliseconds since the epoch, for FHIRPath's `now()`
   * @param isLooking whether values stay that their elements cannot have, to be found not valid
   */
  constructor(model: FhirModel, run: ResourceRun, now: number, isLooking: boolean) {
    this.isLooking = isLooking;
    this.run = run;
    const { regexSteps } = run;
    this.environment = { resource: null, rootResource: null, now, regexSteps, undecided: new Undecided() };
    this.silent = { model, onDropped: () => undefined };
  }

  /** The entry that holds where its conditions are as they are on an element; it may have others. @throws FhirPathError */
  variant(entry: Entry, json: JsonObject): Entry {
    let results = '';
    for (const guard of entry.guards)
      results += results[guard.first] ?? (this.holds(guard, entry, json) ? '1' : '0');
    return entry.variant(results);
  }

  private holds(guard: EntryGuard, entry: Entry, json: JsonObject): boolean {
    const verdict = guard.raw === null ? 'unsure' : guard.raw(json);
    return verdict === 'unsure' ? this.evaluateGuard(guard, entry, json) : verdict === 'true';
  }

  private evaluateGuard(guard: EntryGuard, entry: Entry, json: JsonObject): boolean {
    if (entry.type === null) return false;
    this.run.rule = guard.rule;
    const name = entry.element?.name ?? entry.type.name;
    const node = new FhirNode(this.silent, null, { name, key: '' }, entry.type, undefined, json);
    return booleanOf(evaluate(guard.evaluator, [node], this.environment)) === true;
  }

  /** @throws FhirPathError where a method for primitives reaches an element that is none */
  refuseComplex(entry: Entry): void {
    if (!entry.isRefused) return;
    this.run.rule = entry.rule?.index;
    throw new FhirPathError(`${entry.rule?.method.name} is for primitive elements`);
  }

  /** What a `substitute` puts in the place of an element, whatever it holds; null where only the tree engine can decide. */
  constantOf({ replacement, target }: Entry): Constant | null {
    const constant = target === null ? null : (replacement?.constantOf(target, this.silent.model) ?? null);
    for (const path of constant?.dropped ?? []) this.run.onDropped(path);
    return constant;
  }

  /** Counts a value that was left out since its element cannot have it. */
  drop(entry: Entry): void {
    if (entry.element !== null) this.run.onDropped(entry.element.path);
  }

  /** Counts an element that was left out since its type does not define it. */
  dropUnknown(type: FhirType): void {
    this.run.onDropped(`${type.path}.(unknown)`);
  }

  /** A primitive's value as it is to be written; undefined for none. @throws FhirPathError */
  changed(entry: Entry, value: Primitive | null): Primitive | undefined {
    const type = entry.type as FhirType;
    if (value === null || value === '') return undefined;
    if (!isPrimitiveOf(type, value)) {
      if (this.isLooking) return value;
      this.drop(entry);
      return undefined;
    }
    const { method, nodeMethod } = entry;
    if (method === null && nodeMethod === null) return value;
    this.run.rule = entry.rule?.index;
    this.run.site = entry.site;
    if (method !== null) return method(value, this.run);
    const element = entry.element ?? { name: '', key: '' };
    const node = new FhirNode(this.silent, null, element, type, value, undefined);
    return nodeMethod?.(node, this.environment, this.run);
  }
}
