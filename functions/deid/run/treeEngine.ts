import type { Collection, Environment, Evaluator } from '../expression/collection.js';
import { compileExpression, evaluate } from '../expression/evaluate.js';
import { Undecided } from '../expression/undecided.js';
import { FhirPathError } from '../values/values.js';
import type { JsonObject, JsonValue } from '../../json/json.js';
import { addLabels } from '../methods/labels.js';
import { ProcessingError } from '../methods/processingError.js';
import { FhirNode, descendantsWithinResource } from '../model/node.js';
import type { Place, ResourceRun } from './resourceRun.js';
import type { Rule } from '../configuration/rule.js';
import { appliesTo, lookupOf } from '../configuration/rulePath.js';
import type { Works } from '../plan/works.js';

/** A rule with its path compiled. */
interface TreeRule {
  readonly rule: Rule;
  readonly select: (resource: FhirNode, environment: Environment) => Collection;
}

/**
 * Applies rules one by one to the tree of a resource, as the reference does. This is the definition of what every
 * faster way must give; it takes the resources that no faster way can.
 */
export class TreeEngine {
  private readonly rules: readonly TreeRule[];
  private readonly works: Works;
  private readonly now: number;
  private readonly applyUndecided: boolean;
  private readonly undecided = new Undecided();

  /**
   * @param now milliseconds since the epoch, for FHIRPath's `now()`
   * @param applyUndecided whether redacting rules act where a condition of their path cannot be decided
   */
  constructor(rules: readonly Rule[], works: Works, now: number, applyUndecided: boolean) {
    this.rules = rules.map((rule) => ({ rule, select: selector(rule) }));
    this.works = works;
    this.now = now;
    this.applyUndecided = applyUndecided;
  }

  /**
   * De-identifies a resource and all resources in it.
   * @param place `outermost`, or how it stands in the resource around it, which gives it its labels or not
   * @throws ProcessingError, FhirPathError, DepthError
   */
  process(root: FhirNode, run: ResourceRun, place: Place): JsonObject {
    if (place === 'outermost') run.idOfRoot = () => root.children.find((child) => child.name === 'id')?.value;
    const operations = new Map<FhirNode, number>();
    this.processResource(root, root, place, run, operations);
    return resourceJson(root, operations, place === 'contained');
  }

  private processResource(
    node: FhirNode,
    root: FhirNode,
    place: Place,
    run: ResourceRun,
    operations: Map<FhirNode, number>,
  ): void {
    const outer = run.startResource(() => node.source ?? {}, place);
    const { undecided } = this;
    const environment: Environment = {
      resource: node,
      rootResource: root,
      now: this.now,
      regexSteps: run.regexSteps,
      undecided,
    };
    for (const { rule, select } of this.rules) {
      if (!appliesTo(rule, node.type.name)) continue;
      run.rule = rule.index;
      undecided.applies = this.applyUndecided && rule.method.appliesUndecided === true;
      undecided.takeCount();
      const selected = select(node, environment);
      run.wasUndecided(undecided.takeCount());
      for (const item of selected) {
        if (!(item instanceof FhirNode)) {
          throw new ProcessingError(
            'value-selected',
            'The path of the rule selects a value, not an element',
            rule.index,
          );
        }
        this.apply(rule, item, environment, run);
      }
    }
    run.rule = undefined;
    for (const inner of resourcesIn(node)) {
      this.processResource(inner, root, inner.key === 'contained' ? 'contained' : 'inside', run, operations);
    }
    operations.set(node, run.endResource(outer));
  }

  /** Decides a node and all below it, but for what is decided and for resources inside. */
  private apply(rule: Rule, node: FhirNode, environment: Environment, run: ResourceRun): void {
    if (node.decided) return;
    this.decide(rule, node, environment, run);
    node.decided = true;
    for (const child of node.children) if (!child.type.isResource) this.apply(rule, child, environment, run);
  }

  private decide(rule: Rule, node: FhirNode, environment: Environment, run: ResourceRun): void {
    const { method } = rule;
    const work = this.works.get(rule);
    if (method.isForPrimitives === true && node.type.primitive === null)
      throw new FhirPathError(`${method.name} is for primitive elements`);
    if (work?.replacement !== undefined) work.replacement.apply(node, run);
    else if (work?.ofNode !== undefined) node.value = work.ofNode(node, environment, run);
    else if (method.quantities?.has(node.type.name) === true) this.perturbQuantity(rule, node, run);
    else this.changeValue(rule, node, run);
  }

  private changeValue(rule: Rule, node: FhirNode, run: ResourceRun): void {
    if (node.value === undefined || node.type.primitive === null) return;
    const change = this.works.get(rule)?.ofValue(targetOf(node)) ?? null;
    if (change !== null) node.value = change(node.value, run);
  }

  /** Perturbs the value of a quantity, which decides all of the quantity. */
  private perturbQuantity(rule: Rule, node: FhirNode, run: ResourceRun): void {
    const value = node.children.find((child) => child.name === 'value');
    if (value?.value === undefined || value.decided) return;
    this.changeValue(rule, value, run);
    for (const descendant of descendantsWithinResource(node)) descendant.decided = true;
  }
}

function targetOf(node: FhirNode): { type: FhirNode['type']; name: string; parentType: string } {
  return { type: node.type, name: node.name, parentType: node.parent?.type.name ?? '' };
}

function selector(rule: Rule): TreeRule['select'] {
  if (rule.expression === null) return (resource) => [resource];
  const lookup = lookupOf(rule.path);
  if (lookup !== null) {
    return (resource) => {
      const found: FhirNode[] = [];
      for (const node of descendantsWithinResource(resource)) {
        if ((lookup.by === 'Type' ? node.type.name : node.name) !== lookup.value) continue;
        if (lookup.child === undefined) found.push(node);
        else found.push(...node.children.filter((child) => child.name === lookup.child));
      }
      return found;
    };
  }
  const evaluator: Evaluator = compileExpression(rule.expression);
  return (resource, environment) => evaluate(evaluator, [resource], environment);
}

/** The resources directly inside a resource, in the order of the document. */
function* resourcesIn(node: FhirNode): Generator<FhirNode> {
  for (const child of node.children) {
    if (child.type.isResource) yield child;
    else yield* resourcesIn(child);
  }
}

/** A resource's JSON, with its labels; what is left with no value and no children is left out. */
function resourceJson(
  node: FhirNode,
  operations: ReadonlyMap<FhirNode, number>,
  isContained = node.key === 'contained',
): JsonObject {
  const json = elementJson(node, operations) ?? { resourceType: node.type.name };
  if (!isContained) addLabels(json, operations.get(node) ?? 0);
  return json;
}

function elementJson(node: FhirNode, operations: ReadonlyMap<FhirNode, number>): JsonObject | undefined {
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
      write(isSibling ? `_${key}` : key, groupJson(node, key, group, isSibling, operations));
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
  operations: ReadonlyMap<FhirNode, number>,
): JsonValue | undefined {
  const first = group[0] as FhirNode;
  const repeats = parent.type.elements.get(key)?.repeats === true;
  if (first.type.primitive === null) {
    if (isSibling) return undefined;
    const items = group.map((node) =>
      node.type.isResource ? resourceJson(node, operations) : elementJson(node, operations),
    );
    const kept = items.filter((item) => item !== undefined);
    return kept.length === 0 ? undefined : repeats ? kept : kept[0];
  }
  const kept = group
    .map((node) => ({ value: node.value, sibling: elementJson(node, operations) }))
    .filter(({ value, sibling }) => value !== undefined || sibling !== undefined);
  const parts = kept.map(({ value, sibling }) => (isSibling ? sibling : value) ?? null);
  if (parts.every((part) => part === null)) return undefined;
  return repeats ? parts : (parts[0] ?? undefined);
}
