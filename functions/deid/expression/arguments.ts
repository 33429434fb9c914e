import type { Collection, Evaluator, Scope } from './collection.js';
import { asDecimal, singleValue } from './operators.js';
import { FhirPathError, type Decimal, type Value } from '../values/values.js';

/**
 * What a function does with its input. Its arguments are not evaluated yet; `name` is for messages.
 * @throws FhirPathError
 */
export type FunctionBody = (
  input: Collection,
  parameters: readonly Evaluator[],
  scope: Scope,
  name: string,
) => Collection;

export const EMPTY: Collection = [];

/** The collection that an argument gives on `$this`; empty without the argument. */
export function collectionArgument(parameter: Evaluator | undefined, scope: Scope): Collection {
  return parameter?.(scope.self, scope) ?? EMPTY;
}

/** The one value that an argument gives on `$this`; undefined where it gives none. @throws FhirPathError */
export function argument(parameter: Evaluator | undefined, scope: Scope, name: string): Value | undefined {
  return parameter === undefined ? undefined : singleValue(parameter(scope.self, scope), `${name}()`);
}

/** @throws FhirPathError */
export function integerArgument(
  parameter: Evaluator | undefined,
  scope: Scope,
  name: string,
): number | undefined {
  const value = argument(parameter, scope, name);
  if (value === undefined) return undefined;
  if (typeof value !== 'bigint') throw new FhirPathError(`${name}() needs an integer`);
  return Number(value);
}

/** @throws FhirPathError */
export function stringArgument(
  parameter: Evaluator | undefined,
  scope: Scope,
  name: string,
): string | undefined {
  const value = argument(parameter, scope, name);
  if (value === undefined || typeof value === 'string') return value;
  throw new FhirPathError(`${name}() needs a string`);
}

/** The body of a function of one string: empty without one. */
export function onString(
  body: (text: string, parameters: readonly Evaluator[], scope: Scope, name: string) => Collection,
): FunctionBody {
  return (input, parameters, scope, name) => {
    const value = singleValue(input, `${name}()`);
    if (value === undefined) return EMPTY;
    if (typeof value !== 'string') throw new FhirPathError(`${name}() needs a string`);
    return body(value, parameters, scope, name);
  };
}

/** The body of a function of a string and one string argument: empty without either. */
export function onStrings(body: (text: string, parameter: string) => Collection): FunctionBody {
  return onString((text, [first], scope, name) => {
    const parameter = stringArgument(first, scope, name);
    return parameter === undefined ? EMPTY : body(text, parameter);
  });
}

/** The body of a function of one number: empty without one. */
export function onNumber(body: (value: Decimal, original: bigint | Decimal) => Value): FunctionBody {
  return (input, _parameters, _scope, name) => {
    const value = singleValue(input, `${name}()`);
    if (value === undefined) return EMPTY;
    const number = asDecimal(value);
    if (number === null) throw new FhirPathError(`${name}() needs a number`);
    return [body(number, typeof value === 'bigint' ? value : number)];
  };
}
