import { constantVariable } from '../expression/evaluate.js';
import type { Expression } from '../expression/syntax.js';
import { FhirPathError } from '../expression/values.js';

/** A part of an element that an expression looks at: the names down to it, and whether at all below it too. */
export interface Read {
  readonly names: readonly string[];
  readonly deep: boolean;
}

/** Functions of a collection whose argument is evaluated on each item. */
const PER_ITEM = new Set(['where', 'exists', 'all', 'select']);
/** Functions that look at their input's own values, and at their arguments on `$this`. */
export const OF_VALUE: ReadonlySet<string> = new Set([
  'empty', 'exists', 'not', 'count', 'first', 'last', 'tail', 'single', 'startsWith', 'endsWith', 'contains', 'matches',
  'length', 'upper', 'lower', 'substring', 'indexOf', 'lastIndexOf', 'replace', 'replaceMatches', 'trim',
  'toString', 'toInteger', 'toDecimal', 'toBoolean', 'toDate', 'toDateTime', 'toTime', 'now', 'today', 'iif', 'abs',
  'ceiling', 'floor', 'round', 'truncate', 'where', 'all', 'select', 'skip', 'take',
]); // prettier-ignore

/**
 * What of `$this` a condition looks at; null if that cannot be told, or if it looks at anything outside.
 * Such a condition can be evaluated on the element alone, before anything in it is changed.
 */
export function readsOf(expression: Expression): readonly Read[] | null {
  try {
    const reads: Read[] = [];
    collect(expression, [[]], reads);
    // A condition with many alternatives looks at the same part again and again.
    return [...new Map(reads.map((part) => [`${part.names.join('.')} ${part.deep}`, part])).values()];
  } catch (error) {
    if (error instanceof Outside) return null;
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
      checkConstant(expression.name);
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

function checkConstant(name: string): void {
  try {
    constantVariable(name);
  } catch (error) {
    if (error instanceof FhirPathError) throw new Outside();
    throw error;
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

function collectCall(expression: Extract<Expression, { kind: 'call' }>, self: Paths, reads: Read[]): Paths {
  const focus = collect(expression.focus, self, reads);
  if (expression.name === 'extension') {
    const at = focus.map((path) => [...path, 'extension']);
    read(at, reads, true);
    for (const argument of expression.arguments) collect(argument, self, reads);
    return at;
  }
  if (!OF_VALUE.has(expression.name)) throw new Outside();
  read(focus, reads);
  const inner = PER_ITEM.has(expression.name) && focus.length > 0 ? focus : self;
  const results = expression.arguments.map((argument) => collect(argument, inner, reads));
  switch (expression.name) {
    case 'where':
    case 'first':
    case 'last':
    case 'tail':
    case 'single':
    case 'skip':
    case 'take':
      return focus;
    case 'select':
      return results[0] ?? [];
    case 'iif':
      return results.slice(1).flat();
    default:
      return [];
  }
}
