import { patientElements } from '../fhir/patientsOf.js';
import type { Configuration } from './configuration/configuration.js';
import { ElementWork } from './run/elementWork.js';
import type { AnonymizeResult, Engine, EngineOptions, EngineReport, ResourceContext } from './run/engine.js';
import { ProcessingError } from './methods/processingError.js';
import { failureOf } from './run/failures.js';
import { isJsonObject, stringifyJson, type JsonObject } from '../json/json.js';
import { OBJECT, STRING, type JsonTape, type TapeValue } from '../json/jsonTape.js';
import { nameNumber } from '../json/keyNames.js';
import { LABELS, addLabels } from './methods/labels.js';
import type { LineBuffer } from '../json/lineBuffer.js';
import { REDACT } from './methods/redact.js';
import { FhirModel } from './model/fhirModel.js';
import type { FhirType } from './model/types.js';
import { FhirNode, resourceTypeOf, type NodeContext } from './model/node.js';
import { patternsOfAll, type Pattern } from './plan/pattern.js';
import { PlanWalk } from './run/planEngine.js';
import { planFor, type ResourcePlan } from './plan/planner.js';
import { ResourceRun, type Place } from './run/resourceRun.js';
import type { Rule } from './configuration/rule.js';
import { TapePlan } from './plan/tapePlan.js';
import { worksOf, type Works } from './plan/works.js';
import { TapeWalk, type TapePlans } from './run/tapeWalk.js';
import { TreeEngine } from './run/treeEngine.js';

/** Makes the engine of a configuration whose keys are resolved (`resolveKeys`). */
export function compileEngine(configuration: Configuration, options: EngineOptions): Engine {
  return new CompiledEngine(configuration, options);
}

/** Rules of a configuration, with the last one that an allow-list needs. */
function rulesOf(configuration: Configuration): readonly Rule[] {
  if (configuration.parameters.unmatched === 'keep') return configuration.rules;
  const index = configuration.rules.reduce((most, rule) => Math.max(most, rule.index), -1) + 1;
  return [
    ...configuration.rules,
    { index, path: 'Resource', resourceType: 'Resource', expression: null, method: REDACT, settings: {} },
  ];
}

/** Types of resources that hold others, but for those that are contained. */
const BUNDLES: ReadonlySet<string> = new Set(['Bundle', 'Parameters']);

const RESOURCE_TYPE = nameNumber('resourceType');

/** Whether there may be resources inside a resource. */
function hasInner(resource: JsonObject): boolean {
  const type = resource['resourceType'];
  return Object.hasOwn(resource, 'contained') || (typeof type === 'string' && BUNDLES.has(type));
}

class CompiledEngine implements Engine, TapePlans {
  readonly processingErrors: 'raise' | 'skip';
  private readonly model: FhirModel;
  private readonly rules: readonly Rule[];
  private readonly works: Works;
  private readonly patterns: ReadonlyMap<Rule, readonly Pattern[] | null>;
  private readonly tree: TreeEngine;
  private readonly run: ResourceRun;
  private readonly walk: PlanWalk;
  private readonly tapeWalk: TapeWalk;
  private readonly plans = new Map<FhirType, ResourcePlan>();
  /** The type of the resource on a tape that was looked at last; `undefined` where it is none for the tape. */
  private lastType: FhirType | undefined;
  private readonly tapePlans = new WeakMap<ResourcePlan, TapePlan>();
  /** Elements dropped that do not count before all of a resource is done. */
  private heldDrops: string[] | null = null;
  private readonly context: NodeContext;
  private dropped = new Map<string, number>();
  private undecided = new Map<string, number>();
  private resources = 0;

  constructor(configuration: Configuration, options: EngineOptions) {
    this.processingErrors = configuration.processingErrors;
    this.model = FhirModel.of(options.fhirVersion);
    this.rules = rulesOf(configuration);
    this.works = worksOf(this.rules, configuration, options.jobSecret, options.now);
    this.patterns = patternsOfAll(this.rules);
    this.tree = new TreeEngine(
      this.rules,
      this.works,
      options.now,
      configuration.parameters.undecidedConditions === 'apply',
    );
    this.run = new ResourceRun(
      this.rules.some(({ method }) => method.needsPatient?.(configuration.parameters))
        ? options.fhirVersion
        : null,
      options.randomBytes,
    );
    const onDropped = (path: string): void => {
      if (this.heldDrops !== null) this.heldDrops.push(path);
      else this.dropped.set(path, (this.dropped.get(path) ?? 0) + 1);
    };
    this.context = { model: this.model, onDropped };
    const work = new ElementWork(this.context, this.run, options.now);
    this.walk = new PlanWalk(this.context, this.run, work);
    this.tapeWalk = new TapeWalk(this.run, work, this);
  }

  anonymize(resource: JsonObject, context: ResourceContext = {}): AnonymizeResult {
    this.resources++;
    const { run } = this;
    run.restart(context.fileName ?? '', context.folderName ?? '');
    try {
      const line = stringifyJson(this.process(resource));
      this.countUndecided();
      return { outcome: 'anonymized', line };
    } catch (error) {
      return { outcome: 'failed', failure: failureOf(error, run.rule) };
    }
  }

  anonymizeTape(resource: TapeValue, line: LineBuffer): boolean {
    const { run } = this;
    if (resource.tape.bytes !== resource.bytes) return false;
    const plan = this.planAt(resource.tape, resource.node);
    if (plan === null) return false;
    const { length } = line;
    const counts = run.counts.slice();
    const drops: string[] = [];
    this.heldDrops = drops;
    run.restart('', '');
    line.begin(resource.tape.bytes);
    try {
      this.tapeWalk.resource(resource, plan, line);
    } catch {
      // Whatever it was, the other walk meets it again and reports it.
      line.truncate(length);
      counts.forEach((count, label) => (run.counts[label] = count));
      return false;
    } finally {
      this.heldDrops = null;
    }
    this.resources++;
    for (const path of drops) this.context.onDropped(path);
    this.countUndecided();
    return true;
  }

  private countUndecided(): void {
    if (this.run.undecided.size === 0) return;
    for (const [rule, count] of this.run.undecided) {
      const path = `fhirPathRules[${rule}]`;
      this.undecided.set(path, (this.undecided.get(path) ?? 0) + count);
    }
  }

  private process(resource: JsonObject): JsonObject {
    const type = isJsonObject(resource) ? resourceTypeOf(this.model, resource) : undefined;
    if (type === undefined) {
      throw new ProcessingError('invalid-resource', `Not a resource of a type of FHIR ${this.model.version}`);
    }
    return this.processResource(resource, type, 0, 'outermost');
  }

  private processResource(resource: JsonObject, type: FhirType, depth: number, place: Place): JsonObject {
    const plan = this.planOf(type);
    if (this.needsTree(plan, resource)) {
      const node = FhirNode.ofResource(this.context, resource);
      if (node === undefined) throw new ProcessingError('invalid-resource', 'Not a resource');
      return this.tree.process(node, this.run, place);
    }
    const outer = this.run.startResource(() => resource, place);
    for (const inner of this.walk.resource(plan.root, resource, depth, place === 'outermost')) {
      const innerPlace = inner.isContained ? 'contained' : 'inside';
      inner.replace(this.processResource(inner.resource, inner.type, inner.depth, innerPlace));
    }
    const operations = this.run.endResource(outer);
    if (place !== 'contained') addLabels(resource, operations);
    return resource;
  }

  /** Whether a rule applies to the resource that only the tree engine can apply. */
  private needsTree(plan: ResourcePlan, resource: JsonObject): boolean {
    if (plan.alwaysTree) return true;
    for (const key of plan.treeKeys)
      if (Object.hasOwn(resource, key) || Object.hasOwn(resource, `_${key}`)) return true;
    if (plan.reachesInside && hasInner(resource)) return true;
    return plan.substitutes && this.walk.substitutes(plan.root, resource);
  }

  private planOf(type: FhirType): ResourcePlan {
    let plan = this.plans.get(type);
    if (plan === undefined || plan.plan.isOutgrown) {
      plan = planFor(type, this.rules, this.patterns, this.works);
      this.plans.set(type, plan);
    }
    return plan;
  }

  /** The plan of the resource at an object of the tape; null where it is none, or none for the tape. */
  planAt(tape: JsonTape, object: number): TapePlan | null {
    if (tape.kind(object) !== OBJECT) return null;
    const member = tape.member(object, RESOURCE_TYPE);
    if (member < 0 || tape.kind(member) !== STRING) return null;
    // One after the other they are of one type.
    if (!tape.isText(member, this.lastType?.name ?? '')) {
      const name = tape.primitive(member) as string;
      this.lastType = BUNDLES.has(name) ? undefined : this.model.resource(name);
    }
    const type = this.lastType;
    const plan = type === undefined ? undefined : this.planOf(type);
    if (plan === undefined || plan.alwaysTree || plan.substitutes) return null;
    let tapePlan = this.tapePlans.get(plan);
    if (tapePlan === undefined) {
      const inner = plan.reachesInside ? ['contained'] : [];
      tapePlan = new TapePlan(
        plan.root,
        [...plan.treeKeys, ...inner],
        patientElements(plan.root.type?.name ?? '', this.model.version),
      );
      this.tapePlans.set(plan, tapePlan);
    }
    return tapePlan.takes(tape, object) ? tapePlan : null;
  }

  takeReport(): EngineReport {
    const labels = new Map<string, number>();
    LABELS.forEach((label, place) => {
      const count = this.run.counts[place] ?? 0;
      if (count > 0) labels.set(label, count);
    });
    const report = { resources: this.resources, dropped: this.dropped, labels, undecided: this.undecided };
    this.resources = 0;
    this.dropped = new Map();
    this.undecided = new Map();
    this.run.counts.fill(0);
    return report;
  }
}
