import { addTo } from '../../common/maps.js';
import { compileExpression } from '../expression/evaluate.js';
import type { Evaluator } from '../expression/collection.js';
import { functionOf } from '../expression/functions.js';
import { typeNameOf } from '../expression/typeTest.js';
import { mayBeUndecided } from '../expression/comparisonTypes.js';
import { spelled, type Expression } from '../expression/syntax.js';
import { readsOf, type Read } from './reads.js';
import type { Rule } from '../configuration/rule.js';
import { isOfType, lookupOf, type RulePath } from '../configuration/rulePath.js';
import type { FhirType } from '../model/types.js';

/** One step of a path, followed from an element to its children, or staying at it. */
export type Move =
  /** To the children of a name. */
  | { kind: 'child'; name: string }
  /** To all children. */
  | { kind: 'children' }
  /** To descendants that pass, within the resource; to the element itself too where `self` is set. */
  | { kind: 'within'; by: 'Type' | 'Name'; value: string; self: boolean }
  /** To all descendants, into resources inside too. */
  | { kind: 'descendants' }
  /** Stays at a resource of a type. */
  | { kind: 'resourceType'; name: string }
  /** Stays at an element of a type. */
  | { kind: 'type'; name: string };

/** Stays at an element of which a condition holds. */
type GuardStep = { kind: 'guard'; condition: Guard };
/** Stays at some elements: those of which a condition holds, or, where that is null, the first, the last and so on. */
type SomeStep = { kind: 'some'; condition: Expression | null };

/** A step that can be planned. */
export type Step = Move | GuardStep;
/** Any step. */
type PathStep = Move | SomeStep;

/** A condition of a `where()`, on an element and what is below it. */
export interface Guard {
  readonly expression: Expression;
  readonly evaluator: Evaluator;
  /** What of the element it looks at. */
  readonly reads: readonly Read[];
  /** Whether there may be elements on which it is left undecided. */
  readonly mayBeUndecided: boolean;
}

/** A path as steps from the resource. A rule whose path is a union has several. */
export type Pattern = readonly Step[];

/**
 * Follows the steps from a place on that hold at an element, were all conditions to hold: the places of those that
 * do not only stay there, and the end of the steps where it is reached.
 * @param name the element's name
 */
export function* stopsAt(steps: Pattern, from: number, type: FhirType, name: string): Generator<number> {
  for (let place = from; ; place++) {
    const step = steps[place];
    switch (step?.kind) {
      case 'type':
        if (type.name !== step.name) return;
        break;
      case 'resourceType':
        if (!type.isResource || !isOfType(step.name, type.name)) return;
        break;
      default:
        yield place;
        if (step?.kind !== 'guard' && !leadsToItself(step, type, name)) return;
    }
  }
}

/** Whether a step also leads to the element where it is, so that the next one holds there, too. */
function leadsToItself(step: Step | undefined, type: FhirType, name: string): boolean {
  return step?.kind === 'within' && step.self && isWithin(step, type, name);
}

/** Whether a step leads from an element to a child. */
export function leadsTo(step: Step, type: FhirType, name: string): boolean {
  switch (step.kind) {
    case 'child':
      return step.name === name;
    case 'children':
    case 'descendants':
      return true;
    case 'within':
      return isWithin(step, type, name);
    case 'type':
    case 'resourceType':
    case 'guard':
      return false;
  }
}

/** Whether a step that holds at an element holds at all elements below it, too. */
export function leadsFurther(step: Step): step is Extract<Step, { kind: 'within' | 'descendants' }> {
  return step.kind === 'within' || step.kind === 'descendants';
}

/** What belongs to steps that hold at a resource and all elements below it, found by the elements that they lead to. */
export class Everywhere<T> {
  readonly all: T[] = [];
  readonly #any: T[] = [];
  readonly #byType = new Map<string, T[]>();
  readonly #byName = new Map<string, T[]>();

  add(step: Extract<Step, { kind: 'within' | 'descendants' }>, item: T): void {
    this.all.push(item);
    if (step.kind === 'descendants') this.#any.push(item);
    else addTo(step.by === 'Type' ? this.#byType : this.#byName, step.value, item);
  }

  /** @param name the element's name */
  leadingTo(type: FhirType, name: string): readonly T[] {
    const typed = this.#byType.get(type.name);
    const named = this.#byName.get(name);
    if (typed === undefined && named === undefined) return this.#any;
    return [...this.#any, ...(typed ?? []), ...(named ?? [])];
  }
}

function isWithin(step: Extract<Step, { kind: 'within' }>, type: FhirType, name: string): boolean {
  return (step.by === 'Type' ? type.name : name) === step.value;
}

/** The steps of the rules' paths. Conditions that are spelled alike are one: it is compiled and evaluated once for all. */
export function patternsOfAll(rules: readonly Rule[]): ReadonlyMap<Rule, readonly Pattern[] | null> {
  const guards = new Map<string, Guard>();
  const shared = (step: Step): Step => {
    const spelling = step.kind === 'guard' ? spelled(step.condition.expression) : null;
    if (step.kind !== 'guard' || spelling === null) return step;
    const condition = guards.get(spelling) ?? step.condition;
    guards.set(spelling, condition);
    return { kind: 'guard', condition };
  };
  return new Map(
    rules.map((rule) => [rule, patternsOf(rule)?.map((steps) => steps.map(shared)) ?? null] as const),
  );
}

/** The steps of a rule's path; null for a path that only evaluation as a whole can follow. */
export function patternsOf(rule: RulePath): readonly Pattern[] | null {
  const patterns: Pattern[] = [];
  for (const path of stepsOf(rule) ?? [null]) {
    const steps = path?.map((step) => (step.kind === 'some' ? guardStep(step.condition) : step)) ?? [null];
    if (steps.includes(null)) return null;
    patterns.push(steps.filter((step) => step !== null));
  }
  return patterns;
}

function guardStep(condition: Expression | null): GuardStep | null {
  const reads = condition === null ? null : readsOf(condition);
  if (condition === null || reads === null) return null;
  return {
    kind: 'guard',
    condition: {
      expression: condition,
      evaluator: compileExpression(condition),
      reads,
      mayBeUndecided: mayBeUndecided(condition, null),
    },
  };
}

/** The paths from a resource to what is selected, each with its steps. */
type Paths = readonly (readonly PathStep[])[];

/** Most paths that unions within unions are followed to: they multiply. */
const MAX_PATHS = 256;

/** The steps of a rule's path, whatever they are; several for a union, null for a path that may lead anywhere. */
export function stepsOf({ path, expression }: RulePath): Paths | null {
  const lookup = lookupOf(path);
  if (lookup === null) return pathsOf(expression, [[]]);
  const within: Move = { kind: 'within', by: lookup.by, value: lookup.value, self: false };
  return [lookup.child === undefined ? [within] : [within, { kind: 'child', name: lookup.child }]];
}

/** @param from the paths to the expression's input */
function pathsOf(expression: Expression | null, from: Paths): Paths | null {
  if (expression === null || expression.kind === 'this') return from;
  switch (expression.kind) {
    case 'member': {
      const { focus, name } = expression;
      const kind = /^[A-Z]/.test(name) ? 'resourceType' : 'child';
      return appended(pathsOf(focus, from), { kind, name });
    }
    case 'item':
      return appended(pathsOf(expression.focus, from), { kind: 'some', condition: null });
    case 'type':
      return expression.operator === 'as'
        ? appended(pathsOf(expression.operand, from), typeStep(expression.type))
        : null;
    case 'binary': {
      if (expression.operator !== '|') return null;
      const left = pathsOf(expression.left, from);
      const right = pathsOf(expression.right, from);
      if (left === null || right === null) return null;
      return from.length > 1 && left.length + right.length > MAX_PATHS ? null : [...left, ...right];
    }
    case 'call':
      return pathsOfCall(expression, from);
    case 'literal':
    case 'polarity':
    case 'variable':
    case 'iteration':
      return null;
  }
}

function pathsOfCall(call: Extract<Expression, { kind: 'call' }>, from: Paths): Paths | null {
  const [argument] = call.arguments;
  const focus = pathsOf(call.focus, from);
  const { gives, raw } = functionOf(call);
  switch (gives) {
    case 'same':
      return focus;
    case 'some':
      return appended(focus, { kind: 'some', condition: (raw === 'where' && argument) || null });
    case 'typed':
      return appended(focus, typeStep(typeNameOf(argument)));
    case 'nodesByType':
    case 'nodesByName': {
      if (argument?.kind !== 'literal' || typeof argument.value !== 'string') return null;
      const by = gives === 'nodesByType' ? 'Type' : 'Name';
      return appended(focus, { kind: 'within', by, value: argument.value, self: true });
    }
    case 'extension': {
      const extensions = appended(focus, { kind: 'child', name: 'extension' });
      if (argument?.kind !== 'literal') return appended(extensions, { kind: 'some', condition: null });
      const url: Expression = { kind: 'member', focus: null, name: 'url' };
      const condition: Expression = { kind: 'binary', operator: '=', left: url, right: argument };
      return appended(extensions, { kind: 'some', condition });
    }
    case 'children':
    case 'descendants':
      return appended(focus, { kind: gives });
    case 'projected':
      return argument === undefined || focus === null ? null : pathsOf(argument, focus);
    default:
      return null;
  }
}

function typeStep(type: string): Move {
  return { kind: 'type', name: type.replace(/^FHIR\./, '') };
}

function appended(paths: Paths | null, step: PathStep): Paths | null {
  return paths?.map((steps) => [...steps, step]) ?? null;
}
