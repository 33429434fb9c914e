import { remembered } from '../../common/maps.js';
import { RecentMap } from '../../common/recentMap.js';
import { Regex } from '../regex/regex.js';
import { RegexLimitError, RegexSteps } from '../regex/steps.js';
import { RegexSyntaxError } from '../regex/syntax.js';
import { EMPTY, onString, stringArgument, type FunctionBody } from './arguments.js';
import type { Evaluator, Scope } from './collection.js';
import type { Expression } from './syntax.js';
import { FhirPathError } from '../values/values.js';

/** Compiled patterns that are kept. Literal ones are also kept with the function that they belong to. */
const MAX_KEPT = 200;
/** Characters of a pattern that a message shows. */
const MAX_SHOWN = 60;

/** A literal pattern or replacement of a configuration that is malformed. The message quotes it: it is never data. */
export class PatternError extends FhirPathError {
  override readonly name = 'PatternError';
}

const kept = new RecentMap<string, Regex>(MAX_KEPT);

/** @throws RegexSyntaxError */
function regexOf(pattern: string): Regex {
  return remembered(kept, pattern, () => Regex.compile(pattern));
}

/**
 * The body of `matches`, which means what `Regex.IsMatch` of .NET makes of it without options, as in the reference. A
 * literal pattern is compiled here, once. @throws PatternError
 */
export function matches([pattern]: readonly Expression[], name: string): FunctionBody {
  const literal = fromLiteral('regular expression', name, pattern, regexOf);
  return onString((text, [argument], scope) => {
    const regex = literal ?? fromArgument(name, argument, scope, regexOf);
    return regex === undefined ? EMPTY : [reported(`${name}()`, () => regex.isMatch(text, stepsOf(scope)))];
  });
}

/** As `matches`, for `replaceMatches` and `Regex.Replace`. @throws PatternError */
export function replaceMatches([pattern, substitution]: readonly Expression[], name: string): FunctionBody {
  const literal = fromLiteral('regular expression', name, pattern, regexOf);
  const replacement =
    literal === null
      ? null
      : fromLiteral('replacement', name, substitution, (text) => literal.replacement(text));
  return onString((text, [first, second], scope) => {
    const regex = literal ?? fromArgument(name, first, scope, regexOf);
    if (regex === undefined) return EMPTY;
    const parts = replacement ?? fromArgument(name, second, scope, (by) => regex.replacement(by));
    return parts === undefined
      ? EMPTY
      : [reported(`${name}()`, () => regex.replace(text, parts, stepsOf(scope)))];
  });
}

function stepsOf({ environment }: Scope): RegexSteps {
  return environment.regexSteps ?? new RegexSteps();
}

/** What is read of a literal, once; null for any other expression. @throws PatternError */
function fromLiteral<T>(
  what: string,
  name: string,
  literal: Expression | undefined,
  read: (text: string) => T,
): T | null {
  if (literal?.kind !== 'literal' || typeof literal.value !== 'string') return null;
  const { value } = literal;
  const shown = value.length > MAX_SHOWN ? `${value.slice(0, MAX_SHOWN)}…` : value;
  return reported(`The ${what} '${shown}' of ${name}() is malformed`, () => read(value), PatternError);
}

/** What is read of a text that is computed; undefined where there is none. It may be data: no message quotes it. */
function fromArgument<T>(
  name: string,
  argument: Evaluator | undefined,
  scope: Scope,
  read: (text: string) => T,
): T | undefined {
  const text = stringArgument(argument, scope, name);
  return text === undefined ? undefined : reported(`An argument of ${name}() is malformed`, () => read(text));
}

/** Work whose failures are reported as FHIRPath's own. @throws PatternError, or FhirPathError where a match takes too long */
function reported<T>(where: string, work: () => T, Failure: typeof FhirPathError = FhirPathError): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RegexSyntaxError) throw new Failure(`${where}: ${error.message}`);
    if (error instanceof RegexLimitError) throw new FhirPathError(`${where}: ${error.message}`);
    throw error;
  }
}
