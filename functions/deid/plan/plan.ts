import { remembered } from '../../common/maps.js';
import type { UriKind } from '../../fhir/publishedUris.js';
import type { JsonTape } from '../../json/jsonTape.js';
import { nameNumber, nameOf } from '../../json/keyNames.js';
import type { TextResults } from '../methods/textResults.js';
import type { FhirElement, FhirType } from '../model/types.js';
import { shapeOf, type Shape } from '../model/shape.js';
import { siteOf } from '../model/sites.js';
import { uriKindOf } from '../model/uriKind.js';
import type { NodeMethod, Replacement, Target, ValueMethod } from '../methods/method.js';
import { Conditions } from './conditions.js';
import { LastCode } from './lastCode.js';
import { leadsFurther, leadsTo, stopsAt, type Guard, type Pattern } from './pattern.js';
import { rawConditionOf, type RawCondition } from './rawCondition.js';
import type { Rule } from '../configuration/rule.js';
import type { Works } from './works.js';

/** Most nodes and variants that one plan keeps; a plan that outgrows it must be made anew. */
const MAX_REMEMBERED = 20_000;

/** Entries that a node finds without a look-up. */
const SLOTS = 64;

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
interface Member {
  readonly kind: EntryKind;
  /** Its definition, but for what is unknown. */
  readonly element: FhirElement | null;
  /** The element's type; null for resources and what is unknown. */
  readonly type: FhirType | null;
  /** JSON name of the primitive a sibling belongs to, or of the primitive's sibling. */
  readonly otherKey: string;
  /** Its bit in the shape of the object's type. */
  readonly bit: number;
  /** The element as methods see it; null where it has no type. */
  readonly target: Target | null;
}

/** What is to be done at an element, in the order of how often it is. */
type ValueWork =
  /** A text that is kept. */
  | 'text'
  /** A text that is taken away. */
  | 'taken'
  /** A text that is replaced by another that depends on it alone. */
  | 'replaced'
  | 'integer'
  | 'decimal'
  | 'boolean'
  /** Any other value of a primitive. */
  | 'primitive';

/** What is looked at of a value that was written. */
export const NOTHING = 0;
/** Its precision is counted. */
export const DATE = 1;
/** What it refers to is counted. */
export const REFERENCE = 2;
/** Whether it has the form of its type. */
export const FORM = 3;
/** The same, of which only a text with escapes may lack it. */
export const PLAIN_FORM = 4;
/** It is counted, as a report may have it, and whether it has the form of its type. */
export const URI = 5;

/**
 * What the rule that decides an element does below it. `perturbed`: works only at the value of this quantity.
 * `quiet`: no more, what it left is kept. `removing`: nothing of it is left. Earlier rules reach all of these.
 */
type Mode = 'working' | 'perturbed' | 'quiet' | 'removing';

/** What a plan is for, besides its rules. */
export interface PlanUse {
  /** Whether values are looked at for their form. */
  readonly validates: boolean;
  /** Names of the resource's elements that identify the patient. */
  readonly patientElements: readonly string[];
  /** Names of those with which a resource is not one for the tape; null where none is. */
  readonly refused: readonly string[] | null;
}

/** Plan of one resource type's elements: nodes are made when first needed and shared by all who come the same way. */
export class Plan {
  readonly works: Works;
  readonly validates: boolean;
  /** Numbers of the names of the elements that identify the patient. */
  readonly patientNames: ReadonlySet<number>;
  /** Variants of entries that were made: with many conditions on one element, data can ask for any number. */
  variants = 0;
  /** The resource itself: its conditions, and its children's plan. */
  readonly root: Entry;
  readonly unknown: Entry;
  readonly ignored: Entry;
  readonly resourceType: Entry;
  readonly #refused: ReadonlySet<number> | null;
  readonly #nodes = new Map<string, PlanNode>();
  readonly #positions = new Map<Pattern, Position[]>();

  constructor(type: FhirType, rules: readonly PatternRule[], works: Works, use: PlanUse) {
    this.works = works;
    this.validates = use.validates;
    this.patientNames = new Set(use.patientElements.map(nameNumber));
    this.#refused =
      use.refused && new Set(use.refused.flatMap((name) => [nameNumber(name), nameNumber(`_${name}`)]));
    let nextId = 0;
    const start: Arrival = { decision: null, active: new Map(), guards: [] };
    for (const { rule, patterns } of rules) {
      for (const steps of patterns) {
        this.#positions.set(
          steps,
          steps.map((_, at) => ({ rule, steps, at, id: nextId++ })),
        );
        this.advance(rule, steps, 0, type, type.name, start);
      }
    }
    settle(start);
    const target = { type, name: type.name, parentType: '', codes: undefined };
    this.root = new Entry(this, { ...UNKNOWN, kind: 'complex', type, target }, start, 'working');
    this.unknown = new Entry(this, UNKNOWN, NOWHERE, 'working');
    this.ignored = new Entry(this, { ...UNKNOWN, kind: 'ignored' }, NOWHERE, 'working');
    this.resourceType = new Entry(this, { ...UNKNOWN, kind: 'type' }, NOWHERE, 'working');
  }

  get isOutgrown(): boolean {
    return this.#nodes.size + this.variants > MAX_REMEMBERED;
  }

  /** Whether a resource of the plan's type is one for the tape. */
  takes(tape: JsonTape, resource: number): boolean {
    if (this.#refused === null) return false;
    if (this.#refused.size === 0) return true;
    const end = tape.after(resource);
    for (let member = tape.first(resource); member < end; member = tape.after(member))
      if (this.#refused.has(tape.name(member))) return false;
    return true;
  }

  /** Follows the steps from `at` that stay at an element. @param name the element's name */
  advance(rule: Rule, steps: Pattern, at: number, type: FhirType, name: string, arrival: Arrival): void {
    for (const place of stopsAt(steps, at, type, name)) {
      const step = steps[place];
      if (step === undefined) {
        if (arrival.decision === null || rule.index < arrival.decision.index) arrival.decision = rule;
        return;
      }
      const position = this.#position(rule, steps, place);
      if (step.kind === 'guard') {
        arrival.guards.push({ guard: step.condition, position });
        return;
      }
      arrival.active.set(position.id, position);
    }
  }

  #position(rule: Rule, steps: Pattern, at: number): Position {
    return this.#positions.get(steps)?.[at] ?? { rule, steps, at, id: -1 };
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
    return remembered(
      this.#nodes,
      key,
      () => new PlanNode(this, type, [...arrival.active.values()], arrival.decision, mode),
    );
  }
}

const UNKNOWN: Member = { kind: 'unknown', element: null, type: null, otherKey: '', bit: 0, target: null };
const NOWHERE: Arrival = { decision: null, active: new Map(), guards: [] };
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

/** What to do with an element of a JSON object, worked out once for all resources. */
export class Entry implements Member {
  readonly kind: EntryKind;
  readonly element: FhirElement | null;
  readonly type: FhirType | null;
  readonly otherKey: string;
  readonly bit: number;
  readonly target: Target | null;
  /** The number of `otherKey`. */
  readonly otherName: number;
  /** The rule that decides it. */
  readonly rule: Rule | null;
  /** Work on a primitive's value; null keeps it. */
  readonly method: ValueMethod | null;
  /** Work on a primitive that has to see more than its value. */
  readonly nodeMethod: NodeMethod | null;
  readonly work: ValueWork;
  /** Set where the work is `replaced`. */
  readonly results: TextResults | undefined;
  /** Set where the work is `taken`: the label that it counts for. */
  readonly takenLabel: number;
  /** What is looked at of its value: one of `NOTHING` to `URI`. */
  readonly looks: number;
  /** Set where it is a URI that is counted. */
  readonly uriKind: UriKind | undefined;
  readonly lastCode = new LastCode();
  /** The number of its path, for counts of what is done. */
  readonly site: number;
  /** Whether the rule's method fails here: it is for primitives. */
  readonly isRefused: boolean;
  /** What a `substitute` puts in its place, but for what earlier rules decided in it. */
  readonly replacement: Replacement | null;
  /** Whether it is taken away with what is around it. */
  readonly removes: boolean;
  /** What to do with the children of a quantity whose value this rule perturbs; else null. */
  readonly perturbed: PlanNode | null;
  /** Conditions to evaluate on the element before it is known which rules reach it. */
  readonly guards: readonly EntryGuard[];
  /** The same, where there are any. */
  readonly conditions: Conditions<Entry> | null;
  /** Whether nothing has to be known of a complex element before its children are looked at. */
  readonly isPlain: boolean;
  readonly #plan: Plan;
  readonly #arrival: Arrival;
  readonly #mode: Mode;
  readonly #variants = new Map<string, Entry>();
  private innerNode: PlanNode | undefined;

  constructor(plan: Plan, member: Member, arrival: Arrival, mode: Mode) {
    const { type, target } = member;
    const rule = arrival.decision;
    const isPrimitive = (type?.primitive ?? null) !== null;
    const isWorking = rule !== null && mode === 'working';
    const work = isWorking ? plan.works.get(rule) : undefined;
    const ofNode = isPrimitive && target !== null ? work?.ofNode?.(target) : null;
    const ofValue = isPrimitive && target !== null && !ofNode ? work?.ofValue(target) : null;
    this.#plan = plan;
    this.#arrival = arrival;
    this.#mode = mode;
    this.kind = member.kind;
    this.element = member.element;
    this.type = type;
    this.otherKey = member.otherKey;
    this.otherName = nameNumber(member.otherKey);
    this.bit = member.bit;
    this.target = target;
    this.rule = rule;
    this.method = mode === 'removing' ? nothing : (ofValue ?? null);
    this.nodeMethod = ofNode ?? null;
    this.work = workOf(this);
    this.results = this.work === 'replaced' ? this.method?.results : undefined;
    this.takenLabel = this.method?.taken ?? 0;
    this.looks = looksOf(member, plan.validates);
    this.uriKind = member.element === null ? undefined : uriKindOf(member.element);
    this.site = siteOf(member.element?.path ?? type?.path ?? '');
    this.isRefused = !isPrimitive && work?.isForPrimitives === true;
    this.replacement = work?.replacement ?? null;
    this.removes = mode === 'removing';
    const perturbs = isWorking && type !== null && rule.method.quantities?.has(type.name) === true;
    this.perturbed = perturbs ? plan.node(type, arrival, 'perturbed') : null;
    this.guards = guardsOf(arrival, type);
    this.conditions = this.guards.length === 0 ? null : new Conditions(this);
    this.isPlain = this.conditions === null && !perturbs && !this.isRefused && this.replacement === null;
  }

  /** The entry that holds when the conditions' results are known, one character each. */
  variant(results: string): Entry {
    let entry = this.#variants.get(results);
    if (entry !== undefined) return entry;
    const { decision, active, guards } = this.#arrival;
    const { type, target } = this;
    const arrival: Arrival = { decision, active: new Map(active), guards: [] };
    guards.forEach(({ position: { rule, steps, at } }, place) => {
      if (results[place] !== '1' || type === null) return;
      this.#plan.advance(rule, steps, at + 1, type, target?.name ?? '', arrival);
    });
    settle(arrival);
    // What the rule around leaves or takes away, an earlier rule whose condition holds decides all the same.
    entry = new Entry(this.#plan, this, arrival, arrival.decision === decision ? this.#mode : 'working');
    this.#plan.variants++;
    this.#variants.set(results, entry);
    return entry;
  }

  /** What to do with its children. */
  get inner(): PlanNode {
    return (this.innerNode ??= this.#plan.node(
      this.type as FhirType,
      this.#arrival,
      this.replacement === null ? this.#mode : 'removing',
    ));
  }
}

function guardsOf({ guards }: Arrival, type: FhirType | null): readonly EntryGuard[] {
  const firsts = new Map<Guard, number>();
  return guards.map(({ guard, position }, place) => {
    const first = firsts.get(guard) ?? place;
    firsts.set(guard, first);
    const raw = type && rawConditionOf(guard.expression, type);
    return { ...guard, raw, rule: position.rule.index, first };
  });
}

function workOf({ type, method, nodeMethod }: Pick<Entry, 'type' | 'method' | 'nodeMethod'>): ValueWork {
  const primitive = type?.primitive ?? null;
  if (primitive === 'string' && method === null && nodeMethod === null) return 'text';
  if (method?.taken !== undefined && primitive === 'string') return 'taken';
  if (method?.results !== undefined && primitive === 'string') return 'replaced';
  if (method !== null || nodeMethod !== null) return 'primitive';
  return primitive === 'integer' || primitive === 'decimal' || primitive === 'boolean'
    ? primitive
    : 'primitive';
}

/** Types of which every JSON value of the right kind is one. */
const FORMLESS: ReadonlySet<string> = new Set(['boolean', 'integer', 'decimal']);

function looksOf({ type, element, target }: Member, validates: boolean): number {
  if (type?.primitive === 'date' || type?.primitive === 'dateTime') return DATE;
  if (element?.path === 'Reference.reference') return REFERENCE;
  if (element !== null && uriKindOf(element) !== undefined) return URI;
  if (!validates || type === null || type.primitive === null || FORMLESS.has(type.name)) return NOTHING;
  const isText = type.name === 'string' || type.name === 'markdown';
  return isText && target?.codes === undefined ? PLAIN_FORM : FORM;
}

/** What to do with the elements of an object: by the numbers of their names, worked out when first met. */
export class PlanNode {
  readonly type: FhirType;
  /** Set where the type's objects need anything, or have choices. */
  readonly shape: Shape | null;
  readonly mayBeRemoved: boolean;
  readonly choices: number;
  readonly #plan: Plan;
  readonly #active: readonly Position[];
  readonly #inherited: Rule | null;
  readonly #mode: Mode;
  /** Names that the definition does not have are not remembered: there is no end to them. */
  readonly #entries = new Map<number, Entry>();
  private readonly slotNames = new Int32Array(SLOTS).fill(-1);
  private readonly slotEntries: Entry[];

  constructor(plan: Plan, type: FhirType, active: readonly Position[], inherited: Rule | null, mode: Mode) {
    this.type = type;
    const shape = shapeOf(type);
    this.shape = shape.isAsking ? shape : null;
    this.mayBeRemoved = shape.mayBeRemoved;
    this.choices = shape.choices;
    this.#plan = plan;
    this.#active = active;
    this.#inherited = inherited;
    this.#mode = mode;
    this.slotEntries = Array.from({ length: SLOTS }, () => plan.unknown);
  }

  /** The entry of a name. */
  entry(name: number): Entry {
    const slot = name & (SLOTS - 1);
    if (this.slotNames[slot] === name) return this.slotEntries[slot] as Entry;
    let entry = this.#entries.get(name);
    if (entry === undefined) {
      entry = this.#make(nameOf(name));
      if (entry.kind !== 'unknown') this.#entries.set(name, entry);
    }
    this.slotNames[slot] = name;
    this.slotEntries[slot] = entry;
    return entry;
  }

  #make(key: string): Entry {
    const plan = this.#plan;
    if (key === 'resourceType' && this.type.isResource) return plan.resourceType;
    if (key === 'fhir_comments') return plan.ignored;
    const isSibling = key.startsWith('_');
    const element = this.type.elements.get(isSibling ? key.slice(1) : key);
    if (element === undefined || (isSibling && (element.type?.primitive ?? null) === null))
      return plan.unknown;
    const { type, name, codes } = element;
    const kind = kindOf(element, isSibling);
    const otherKey = isSibling ? element.key : `_${key}`;
    const bit = shapeOf(this.type).bit(name);
    if (type === null)
      return new Entry(plan, { kind, element, type, otherKey, bit, target: null }, NOWHERE, this.#mode);
    const arrival = plan.arrive(this.#active, this.#inherited, type, name);
    const target = { type, name, parentType: this.type.name, codes };
    const mode = this.#modeOf(key, arrival.decision);
    return new Entry(plan, { kind, element, type, otherKey, bit, target }, arrival, mode);
  }

  #modeOf(key: string, decision: Rule | null): Mode {
    if (this.#mode === 'working' || decision !== this.#inherited) return 'working';
    if (this.#mode === 'removing') return 'removing';
    return this.#mode === 'perturbed' && key === 'value' ? 'working' : 'quiet';
  }
}

function kindOf({ type, repeats }: FhirElement, isSibling: boolean): EntryKind {
  if (type === null) return repeats ? 'resources' : 'resource';
  if (type.primitive === null) return repeats ? 'list' : 'complex';
  if (isSibling) return repeats ? 'siblings' : 'sibling';
  return repeats ? 'values' : 'value';
}
