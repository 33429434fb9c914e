import type { FhirElement, FhirType } from '../model/types.js';
import { shapeOf } from '../model/shape.js';
import type { NodeMethod, Replacement, Target, ValueMethod } from '../methods/method.js';
import { follow, leadsFurther, leadsTo, leadsToItself, type Guard, type Pattern } from './pattern.js';
import { rawConditionOf, type RawCondition } from './rawCondition.js';
import type { Rule } from '../configuration/rule.js';
import type { Works } from './works.js';

/** Most nodes and variants that one plan keeps; a plan that outgrows it must be made anew. */
const MAX_REMEMBERED = 20_000;

/** The rules of a resource type whose paths are steps, numbered step by step. */
export interface PatternRule {
  readonly rule: Rule;
  readonly patterns: readonly Pattern[];
}

/** A place in a path that was followed so far. */
interface Position {
  readonly rule: Rule;
  readonly steps: Pattern;
  /** The step to follow next. */
  readonly at: number;
  readonly id: number;
}

/** A condition on an element before it is known which rules reach it. */
interface PendingGuard {
  readonly guard: Guard;
  readonly position: Position;
}

/** What following steps to an element found. */
interface Arrival {
  /** Least rule that reaches the element, or its surroundings. */
  decision: Rule | null;
  readonly active: Map<number, Position>;
  readonly guards: PendingGuard[];
}

/** A condition at an element of a known type. */
export interface EntryGuard extends Guard {
  /** Place of the rule it belongs to. */
  readonly rule: number;
  /** The short way to evaluate it; null where there is none. */
  readonly raw: RawCondition | null;
  /** Place of the first condition of the element that is the same one: its result holds here too. */
  readonly first: number;
}

type EntryKind =
  | 'value'
  | 'values'
  | 'sibling'
  | 'siblings'
  | 'complex'
  | 'list'
  | 'resource'
  | 'resources'
  | 'unknown'
  | 'ignored'
  | 'type';

/** A member of a JSON object, whatever rules say of it. */
interface MemberOf<Type> {
  readonly kind: EntryKind;
  /** Its definition, but for what is unknown. */
  readonly element: FhirElement | null;
  /** The element's type; null for resources. */
  readonly type: Type;
  /** JSON name of the primitive a sibling belongs to, or of the primitive's sibling. */
  readonly otherKey: string;
  /** Its bit in the shape of the object's type. */
  readonly bit: number;
}

/** What to do with an element of a JSON object, worked out once for all resources. */
export interface Entry extends MemberOf<FhirType | null> {
  /** The element as methods see it; null for resources and what is unknown. */
  readonly target: Target | null;
  /** The rule that decides it. */
  readonly rule: Rule | null;
  /** Work on a primitive's value; null keeps it. */
  readonly method: ValueMethod | null;
  /** Work on a primitive that has to see more than its value. */
  readonly nodeMethod: NodeMethod | null;
  /** Whether the rule's method fails here: it is for primitives. */
  readonly isRefused: boolean;
  /** Whether any text is kept as it came. */
  readonly keepsText: boolean;
  /** Whether nothing has to be known of a complex element before its children are looked at. */
  readonly isPlain: boolean;
  /** Conditions to evaluate on the element before it is known which rules reach it. */
  readonly guards: readonly EntryGuard[];
  /** The entry that holds when the conditions' results are known, one character each. */
  variant(results: string): Entry;
  /** What a `substitute` puts in its place, but for what earlier rules decided in it. */
  readonly replacement: Replacement | null;
  /** Of resources inside: whether they are taken away with what is around them. */
  readonly removes: boolean;
  /** What to do with its children. */
  readonly inner: PlanNode;
  /** What to do with the children of a quantity whose value this rule perturbs; else null. */
  readonly perturbed: PlanNode | null;
}

/**
 * What the rule that decides an element does below it. `perturbed`: works only at the value of this quantity.
 * `quiet`: no more, what it left is kept. `removing`: nothing of
 * it is left. Earlier rules reach all of these.
 */
type Mode = 'working' | 'perturbed' | 'quiet' | 'removing';

/** Plan of one resource type's elements: nodes are made when first needed and shared by all who come the same way. */
export class Plan {
  private readonly nodes = new Map<string, PlanNode>();
  /** Variants of entries that were made: with many conditions on one element, data can ask for any number. */
  variants = 0;
  private readonly start: Arrival;
  private nextId = 0;
  private readonly positions = new Map<Pattern, Position[]>();
  private readonly works: Works;
  private readonly type: FhirType;

  constructor(type: FhirType, rules: readonly PatternRule[], works: Works) {
    this.type = type;
    this.works = works;
    this.start = { decision: null, active: new Map(), guards: [] };
    for (const { rule, patterns } of rules) {
      for (const steps of patterns) {
        this.positions.set(
          steps,
          steps.map((_, at) => ({ rule, steps, at, id: this.nextId++ })),
        );
        this.advance(rule, steps, 0, type, type.name, this.start);
      }
    }
    settle(this.start);
  }

  get isOutgrown(): boolean {
    return this.nodes.size + this.variants > MAX_REMEMBERED;
  }

  /** The resource itself, as an entry: its conditions, and its children's plan. */
  get root(): Entry {
    const { type } = this;
    const target = { type, name: type.name, parentType: '', codes: undefined };
    const member = { kind: 'complex', element: null, type, otherKey: '', bit: 0, target } as const;
    return this.makeEntry(member, this.start, 'working');
  }

  /** Follows the steps from `at` that stay at an element. @param name the element's name */
  advance(rule: Rule, steps: Pattern, at: number, type: FhirType, name: string, arrival: Arrival): void {
    for (let place = follow(steps, at, type); place >= 0; place = follow(steps, place + 1, type)) {
      const step = steps[place];
      if (step === undefined) {
        if (arrival.decision === null || rule.index < arrival.decision.index) arrival.decision = rule;
        return;
      }
      if (step.kind === 'guard') {
        arrival.guards.push({ guard: step.condition, position: this.position(rule, steps, place) });
        return;
      }
      const position = this.position(rule, steps, place);
      arrival.active.set(position.id, position);
      if (!leadsToItself(step, type, name)) return;
    }
  }

  private position(rule: Rule, steps: Pattern, at: number): Position {
    return this.positions.get(steps)?.[at] ?? { rule, steps, at, id: -1 };
  }

  /** Follows all places of a path that are active at an element to one of its children. */
  arrive(active: Iterable<Position>, inherited: Rule | null, type: FhirType, name: string): Arrival {
    const arrival: Arrival = { decision: inherited, active: new Map(), guards: [] };
    for (const position of active) {
      const step = position.steps[position.at];
      if (step === undefined) continue;
      if (leadsFurther(step)) arrival.active.set(position.id, position);
      if (leadsTo(step, type, name))
        this.advance(position.rule, position.steps, position.at + 1, type, name, arrival);
    }
    settle(arrival);
    return arrival;
  }

  /** The plan of the children of an element that was arrived at. */
  node(type: FhirType, arrival: Arrival, mode: Mode): PlanNode {
    const ids = [...arrival.active.keys()].sort((one, two) => one - two);
    const key = `${type.path} ${arrival.decision?.index ?? ''} ${mode} ${ids.join(' ')}`;
    let node = this.nodes.get(key);
    if (node === undefined) {
      node = new PlanNode(this, type, [...arrival.active.values()], arrival.decision, mode);
      this.nodes.set(key, node);
    }
    return node;
  }

  makeEntry(member: Member, arrival: Arrival, mode: Mode): Entry {
    const { type, target } = member;
    const rule = arrival.decision;
    const works = rule !== null && mode === 'working';
    const work = works ? this.works.get(rule) : undefined;
    const isPrimitive = type.primitive !== null;
    const nodeMethod = (isPrimitive && work?.ofNode?.(target)) || null;
    let method = isPrimitive && nodeMethod === null ? (work?.ofValue(target) ?? null) : null;
    if (mode === 'removing') method = nothing;
    return new PlanEntry(this, arrival, {
      ...member,
      rule,
      method,
      nodeMethod,
      isRefused: works && !isPrimitive && rule.method.isForPrimitives === true,
      replacement: work?.replacement ?? null,
      mode,
    });
  }
}

const nothing: ValueMethod = () => undefined;

/** Leaves out what a rule that came first makes idle: later rules can reach nothing here or below. */
function settle(arrival: Arrival): void {
  const { decision } = arrival;
  if (decision === null) return;
  for (const [id, position] of arrival.active)
    if (position.rule.index >= decision.index) arrival.active.delete(id);
  const live = arrival.guards.filter(({ position }) => position.rule.index < decision.index);
  arrival.guards.splice(0, arrival.guards.length, ...live);
}

interface Member extends MemberOf<FhirType> {
  readonly target: Target;
}

interface EntryParts extends Member {
  readonly rule: Rule | null;
  readonly method: ValueMethod | null;
  readonly nodeMethod: NodeMethod | null;
  readonly isRefused: boolean;
  readonly replacement: Replacement | null;
  readonly mode: Mode;
}

class PlanEntry implements Entry {
  readonly kind: EntryKind;
  readonly element: FhirElement | null;
  readonly type: FhirType;
  readonly otherKey: string;
  readonly bit: number;
  readonly target: Target;
  readonly rule: Rule | null;
  readonly method: ValueMethod | null;
  readonly nodeMethod: NodeMethod | null;
  readonly isRefused: boolean;
  readonly keepsText: boolean;
  readonly isPlain: boolean;
  readonly replacement: Replacement | null;
  readonly removes = false;
  readonly guards: readonly EntryGuard[];
  private readonly plan: Plan;
  private readonly arrival: Arrival;
  private readonly parts: EntryParts;
  private readonly variants = new Map<string, Entry>();
  private innerNode: PlanNode | undefined;
  private perturbedNode: PlanNode | null | undefined;

  constructor(plan: Plan, arrival: Arrival, parts: EntryParts) {
    this.plan = plan;
    this.arrival = arrival;
    this.parts = parts;
    this.kind = parts.kind;
    this.element = parts.element;
    this.type = parts.type;
    this.otherKey = parts.otherKey;
    this.bit = parts.bit;
    this.target = parts.target;
    this.rule = parts.rule;
    this.method = parts.method;
    this.nodeMethod = parts.nodeMethod;
    this.isRefused = parts.isRefused;
    this.keepsText = parts.type.primitive === 'string' && parts.method === null && parts.nodeMethod === null;
    this.replacement = parts.replacement;
    const firsts = new Map<Guard, number>();
    this.guards = arrival.guards.map(({ guard, position }, place) => {
      const first = firsts.get(guard) ?? place;
      firsts.set(guard, first);
      return {
        ...guard,
        raw: rawConditionOf(guard.expression, parts.type),
        rule: position.rule.index,
        first,
      };
    });
    this.isPlain =
      this.guards.length === 0 && this.perturbed === null && !this.isRefused && this.replacement === null;
  }

  variant(results: string): Entry {
    let entry = this.variants.get(results);
    if (entry !== undefined) return entry;
    const { type, target, mode } = this.parts;
    const arrival: Arrival = {
      decision: this.arrival.decision,
      active: new Map(this.arrival.active),
      guards: [],
    };
    this.arrival.guards.forEach(({ position }, place) => {
      if (results[place] !== '1') return;
      this.plan.advance(position.rule, position.steps, position.at + 1, type, target.name, arrival);
    });
    settle(arrival);
    // What the rule around leaves or takes away, an earlier rule whose condition holds decides all the same.
    const holding = arrival.decision === this.arrival.decision ? mode : 'working';
    entry = this.plan.makeEntry(this.parts, arrival, holding);
    this.plan.variants++;
    this.variants.set(results, entry);
    return entry;
  }

  get inner(): PlanNode {
    this.innerNode ??= this.plan.node(
      this.type,
      this.arrival,
      this.replacement === null ? this.parts.mode : 'removing',
    );
    return this.innerNode;
  }

  get perturbed(): PlanNode | null {
    if (this.perturbedNode === undefined) {
      const perturbs = this.parts.mode === 'working' && this.rule?.method.quantities?.has(this.type.name);
      this.perturbedNode = perturbs === true ? this.plan.node(this.type, this.arrival, 'perturbed') : null;
    }
    return this.perturbedNode;
  }
}

/** What to do with the elements of an object: by their JSON names, worked out when first met. */
export class PlanNode {
  /** By JSON name. Names that the definition does not have are not remembered: there is no end to them. */
  readonly entries = new Map<string, Entry>();
  readonly type: FhirType;
  private readonly plan: Plan;
  private readonly active: readonly Position[];
  private readonly inherited: Rule | null;
  private readonly mode: Mode;

  constructor(plan: Plan, type: FhirType, active: readonly Position[], inherited: Rule | null, mode: Mode) {
    this.plan = plan;
    this.type = type;
    this.active = active;
    this.inherited = inherited;
    this.mode = mode;
  }

  /** The entry of a name. */
  entry(key: string): Entry {
    const known = this.entries.get(key);
    if (known !== undefined) return known;
    const entry = this.make(key);
    if (entry.kind !== 'unknown') this.entries.set(key, entry);
    return entry;
  }

  private make(key: string): Entry {
    if (key === 'resourceType' && this.type.isResource) return TYPE;
    if (key === 'fhir_comments') return IGNORED;
    const isSibling = key.startsWith('_');
    const element = this.type.elements.get(isSibling ? key.slice(1) : key);
    if (element === undefined) return UNKNOWN;
    const { type, name } = element;
    if (type === null) {
      if (isSibling) return UNKNOWN;
      const kind = element.repeats ? 'resources' : 'resource';
      return plainEntry(kind, element, shapeOf(this.type).bit(name), this.mode === 'removing');
    }
    if (isSibling && type.primitive === null) return UNKNOWN;
    const arrival = this.plan.arrive(this.active, this.inherited, type, name);
    const target = { type, name, parentType: this.type.name, codes: element.codes };
    const kind = kindOf(element, isSibling);
    const otherKey = isSibling ? element.key : `_${key}`;
    const member = { kind, element, type, otherKey, bit: shapeOf(this.type).bit(name), target };
    return this.plan.makeEntry(member, arrival, this.modeOf(key, arrival.decision));
  }

  private modeOf(key: string, decision: Rule | null): Mode {
    if (this.mode === 'working' || decision !== this.inherited) return 'working';
    if (this.mode === 'removing') return 'removing';
    return this.mode === 'perturbed' && key === 'value' ? 'working' : 'quiet';
  }
}

function kindOf(element: FhirElement, isSibling: boolean): EntryKind {
  if (element.type?.primitive === null) return element.repeats ? 'list' : 'complex';
  if (isSibling) return element.repeats ? 'siblings' : 'sibling';
  return element.repeats ? 'values' : 'value';
}

/** An entry without a plan of its own. */
function plainEntry(kind: EntryKind, element: FhirElement | null, bit = 0, removes = false): Entry {
  return {
    kind,
    element,
    type: null,
    otherKey: '',
    bit,
    target: null,
    rule: null,
    method: null,
    nodeMethod: null,
    isRefused: false,
    keepsText: false,
    isPlain: false,
    replacement: null,
    removes,
    guards: [],
    variant: () => UNKNOWN,
    get inner(): PlanNode {
      throw new Error(`No plan below ${kind}`);
    },
    perturbed: null,
  };
}

const UNKNOWN: Entry = plainEntry('unknown', null);
const IGNORED: Entry = plainEntry('ignored', null);
const TYPE: Entry = plainEntry('type', null);
