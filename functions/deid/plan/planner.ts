import { mayBeUndecided } from '../expression/comparisonTypes.js';
import { rawConditionOf } from './rawCondition.js';
import type { FhirElement, FhirType } from '../model/types.js';
import {
  Everywhere,
  follow,
  leadsFurther,
  leadsTo,
  leadsToItself,
  type Guard,
  type Pattern,
  type Step,
} from './pattern.js';
import { functionOf } from '../expression/functions.js';
import { leadsBelow, selectsFromInput } from '../expression/functionRow.js';
import { Plan, type Entry, type PatternRule } from './plan.js';
import type { Works } from './works.js';
import type { Rule } from '../configuration/rule.js';
import type { Expression } from '../expression/syntax.js';
import { isTotal } from './totality.js';
import { appliesTo } from '../configuration/rulePath.js';

/** How resources of one type are processed. */
export interface ResourcePlan {
  readonly plan: Plan;
  /** The resource itself. */
  readonly root: Entry;
  /** JSON names of the resource's elements that a rule looks at which only the tree engine can apply. */
  readonly treeKeys: readonly string[];
  /** Whether such a rule may select something whatever elements there are. */
  readonly alwaysTree: boolean;
  /** Whether a rule may reach into resources inside. */
  readonly reachesInside: boolean;
}

/** Element names that hold resources. */
const RESOURCE_ELEMENTS = new Set(['contained', 'resource', 'outcome', 'issues']);

/** Sorts the rules of a resource type into those that a plan can hold and those that it cannot. */
export function planFor(
  type: FhirType,
  rules: readonly Rule[],
  patternsOf: ReadonlyMap<Rule, readonly Pattern[] | null>,
  works: Works,
  budget: PlanningBudget,
): ResourcePlan {
  const planned: PatternRule[] = [];
  const keys = new Set<string>();
  let alwaysTree = false;
  const leaveToTree = (rule: Rule): void => {
    const name = rule.expression === null ? null : firstName(rule.expression);
    if (name === null) alwaysTree = true;
    else for (const element of type.elements.values()) if (element.name === name) keys.add(element.key);
  };
  // The resource around all is known only to an engine that holds it all.
  if (rules.some(({ path }) => path.includes('rootResource'))) alwaysTree = true;
  const own = rules.filter((rule) => appliesTo(rule, type.name));
  for (const rule of own) {
    const patterns = looksAtValueOnly(rule) ? (patternsOf.get(rule) ?? null) : null;
    if (patterns === null) leaveToTree(rule);
    else planned.push({ rule, patterns });
  }
  const kept = withoutConflicts(type, planned, budget);
  const keptRules = new Set(kept.map(({ rule }) => rule));
  for (const { rule } of planned) if (!keptRules.has(rule)) leaveToTree(rule);
  const plan = new Plan(type, kept, works);
  return {
    plan,
    root: plan.root,
    treeKeys: [...keys],
    alwaysTree,
    reachesInside: kept.some(({ patterns }) => patterns.some((steps) => steps.some(isInward))),
  };
}

function isInward(step: Step): boolean {
  if (step.kind === 'child') return RESOURCE_ELEMENTS.has(step.name);
  return step.kind === 'children' || step.kind === 'descendants';
}

/** Whether the expressions of a rule's method look at nothing but the value. */
function looksAtValueOnly({ method, settings }: Rule): boolean {
  return method.expressions?.(settings).every(looksAtSelf) ?? true;
}

function looksAtSelf(expression: Expression | null): boolean {
  if (expression === null) return true;
  switch (expression.kind) {
    case 'literal':
    case 'this':
      return true;
    case 'member':
    case 'iteration':
      return false;
    case 'variable':
      return !['context', 'resource', 'rootResource'].includes(expression.name);
    case 'item':
      return looksAtSelf(expression.focus) && looksAtSelf(expression.index);
    case 'polarity':
    case 'type':
      return looksAtSelf(expression.operand);
    case 'binary':
      return looksAtSelf(expression.left) && looksAtSelf(expression.right);
    case 'call':
      if (leadsBelow(functionOf(expression)) || functionOf(expression).kinds.includes('recursion'))
        return false;
      return looksAtSelf(expression.focus) && expression.arguments.every(looksAtSelf);
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
  if (!rules.some(({ patterns }) => patterns.some((steps) => steps.some(({ kind }) => kind === 'guard'))))
    return rules;
  const conflicts = new ConflictSearch(type, rules, budget).conflicts;
  return rules.filter(({ rule }) => !conflicts.has(rule));
}

/** A place in a path. */
interface Place {
  readonly rule: Rule;
  readonly steps: Pattern;
  readonly at: number;
  readonly id: number;
  /** Whether a condition from here on may fail. */
  readonly canFail: boolean;
}

/** What may be at an element: places, the first rule that reaches it for certain, rules that may, and its conditions. */
interface Possible {
  readonly places: Place[];
  certain: number;
  readonly possible: Set<Rule>;
  /** The first of these that changes something. */
  firstChange: number;
  readonly guards: { readonly rule: Rule; readonly guard: Guard }[];
  /** What may be at its elements, as far as that was looked at. */
  readonly below: Map<FhirElement, Possible>;
}

function nothingPossible(certain: number): Possible {
  return { places: [], certain, possible: new Set(), firstChange: Infinity, guards: [], below: new Map() };
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
  private readonly seen = new Set<string>();
  private readonly guarded: readonly Rule[];
  private readonly places = new Map<Pattern, Place[]>();
  private readonly openAt = new Map<Guard, Map<FhirType, boolean>>();
  private nextId = 0;
  /** Places that hold everywhere below the resource. */
  private readonly everywhere = new Everywhere<Place>();
  /** Those of them that have a condition which may fail. */
  private readonly failing: readonly Place[];
  /** The first rule among them that changes something. */
  private readonly firstChangeAnywhere: number;
  private readonly start = nothingPossible(Infinity);
  private readonly budget: PlanningBudget;

  constructor(type: FhirType, rules: readonly PatternRule[], budget: PlanningBudget) {
    this.budget = budget;
    this.guarded = rules.filter(({ patterns }) => patterns.some(hasGuard)).map(({ rule }) => rule);
    // What comes after the last condition can be in no conflict with one.
    const last = Math.max(...this.guarded.map(({ index }) => index));
    for (const { rule, patterns } of rules) {
      if (rule.index > last) continue;
      for (const steps of patterns) {
        this.places.set(
          steps,
          steps.map((_, at) => {
            const canFail = !steps.slice(at).every(cannotFail);
            return { rule, steps, at, id: this.nextId++, canFail };
          }),
        );
        this.follow(rule, steps, 0, type, type.name, this.start);
      }
    }
    this.failing = this.everywhere.all.filter(({ canFail }) => canFail);
    this.firstChangeAnywhere = firstChangeOf(this.everywhere.all);
    budget.startType();
    try {
      this.visit(type, this.start, 0);
    } catch (error) {
      if (!(error instanceof TooMuchWork)) throw error;
      for (const rule of this.guarded) this.conflicts.add(rule);
    }
  }

  private follow(rule: Rule, steps: Pattern, at: number, type: FhirType, name: string, into: Possible): void {
    let isCertain = !steps.slice(0, at).some(({ kind }) => kind === 'guard');
    for (let place = follow(steps, at, type); place >= 0; place = follow(steps, place + 1, type)) {
      const step = steps[place];
      if (step === undefined) {
        into.possible.add(rule);
        if (changes(rule)) into.firstChange = Math.min(into.firstChange, rule.index);
        if (isCertain) into.certain = Math.min(into.certain, rule.index);
        return;
      }
      if (step.kind === 'guard') {
        into.guards.push({ rule, guard: step.condition });
        isCertain = false;
        continue;
      }
      this.hold(steps, place, into);
      if (!leadsToItself(step, type, name)) return;
    }
  }

  private hold(steps: Pattern, at: number, into: Possible): void {
    const place = this.places.get(steps)?.[at];
    const step = steps[at];
    if (place === undefined || step === undefined) return;
    if (into === this.start && leadsFurther(step)) this.everywhere.add(step, place);
    else into.places.push(place);
  }

  private arrive(from: Possible, element: FhirElement, type: FhirType): Possible {
    const known = from.below.get(element);
    if (known !== undefined) return known;
    const into = nothingPossible(from.certain);
    from.below.set(element, into);
    this.budget.take(1 + from.places.length);
    for (const place of from.places) {
      const step = place.steps[place.at];
      if (step === undefined) continue;
      if (leadsFurther(step)) into.places.push(place);
      if (leadsTo(step, type, element.name))
        this.follow(place.rule, place.steps, place.at + 1, type, element.name, into);
    }
    for (const { rule, steps, at } of this.everywhere.leadingTo(type, element.name))
      this.follow(rule, steps, at + 1, type, element.name, into);
    this.budget.take(into.guards.length + into.possible.size);
    return into;
  }

  private visit(type: FhirType, state: Possible, depth: number): void {
    const ids = state.places.map(({ id }) => id).sort((one, two) => one - two);
    const conditions = state.guards.map(({ rule }) => rule.index);
    const possible = [...state.possible].map(({ index }) => index);
    const key = `${type.path} ${state.certain} ${ids.join(' ')},${conditions.join(' ')},${possible.join(' ')}`;
    if (this.seen.has(key)) return;
    this.seen.add(key);
    if (depth > MAX_DEPTH) throw new TooMuchWork();
    for (const { rule, guard } of state.guards) {
      // On a primitive a condition would look at the value beside its sibling, which the walk does not do.
      if (
        !this.conflicts.has(rule) &&
        (type.primitive !== null || this.isOpenAt(guard, type) || this.isInConflict(rule, guard, type, state))
      )
        this.conflicts.add(rule);
    }
    this.checkIdle(state);
    for (const element of type.elements.values()) {
      if (element.type !== null)
        this.visit(element.type, this.arrive(state, element, element.type), depth + 1);
    }
    state.below.clear();
  }

  /** A rule that an earlier one makes idle is not evaluated here. It must not have failed there. */
  private checkIdle(state: Possible): void {
    let first = state.certain;
    for (const { index } of state.possible) first = Math.min(first, index);
    if (first === Infinity) return;
    for (const places of [state.places, this.failing]) {
      for (const { rule, canFail } of places) if (canFail && rule.index > first) this.conflicts.add(rule);
    }
    for (const { rule, guard } of state.guards) {
      if (rule.index > first && !isTotal(guard.expression)) this.conflicts.add(rule);
    }
  }

  /** Whether a condition may be left undecided on elements of a type: only the tree engine keeps account of these. */
  private isOpenAt(guard: Guard, type: FhirType): boolean {
    if (!guard.mayBeUndecided) return false;
    let byType = this.openAt.get(guard);
    if (byType === undefined) this.openAt.set(guard, (byType = new Map()));
    let isOpen = byType.get(type);
    if (isOpen === undefined) {
      isOpen =
        mayBeUndecided(guard.expression, new Set([type])) && rawConditionOf(guard.expression, type) === null;
      byType.set(type, isOpen);
    }
    return isOpen;
  }

  private isInConflict(rule: Rule, guard: Guard, type: FhirType, state: Possible): boolean {
    if (state.certain < rule.index) return false;
    return guard.reads.some(({ names, deep }) => this.isChanged(rule, names, deep, type, state));
  }

  /** Whether a rule before this one may change what lies at the names below an element. */
  private isChanged(
    rule: Rule,
    names: readonly string[],
    deep: boolean,
    type: FhirType,
    state: Possible,
  ): boolean {
    const [name, ...rest] = names;
    this.budget.take(1 + type.elements.size);
    if (name === undefined) {
      if (!deep) return false;
      this.budget.take(state.places.length);
      return Math.min(firstChangeOf(state.places), this.firstChangeAnywhere) < rule.index;
    }
    for (const element of type.elements.values()) {
      if (element.name !== name) continue;
      if (element.type === null) return true;
      const next = this.arrive(state, element, element.type);
      if (next.firstChange < rule.index) return true;
      // The value of a quantity as a whole is that of its parts.
      const isQuantity =
        rest.length === 0 && element.type.primitive === null && element.type.elements.has('value');
      if (this.isChanged(rule, rest, deep || isQuantity, element.type, next)) return true;
    }
    return false;
  }
}

/** The first rule of some places that changes something. */
function firstChangeOf(places: readonly Place[]): number {
  return places.reduce((least, { rule }) => (changes(rule) ? Math.min(least, rule.index) : least), Infinity);
}

function hasGuard(steps: Pattern): boolean {
  return steps.some(({ kind }) => kind === 'guard');
}

function changes(rule: Rule): boolean {
  return rule.method.keepsAll !== true;
}

function cannotFail(step: Step): boolean {
  return step.kind !== 'guard' || isTotal(step.condition.expression);
}
