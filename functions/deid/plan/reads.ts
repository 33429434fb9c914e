import { remembered } from '../../common/maps.js';
import { constantVariable } from '../expression/evaluate.js';
import { isPerItem, type Argument } from '../expression/functionRow.js';
import { functionOf } from '../expression/functions.js';
import type { Expression } from '../expression/syntax.js';
import { FhirPathError } from '../values/values.js';

/** A part of an element that an expression looks at: the names down to it, and whether at all below it too. */
export interface Read {
  readonly names: readonly string[];
  readonly deep: boolean;
}

/** Of conditions that were looked at: the patterns of one rule have the same ones. */
const known = new WeakMap<Expression, readonly Read[] | null>();

/**
 * What of `$this` a condition looks at; null if that cannot be known, or if it looks at anything outside.
 * Such a condition can be evaluated on the element alone, before anything in it is changed.
 */
export function readsOf(expression: Expression): readonly Read[] | null {
  return remembered(known, expression, () => collected(expression));
}

function collected(expression: Expression): readonly Read[] | null {
  try {
    const reads: Read[] = [];
    collect(expression, [[]], reads);
    // A condition with many alternatives looks at the same part again and again.
    return [...new Map(reads.map((part) => [`${part.names.join('.')} ${part.deep}`, part])).values()];
  } catch (error) {
    // A variable that is not known, too.
    if (error instanceof Outside || error instanceof FhirPathError) return null;
    throw error;
  }
}

class Outside extends Error {}

type Paths = readonly (readonly string[])[];

/** Adds what an expression reads; gives the paths its result lies at, or none for a computed value. */
function collect(expression: Expression | null, self: Paths, reads: Read[]): Paths {
  if (expression === null) return self;
  switch (expression.kind) {
    case 'literal':
      return [];
    case 'this':
      return self;
    case 'iteration':
      throw new Outside();
    case 'variable':
      if (['context', 'resource', 'rootResource'].includes(expression.name)) throw new Outside();
      constantVariable(expression.name);
      return [];
    case 'member': {
      if (/^[A-Z]/.test(expression.name)) throw new Outside();
      const at = collect(expression.focus, self, reads).map((path) => [...path, expression.name]);
      read(at, reads);
      return at;
    }
    case 'item':
      collect(expression.index, self, reads);
      return collect(expression.focus, self, reads);
    case 'polarity':
      collect(expression.operand, self, reads);
      return [];
    case 'type':
      return collect(expression.operand, self, reads);
    case 'binary':
      return collectBinary(expression, self, reads);
    case 'call':
      return collectCall(expression, self, reads);
  }
}

function read(paths: Paths, reads: Read[], deep = false): void {
  for (const names of paths) reads.push({ names, deep });
}

function collectBinary(
  expression: Extract<Expression, { kind: 'binary' }>,
  self: Paths,
  reads: Read[],
): Paths {
  const left = collect(expression.left, self, reads);
  const right = collect(expression.right, self, reads);
  // Two elements are compared with all that is below them, an element and a value by the value.
  const deep = left.length > 0 && right.length > 0;
  read(left, reads, deep);
  read(right, reads, deep);
  return expression.operator === '|' ? [...left, ...right] : [];
}

function collectCall(call: Extract<Expression, { kind: 'call' }>, self: Paths, reads: Read[]): Paths {
  const { gives, kinds, looksAt } = functionOf(call);
  const focus = collect(call.focus, self, reads);
  const isDeep = looksAt === 'whole' || gives === 'extension';
  const at = gives === 'extension' ? focus.map((path) => [...path, 'extension']) : focus;
  read(at, reads, isDeep);
  const results = call.arguments.map((argument, place) => {
    const kind = kinds[place];
    if (kind === 'type') return [];
    const found = collect(argument, argumentInput(kind, focus, self), reads);
    if (kind === 'collection') read(found, reads, isDeep);
    return found;
  });
  switch (gives) {
    case 'same':
    case 'some':
    case 'typed':
    case 'extension':
      return at;
    case 'projected':
      return results[0] ?? [];
    case 'chosen':
      return results.slice(1).flat();
    case 'children':
    case 'descendants':
    case 'nodesByType':
    case 'nodesByName':
    case 'any':
      throw new Outside();
    default:
      return [];
  }
}

/** What an argument is evaluated on. */
function argumentInput(kind: Argument | undefined, focus: Paths, self: Paths): Paths {
  if (kind === 'branch') return [...focus, ...self];
  return isPerItem(kind) && focus.length > 0 ? focus : self;
}
