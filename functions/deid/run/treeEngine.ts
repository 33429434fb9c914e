import type { Collection, Environment, Evaluator } from '../expression/collection.js';
import { compileExpression, evaluate, selecting } from '../expression/evaluate.js';
import { Undecided } from '../expression/undecided.js';
import { FhirPathError } from '../values/values.js';
import { fullUrlOf } from '../../fhir/patientsOf.js';
import type { JsonObject } from '../../json/json.js';
import { addLabels } from '../methods/labels.js';
import { targetOf } from '../methods/method.js';
import { ProcessingError } from '../methods/processingError.js';
import { FhirNode, descendantsWithinResource, nodesLookedThrough, pathOf } from '../model/node.js';
import { siteOf } from '../model/sites.js';
import { elementJson } from '../model/nodeJson.js';
import type { Place, ResourceRun } from './resourceRun.js';
import type { Parameters } from '../configuration/parameters.js';
import type { Rule } from '../configuration/rule.js';
import { appliesTo, lookupOf } from '../configuration/rulePath.js';
import type { Works } from '../plan/works.js';
import type { Trace } from './trace.js';

/** A rule with its path compiled. */
interface TreeRule {
  readonly rule: Rule;
  readonly select: (resource: FhirNode, environment: Environment) => Collection;
}

/**
 * Applies rules one by one to the tree of a resource, as the reference does. This is the definition of what every
 * other engine must return; it takes the resources that the tape leaves.
 */
export class TreeEngine {
  private readonly rules: readonly TreeRule[];
  private readonly works: Works;
  private readonly now: number;
  private readonly applyUndecided: boolean;
  private readonly isValid: boolean;
  private readonly undecided = new Undecided();

  /**
   * @param now milliseconds since the epoch, for FHIRPath's `now()`
   * @param parameters of the configuration
   */
  constructor(rules: readonly Rule[], works: Works, now: number, parameters: Parameters) {
    this.rules = rules.map((rule) => ({ rule, select: selector(rule) }));
    this.works = works;
    this.now = now;
    this.applyUndecided = parameters.undecidedConditions === 'apply';
    this.isValid = parameters.validOutput;
  }

  /**
   * De-identifies a resource and all resources in it.
   * @param place `outermost`, or how it is in the resource around it, which gives it its labels or not
   * @param fullUrl of the entry of a Bundle that it is in
   * @throws ProcessingError, FhirPathError, DepthError
   */
  process(root: FhirNode, run: ResourceRun, place: Place, fullUrl?: string): JsonObject {
    if (place === 'outermost') run.idOfRoot = () => root.children.find((child) => child.name === 'id')?.value;
    const operations = new Map<FhirNode, number>();
    run.trace?.begin(root);
    this.processResource(root, root, place, run, operations, fullUrl);
    return this.resourceJson(root, operations, run.trace, place === 'contained');
  }

  private processResource(
    node: FhirNode,
    root: FhirNode,
    place: Place,
    run: ResourceRun,
    operations: Map<FhirNode, number>,
    fullUrl: string | undefined,
  ): void {
    const outer = run.startResource(() => node.source ?? {}, place, fullUrl);
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
      const innerPlace = inner.key === 'contained' ? 'contained' : 'inside';
      this.processResource(inner, root, innerPlace, run, operations, fullUrlAround(inner));
    }
    operations.set(node, run.endResource(outer));
  }

  /** Decides a node and all below it, but for what is decided and for resources inside. */
  private apply(rule: Rule, node: FhirNode, environment: Environment, run: ResourceRun): void {
    if (node.decided) return;
    this.decide(rule, node, environment, run);
    node.decided = true;
    run.trace?.decide(node, rule);
    for (const child of node.children) if (!child.type.isResource) this.apply(rule, child, environment, run);
  }

  private decide(rule: Rule, node: FhirNode, environment: Environment, run: ResourceRun): void {
    const { method } = rule;
    const work = this.works.get(rule);
    run.site = siteOf(pathOf(node));
    if (work?.isForPrimitives === true && node.type.primitive === null)
      throw new FhirPathError(`${method.name} is for primitive elements`);
    if (work?.removes !== undefined) remove(rule, node, work.removes, run);
    else if (work?.replacement !== undefined) work.replacement.apply(node, run);
    else if (work?.ofNode !== undefined) node.value = work.ofNode(targetOf(node))(node, environment, run);
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
    run.site = siteOf(pathOf(value));
    this.changeValue(rule, value, run);
    for (const descendant of descendantsWithinResource(node)) descendant.decided = true;
  }

  /** A resource's JSON, with its labels; what is left with no value and no children is left out. */
  private resourceJson(
    node: FhirNode,
    operations: ReadonlyMap<FhirNode, number>,
    trace: Trace | undefined,
    isContained = node.key === 'contained',
  ): JsonObject {
    const json = elementJson(node, {
      resourceJson: (inner) => this.resourceJson(inner, operations, trace),
      isValid: this.isValid,
      onWritten: trace && ((written, place) => trace.write(written, place)),
      onTakenOut: trace && ((around, key) => trace.takeOut(around, key)),
    }) ?? { resourceType: node.type.name };
    if (!isContained) addLabels(json, operations.get(node) ?? 0);
    return json;
  }
}

/** Takes a node away with all that is in it. The outermost resource stays, and each of its elements goes. */
function remove(rule: Rule, node: FhirNode, label: number, run: ResourceRun): void {
  if (node.parent === null) return;
  run.trace?.remove(node, rule);
  node.parent.remove(node);
  node.decideAll();
  run.did(label);
}

function selector(rule: Rule): TreeRule['select'] {
  if (rule.expression === null) return (resource) => [resource];
  const lookup = lookupOf(rule.path);
  if (lookup !== null) {
    return (resource) => {
      const found: FhirNode[] = [];
      for (const node of nodesLookedThrough(resource)) {
        if ((lookup.by === 'Type' ? node.type.name : node.name) !== lookup.value) continue;
        if (lookup.child === undefined) found.push(node);
        else found.push(...node.children.filter((child) => child.name === lookup.child));
      }
      return found;
    };
  }
  const evaluator: Evaluator = compileExpression(selecting(rule.expression));
  return (resource, environment) => evaluate(evaluator, [resource], environment);
}

function fullUrlAround({ parent }: FhirNode): string | undefined {
  return parent?.type.path === 'Bundle.entry' ? fullUrlOf(parent.source ?? {}) : undefined;
}

/** The resources directly inside a resource, in the order of the document. */
function* resourcesIn(node: FhirNode): Generator<FhirNode> {
  for (const child of node.children) {
    if (child.type.isResource) yield child;
    else yield* resourcesIn(child);
  }
}
