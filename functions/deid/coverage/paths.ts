import { functionOf } from '../expression/functions.js';
import type { Expression } from '../expression/syntax.js';
import type { Step as PatternStep } from '../plan/pattern.js';
import type { Rule } from '../configuration/rule.js';
import { lookupOf } from '../configuration/rulePath.js';

/** A step of a path, without its conditions. */
export type Step = Exclude<PatternStep, { kind: 'guard' }>;

/** Where a rule's path may lead. */
export interface Path {
  readonly steps: readonly Step[];
  /** Whether it selects only some of the elements there: it has a condition, an index, `first()` or the like. */
  readonly isPartial: boolean;
}

const ROOT: Path = { steps: [], isPartial: false };
/** Most paths of one rule that are followed: unions within unions multiply. */
const MOST_PATHS = 256;

/** Anything in the resource, for a path that cannot be followed. */
const ANYTHING: readonly Path[] = [{ steps: [], isPartial: true }];

/** Where a rule's path may lead, from the resource. */
export function pathsOf(rule: Rule): readonly Path[] {
  const lookup = lookupOf(rule.path);
  if (lookup === null) return follow(rule.expression) ?? ANYTHING;
  const within: Step = { kind: 'within', by: lookup.by, value: lookup.value, self: false };
  const steps: Step[] =
    lookup.child === undefined ? [within] : [within, { kind: 'child', name: lookup.child }];
  return [{ steps, isPartial: false }];
}

function follow(expression: Expression | null, from: readonly Path[] = [ROOT]): readonly Path[] | null {
  if (expression === null || expression.kind === 'this') return from;
  switch (expression.kind) {
    case 'member':
      return expression.focus === null && /^[A-Z]/.test(expression.name)
        ? appended(from, { kind: 'resourceType', name: expression.name })
        : appended(follow(expression.focus, from), { kind: 'child', name: expression.name });
    case 'item':
      return some(follow(expression.focus, from));
    case 'type':
      return expression.operator === 'as'
        ? appended(follow(expression.operand, from), typeStep(expression.type))
        : null;
    case 'binary': {
      if (expression.operator !== '|') return null;
      const left = follow(expression.left, from);
      const right = follow(expression.right, from);
      return left === null || right === null || left.length + right.length > MOST_PATHS
        ? null
        : [...left, ...right];
    }
    case 'call':
      return followCall(expression, from);
    case 'literal':
    case 'polarity':
    case 'variable':
    case 'iteration':
      return null;
  }
}

function followCall(
  call: Extract<Expression, { kind: 'call' }>,
  from: readonly Path[],
): readonly Path[] | null {
  const [argument] = call.arguments;
  const focus = follow(call.focus, from);
  const { gives } = functionOf(call);
  switch (gives) {
    case 'same':
      return focus;
    case 'some':
      return some(focus);
    case 'typed':
      return argument?.kind === 'member' ? appended(focus, typeStep(argument.name)) : null;
    case 'nodesByType':
    case 'nodesByName':
      if (argument?.kind !== 'literal' || typeof argument.value !== 'string') return null;
      return appended(focus, {
        kind: 'within',
        by: gives === 'nodesByType' ? 'Type' : 'Name',
        value: argument.value,
        self: true,
      });
    case 'extension':
      return some(appended(focus, { kind: 'child', name: 'extension' }));
    case 'children':
    case 'descendants':
      return appended(focus, { kind: gives });
    case 'projected':
      return argument === undefined || focus === null ? null : follow(argument, focus);
    default:
      return null;
  }
}

function typeStep(type: string): Step {
  return { kind: 'type', name: type.replace(/^FHIR\./, '') };
}

function appended(paths: readonly Path[] | null, step: Step): readonly Path[] | null {
  return paths?.map(({ steps, isPartial }) => ({ steps: [...steps, step], isPartial })) ?? null;
}

function some(paths: readonly Path[] | null): readonly Path[] | null {
  return paths?.map(({ steps }) => ({ steps, isPartial: true })) ?? null;
}
