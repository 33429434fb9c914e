import { remembered } from '../../common/maps.js';
import { mayBeUndecided } from '../expression/comparisonTypes.js';
import { rawConditionOf } from './rawCondition.js';
import type { FhirType } from '../model/types.js';
import {
  Everywhere,
  leadsFurther,
  leadsTo,
  stopsAt,
  type Guard,
  type Pattern,
  type Step,
} from './pattern.js';
import { functionOf } from '../expression/functions.js';
import { leadsBelow, selectsFromInput } from '../expression/functionRow.js';
import { Plan, type PatternRule, type PlanUse } from './plan.js';
import type { Works } from './works.js';
import type { Rule } from '../configuration/rule.js';
import { partsOf, type Expression } from '../expression/syntax.js';
import { isTotal } from './totality.js';
import { appliesTo } from '../configuration/rulePath.js';

/** Element names that hold resources. */
const RESOURCE_ELEMENTS = new Set(['contained', 'resource', 'outcome', 'issues']);

/** Types of resources that hold others, but for those that are contained. */
const BUNDLES: ReadonlySet<string> = new Set(['Bundle', 'Parameters']);

/** The plan of a resource type, of the rules that a plan can hold; what others look at is not for the tape. */
export function planFor(
  type: FhirType,
  rules: readonly Rule[],
  patternsOf: ReadonlyMap<Rule, readonly Pattern[] | null>,
  works: Works,
  budget: PlanningBudget,
  use: Omit<PlanUse, 'refused'> & { readonly isResource: IsResource },
): Plan {
  const planned: PatternRule[] = [];
  // JSON names of the resource's elements that such a rule looks at.
  const refused = new Set<string>();
  // Whether one may select something whatever elements there are.
  let alwaysTree = false;
  const leaveToTree = (rule: Rule): void => {
    const name = firstName(rule.expression);
    if (name === null) alwaysTree = true;
    else for (const element of type.elements.values()) if (element.name === name) refused.add(element.key);
  };
  // The resource around all is known only to an engine that holds it all.
  if (rules.some(({ path }) => path.includes('rootResource'))) alwaysTree = true;
  // A resource that may be taken out of the one around it.
  if (rules.some(({ method, expression }) => method.needsTree === true && firstName(expression) === null))
    alwaysTree = true;
  const own = rules.filter((rule) => appliesTo(rule, type.name));
  for (const rule of own) {
    const isForTape = rule.method.needsTree !== true && looksAtValueOnly(rule);
    const patterns = isForTape ? (patternsOf.get(rule) ?? null) : null;
    if (patterns === null) leaveToTree(rule);
    else planned.push({ rule, patterns });
  }
  const kept = withoutConflicts(type, planned, budget);
  const keptRules = new Set(kept.map(({ rule }) => rule));
  for (const { rule } of planned) if (!keptRules.has(rule)) leaveToTree(rule);
  if (
    kept.some(({ patterns }) =>
      patterns.some((steps) => steps.some((step) => isInward(step, use.isResource))),
    )
  ) {
    if (BUNDLES.has(type.name)) alwaysTree = true;
    refused.add('contained');
  }
  return new Plan(type, kept, works, { ...use, refused: alwaysTree ? null : [...refused] });
}

/** Whether a name is that of a resource type. */
type IsResource = (name: string) => boolean;

function isInward(step: Step, isResource: IsResource): boolean {
  if (step.kind === 'child') return RESOURCE_ELEMENTS.has(step.name);
  // A look-up finds resources inside, too.
  if (step.kind === 'within' && !step.self)
    return step.by === 'Name' ? RESOURCE_ELEMENTS.has(step.value) : isResource(step.value);
  return step.kind === 'children' || step.kind === 'descendants';
}

/** Whether the expressions of a rule's method look at nothing but the value. */
function looksAtValueOnly({ method, settings }: Rule): boolean {
  return method.expressions?.(settings).every(looksAtSelf) ?? true;
}

function looksAtSelf(expression: Expression): boolean {
  switch (expression.kind) {
    case 'member':
    case 'iteration':
      return false;
    case 'variable':
      return !['context', 'resource', 'rootResource'].includes(expression.name);
    case 'call':
      if (leadsBelow(functionOf(expression)) || functionOf(expression).kinds.includes('recursion'))
        return false;
      return partsOf(expression).every(looksAtSelf);
    default:
      return partsOf(expression).every(looksAtSelf);
  }
}

/** The name of the resource's element without which a path selects nothing; null if there is no such name. */
function firstName(expression: Expression | null): string | null {
  if (expression === null) return null;
  switch (expression.kind) {
    case 'member':
      if (expression.focus !== null) return firstName(expression.focus);
      return /^[A-Z]/.test(expression.name) ? null : expression.name;
    case 'item':
      return firstName(expression.focus);
    case 'type':
      return expression.operator === 'as' ? firstName(expression.operand) : null;
    case 'call':
      return selectsFromInput(functionOf(expression)) ? firstName(expression.focus) : null;
    case 'literal':
    case 'polarity':
    case 'binary':
    case 'variable':
    case 'this':
    case 'iteration':
      return null;
  }
}

/**
 * A condition is evaluated on an element as it came. That gives what the reference sees only where no earlier rule
 * changes what the condition looks at; rules of other conditions are left out.
 */
function withoutConflicts(
  type: FhirType,
  rules: readonly PatternRule[],
  budget: PlanningBudget,
): readonly PatternRule[] {
  if (!rules.some(({ patterns }) => patterns.some(hasGuard))) return rules;
  const conflicts = new ConflictSearch(type, rules, budget).conflicts;
  return rules.filter(({ rule }) => !conflicts.has(rule));
}

/** A path of a rule. */
interface Path {
  readonly rule: Rule;
  /** The first later rule with a condition: what the rule does may be in conflict with that one and those after it. */
  readonly before: number;
  readonly steps: Pattern;
  readonly places: readonly Place[];
}

/** A place in a path. */
interface Place {
  readonly path: Path;
  readonly step: Step;
  readonly at: number;
  readonly id: number;
  /** Whether a condition from here on may fail. */
  readonly canFail: boolean;
}

/** What may be at an element, however it is reached. Of rules, the first ones count, as the rules that they are `before`. */
class Possible {
  places: Place[] = [];
  /** The conditions at the element. */
  readonly guards: { readonly place: Place; readonly guard: Guard }[] = [];
  /** The first rule that reaches the element for certain. */
  certain: number;
  /** The first rule that may reach it. */
  first: number;
  /** The first of these that changes something. */
  firstChange = Infinity;
  /** What may be at its elements, as far as that was looked at, by name and type. Most are found to be known before. */
  below: Map<string, Map<FhirType, Possible>> | undefined;
  /** Types of the elements where it was found. */
  seenAt: Set<FhirType> | undefined;

  constructor(certain: number) {
    this.certain = certain;
    this.first = certain;
  }
}

/** Depth of elements within elements that is looked through. */
const MAX_DEPTH = 100;
/** Steps followed for one resource type, and for all types of a configuration: some 0.2 microseconds each. */
const MAX_STEPS_OF_TYPE = 2_000_000;
const MAX_STEPS = 12_000_000;

/**
 * How far the planner looks for conflicts. Where rules are so many and so intertwined that it does not suffice, their
 * conditions are left to the tree engine, with the same results: so the first resource of a type takes bounded time.
 */
export class PlanningBudget {
  #left = MAX_STEPS;
  #leftOfType = MAX_STEPS_OF_TYPE;

  startType(): void {
    this.#leftOfType = MAX_STEPS_OF_TYPE;
  }

  /** @throws TooMuchWork */
  take(steps: number): void {
    this.#left -= steps;
    this.#leftOfType -= steps;
    if (this.#left < 0 || this.#leftOfType < 0) throw new TooMuchWork();
  }
}

class TooMuchWork extends Error {}

/** Looks through everything a resource type may hold for conditions that see what an earlier rule changed. */
class ConflictSearch {
  readonly conflicts = new Set<Rule>();
  readonly #states = new Map<string, Possible>();
  readonly #openAt = new Map<Guard, Map<FhirType, boolean>>();
  /** Places that hold everywhere below the resource. */
  readonly #everywhere = new Everywhere<Place>();
  /** Those of them that have a condition which may fail. */
  readonly #failing: readonly Place[];
  /** The first rule among them that changes something. */
  readonly #firstChangeAnywhere: number;
  readonly #budget: PlanningBudget;

  constructor(type: FhirType, rules: readonly PatternRule[], budget: PlanningBudget) {
    this.#budget = budget;
    const guarded = rules.filter(({ patterns }) => patterns.some(hasGuard)).map(({ rule }) => rule);
    const start = new Possible(Infinity);
    for (const path of pathsOf(rules)) this.#follow(path, 0, type, type.name, start);
    const everywhere = start.places.filter(({ step }) => leadsFurther(step));
    start.places = start.places.filter(({ step }) => !leadsFurther(step));
    for (const place of everywhere) if (leadsFurther(place.step)) this.#everywhere.add(place.step, place);
    this.#failing = everywhere.filter(({ canFail }) => canFail);
    this.#firstChangeAnywhere = firstChangeOf(everywhere);
    budget.startType();
    try {
      this.#visit(type, start, 0);
    } catch (error) {
      if (!(error instanceof TooMuchWork)) throw error;
      for (const rule of guarded) this.conflicts.add(rule);
    }
  }

  #follow(path: Path, from: number, type: FhirType, name: string, into: Possible): void {
    const { rule, before, steps, places } = path;
    let isCertain = !steps.slice(0, from).some(isGuard);
    for (const at of stopsAt(steps, from, type, name)) {
      const place = places[at];
      if (place === undefined) {
        into.first = Math.min(into.first, before);
        if (changes(rule)) into.firstChange = Math.min(into.firstChange, before);
        if (isCertain) into.certain = Math.min(into.certain, before);
        return;
      }
      if (place.step.kind === 'guard') {
        into.guards.push({ place, guard: place.step.condition });
        isCertain = false;
      } else into.places.push(place);
    }
  }

  #arrive(from: Possible, type: FhirType, name: string): Possible {
    from.below ??= new Map();
    let byType = from.below.get(name);
    if (byType === undefined) from.below.set(name, (byType = new Map()));
    let at = byType.get(type);
    if (at === undefined) byType.set(type, (at = this.#known(this.#below(from, type, name))));
    return at;
  }

  #below(from: Possible, type: FhirType, name: string): Possible {
    const into = new Possible(from.certain);
    this.#budget.take(1 + from.places.length);
    for (const place of from.places) {
      if (leadsFurther(place.step)) into.places.push(place);
      if (leadsTo(place.step, type, name)) this.#follow(place.path, place.at + 1, type, name, into);
    }
    for (const { path, at } of this.#everywhere.leadingTo(type, name))
      this.#follow(path, at + 1, type, name, into);
    this.#budget.take(into.guards.length + into.places.length);
    return into;
  }

  /** The same from elsewhere, if there was one. */
  #known(state: Possible): Possible {
    let key = `${state.certain} ${state.first} ${state.firstChange}`;
    if (state.places.length + state.guards.length > 0) {
      const places = state.places.map(({ id }) => id).sort((one, two) => one - two);
      key += ` ${places.join(' ')},${state.guards.map(({ place }) => place.id).join(' ')}`;
    }
    const known = this.#states.get(key) ?? state;
    this.#states.set(key, known);
    return known;
  }

  #visit(type: FhirType, state: Possible, depth: number): void {
    state.seenAt ??= new Set();
    if (state.seenAt.has(type)) return;
    state.seenAt.add(type);
    if (depth > MAX_DEPTH) throw new TooMuchWork();
    for (const { place, guard } of state.guards) {
      const { rule } = place.path;
      // On a primitive a condition would look at the value beside its sibling, which the walk does not do.
      if (
        !this.conflicts.has(rule) &&
        (type.primitive !== null ||
          this.#isOpenAt(guard, type) ||
          this.#isInConflict(rule, guard, type, state))
      )
        this.conflicts.add(rule);
    }
    this.#checkIdle(state);
    this.#budget.take(type.elements.size);
    for (const { name, type: inner } of type.elements.values()) {
      if (inner !== null) this.#visit(inner, this.#arrive(state, inner, name), depth + 1);
    }
  }

  /** A rule that an earlier one makes idle is not evaluated here. It must not have failed there. */
  #checkIdle({ first, places, guards }: Possible): void {
    if (first === Infinity) return;
    for (const list of [places, this.#failing]) {
      for (const { path, canFail } of list)
        if (canFail && path.rule.index >= first) this.conflicts.add(path.rule);
    }
    for (const { place, guard } of guards) {
      const { rule } = place.path;
      if (rule.index >= first && !isTotal(guard.expression)) this.conflicts.add(rule);
    }
  }

  /** Whether a condition may be left undecided on elements of a type: only the tree engine keeps account of these. */
  #isOpenAt(guard: Guard, type: FhirType): boolean {
    if (!guard.mayBeUndecided) return false;
    const { expression } = guard;
    return remembered(
      remembered(this.#openAt, guard, () => new Map<FhirType, boolean>()),
      type,
      () => mayBeUndecided(expression, new Set([type])) && rawConditionOf(expression, type) === null,
    );
  }

  #isInConflict(rule: Rule, guard: Guard, type: FhirType, state: Possible): boolean {
    if (state.certain <= rule.index) return false;
    return guard.reads.some(({ names, deep }) => this.#isChanged(rule, names, deep, type, state));
  }

  /** Whether a rule before this one may change what lies at the names below an element. */
  #isChanged(rule: Rule, names: readonly string[], deep: boolean, type: FhirType, state: Possible): boolean {
    const [name, ...rest] = names;
    this.#budget.take(1 + type.elements.size);
    if (name === undefined) {
      if (!deep) return false;
      this.#budget.take(state.places.length);
      return Math.min(firstChangeOf(state.places), this.#firstChangeAnywhere) <= rule.index;
    }
    for (const element of type.elements.values()) {
      if (element.name !== name) continue;
      if (element.type === null) return true;
      const next = this.#arrive(state, element.type, name);
      if (next.firstChange <= rule.index) return true;
      // The value of a quantity as a whole is that of its parts.
      const isQuantity =
        rest.length === 0 && element.type.primitive === null && element.type.elements.has('value');
      if (this.#isChanged(rule, rest, deep || isQuantity, element.type, next)) return true;
    }
    return false;
  }
}

/** The first rule of some places that changes something. */
function firstChangeOf(places: readonly Place[]): number {
  return places.reduce(
    (least, { path: { rule, before } }) => (changes(rule) ? Math.min(least, before) : least),
    Infinity,
  );
}

/** The paths of rules up to the last with a condition: what comes after that can be in no conflict with one. */
function* pathsOf(rules: readonly PatternRule[]): Generator<Path> {
  let nextId = 0;
  let before = Infinity;
  for (const { rule, patterns } of [...rules].reverse()) {
    const isGuarded = patterns.some(hasGuard);
    if (isGuarded || before < Infinity) {
      for (const steps of patterns) {
        const places: Place[] = [];
        const path = { rule, before, steps, places };
        // From here on, a condition may fail up to the last one that may.
        const lastFailing = steps.findLastIndex((step) => !cannotFail(step));
        steps.forEach((step, at) => {
          places.push({ path, step, at, id: nextId++, canFail: at <= lastFailing });
        });
        yield path;
      }
    }
    if (isGuarded) before = rule.index;
  }
}

/** Of patterns that were looked at: the plan of each type asks about all. */
const withGuards = new WeakMap<Pattern, boolean>();

function hasGuard(steps: Pattern): boolean {
  return remembered(withGuards, steps, () => steps.some(isGuard));
}

function isGuard({ kind }: Step): boolean {
  return kind === 'guard';
}

function changes(rule: Rule): boolean {
  return rule.method.keepsAll !== true;
}

function cannotFail(step: Step): boolean {
  return step.kind !== 'guard' || isTotal(step.condition.expression);
}
