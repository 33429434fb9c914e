import type { FunctionBody } from './arguments.js';
import type { Expression } from './syntax.js';

/** What a value is to a comparison. */
export type ValueKind = 'string' | 'boolean' | 'number' | 'date' | 'time' | 'quantity';

/**
 * What an argument is, and what it is evaluated on. On each item of the input: `condition`, `projection`. On each item
 * and then on what it gave: `recursion`. On the input where that is one item, else on `$this`: `branch`. Not at all:
 * `type`, the name of one. On `$this`: the others.
 */
export type Argument =
  | 'condition' | 'projection' | 'recursion' | 'branch' | 'type'
  | 'collection' | 'string' | 'integer' | 'number' | 'pattern' | 'replacement'; // prettier-ignore

/**
 * What a function gives. `same`: its input. `some`: items of its input. `typed`: those of the type that it names.
 * `projected`: what its argument gives. `chosen`: what one of its arguments gives. `children`, `descendants`,
 * `nodesByType`, `nodesByName`, `extension`: elements below its input. `any`: items that may be anywhere.
 * A kind of value: a computed value.
 */
type Result =
  | 'same' | 'some' | 'typed' | 'projected' | 'chosen'
  | 'children' | 'descendants' | 'nodesByType' | 'nodesByName' | 'extension' | 'any' | ValueKind; // prettier-ignore

/** All that is known of a FHIRPath function. What parses, evaluates, plans and judges expressions asks for it here. */
export interface FunctionRow {
  /** Its arguments in order. One that ends in `?` may be left out. */
  readonly takes: readonly (Argument | `${Argument}?`)[];
  readonly gives: Result;
  /**
   * What it looks at of its input, and of an argument that is a `collection`: whether there are items, their values,
   * or elements as a whole with all that is below them.
   */
  readonly looksAt: 'presence' | 'value' | 'whole';
  /** Whether it can fail: never with arguments that do not, only on several items, or on values of wrong types. */
  readonly fails: 'never' | 'on several items' | 'on values';
  /** What it becomes in a condition that is compiled to work on JSON; null where it cannot be a part of one. */
  readonly raw: 'exists' | 'empty' | 'not' | 'where' | null;
  /** What it does, or what makes that of its arguments as they are written. */
  readonly body:
    FunctionBody | { readonly prepare: (parameters: readonly Expression[], name: string) => FunctionBody };
}

/** A function with what follows from its row. */
export interface FhirPathFunction extends FunctionRow {
  readonly name: string;
  /** Fewest arguments, and most. */
  readonly arity: readonly [number, number];
  /** What each argument is. */
  readonly kinds: readonly Argument[];
}

/** A row with what follows from it. */
export function functionOfRow(name: string, row: FunctionRow): FhirPathFunction {
  const least = row.takes.filter((argument) => !argument.endsWith('?')).length;
  const kinds = row.takes.map((argument) => argument.replace('?', '') as Argument);
  return { ...row, name, arity: [least, kinds.length], kinds };
}

/** Whether an argument is evaluated on each item of the input, and on nothing else. */
export function isPerItem(kind: Argument | undefined): boolean {
  return kind === 'condition' || kind === 'projection';
}

/** Whether a function gives elements below its input. */
export function leadsBelow({ gives }: Pick<FunctionRow, 'gives'>): boolean {
  return ['children', 'descendants', 'nodesByType', 'nodesByName', 'extension'].includes(gives);
}

/** Whether what a function gives is of its input or below it: nothing, without input. */
export function selectsFromInput(row: Pick<FunctionRow, 'gives'>): boolean {
  return leadsBelow(row) || ['same', 'some', 'typed', 'projected'].includes(row.gives);
}

/** Whether a function computes values of one kind, rather than to select elements. */
export function givesValue(result: Result): result is ValueKind {
  return ['string', 'boolean', 'number', 'date', 'time', 'quantity'].includes(result);
}
