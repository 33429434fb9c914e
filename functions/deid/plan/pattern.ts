import { compileExpression } from '../expression/evaluate.js';
import type { Evaluator } from '../expression/collection.js';
import { functionOf } from '../expression/functions.js';
import { mayBeUndecided } from '../expression/comparisonTypes.js';
import type { Expression } from '../expression/syntax.js';
import { readsOf, type Read } from './reads.js';
import type { Rule } from '../configuration/rule.js';
import { lookupOf } from '../configuration/rulePath.js';

/** One step of a path, followed from an element to its children, or staying at it. */
export type Step =
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
  | { kind: 'type'; name: string }
  /** Stays at an element of which a condition holds. */
  | { kind: 'guard'; condition: Guard };

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

/** A text that no other expression has; null for expressions of the seldom kinds. */
function spelled(expression: Expression | null): string | null {
  switch (expression?.kind) {
    case undefined:
      return '-';
    case 'this':
      return '$';
    case 'literal':
      return typeof expression.value === 'string' ? JSON.stringify(expression.value) : null;
    case 'member': {
      const focus = spelled(expression.focus);
      return focus === null ? null : `${focus}.${JSON.stringify(expression.name)}`;
    }
    case 'binary': {
      const right = spelled(expression.right);
      const left = right === null ? null : spelled(expression.left);
      return left === null ? null : `(${left} ${expression.operator} ${right})`;
    }
    case 'call': {
      const parts = [expression.focus, ...expression.arguments].map(spelled);
      return parts.includes(null) ? null : `${JSON.stringify(expression.name)}(${parts.join(',')})`;
    }
    default:
      return null;
  }
}

/** The steps of a rule's path; null for a path that only evaluation as a whole can tell. */
export function patternsOf(rule: Rule): readonly Pattern[] | null {
  if (rule.expression === null) return [[]];
  const lookup = lookupOf(rule.path);
  if (lookup !== null) {
    const within: Step = { kind: 'within', by: lookup.by, value: lookup.value, self: false };
    return [lookup.child === undefined ? [within] : [within, { kind: 'child', name: lookup.child }]];
  }
  return patterns(rule.expression);
}

function patterns(expression: Expression | null): readonly Pattern[] | null {
  if (expression === null || expression.kind === 'this') return [[]];
  switch (expression.kind) {
    case 'member':
      return memberPatterns(expression.focus, expression.name);
    case 'type':
      return expression.operator === 'as'
        ? appended(patterns(expression.operand), typeStep(expression.type))
        : null;
    case 'binary': {
      if (expression.operator !== '|') return null;
      const left = patterns(expression.left);
      const right = patterns(expression.right);
      return left === null || right === null ? null : [...left, ...right];
    }
    case 'call':
      return callPatterns(expression);
    case 'literal':
    case 'item':
    case 'polarity':
    case 'variable':
    case 'iteration':
      return null;
  }
}

function memberPatterns(focus: Expression | null, name: string): readonly Pattern[] | null {
  if (!/^[A-Z]/.test(name)) return appended(patterns(focus), { kind: 'child', name });
  return focus === null ? [[{ kind: 'resourceType', name }]] : null;
}

function typeStep(type: string): Step | null {
  return type.startsWith('System.') ? null : { kind: 'type', name: type.replace(/^FHIR\./, '') };
}

function callPatterns(call: Extract<Expression, { kind: 'call' }>): readonly Pattern[] | null {
  const argument = call.arguments[0];
  const focus = (): readonly Pattern[] | null => patterns(call.focus);
  const { gives, raw } = functionOf(call);
  if (raw === 'where') return argument === undefined ? null : appended(focus(), guardStep(argument));
  switch (gives) {
    case 'typed':
      return argument?.kind === 'member' && argument.focus === null
        ? appended(focus(), typeStep(argument.name))
        : null;
    case 'nodesByType':
    case 'nodesByName': {
      if (argument?.kind !== 'literal' || typeof argument.value !== 'string') return null;
      const by = gives === 'nodesByType' ? 'Type' : 'Name';
      return appended(focus(), { kind: 'within', by, value: argument.value, self: true });
    }
    case 'extension': {
      if (argument?.kind !== 'literal') return null;
      const url: Expression = { kind: 'member', focus: null, name: 'url' };
      const guard = guardStep({ kind: 'binary', operator: '=', left: url, right: argument });
      return appended(appended(focus(), { kind: 'child', name: 'extension' }), guard);
    }
    case 'children':
    case 'descendants':
      return appended(focus(), { kind: gives });
    default:
      return null;
  }
}

function guardStep(condition: Expression): Step | null {
  const reads = readsOf(condition);
  if (reads === null) return null;
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

function appended(before: readonly Pattern[] | null, step: Step | null): readonly Pattern[] | null {
  return before === null || step === null ? null : before.map((pattern) => [...pattern, step]);
}
