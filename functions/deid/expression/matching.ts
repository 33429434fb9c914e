import { Regex } from '../regex/regex.js';
import type { ReplacementPart } from '../regex/replacement.js';
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

const kept = new Map<string, Regex>();

/** @throws RegexSyntaxError */
function regexOf(pattern: string): Regex {
  let regex = kept.get(pattern);
  if (regex === undefined) {
    regex = Regex.compile(pattern);
    if (kept.size >= MAX_KEPT) kept.clear();
    kept.set(pattern, regex);
  }
  return regex;
}

/**
 * The body of `matches`, which means what `Regex.IsMatch` of .NET makes of it without options, as in the reference. A
 * literal pattern is compiled here, once. @throws PatternError
 */
export function matches([pattern]: readonly Expression[], name: string): FunctionBody {
  const literal = literalRegex(name, pattern);
  return onString((text, parameters, scope) => {
    const regex = literal ?? evaluatedRegex(name, parameters, scope);
    return regex === undefined ? EMPTY : [reported(`${name}()`, () => regex.isMatch(text, stepsOf(scope)))];
  });
}

/** As `matches`, for `replaceMatches` and `Regex.Replace`. @throws PatternError */
export function replaceMatches([pattern, substitution]: readonly Expression[], name: string): FunctionBody {
  const literal = literalRegex(name, pattern);
  const replacement = literal === null ? null : literalReplacement(literal, substitution);
  return onString((text, parameters, scope) => {
    const regex = literal ?? evaluatedRegex(name, parameters, scope);
    if (regex === undefined) return EMPTY;
    const parts = replacement ?? evaluatedReplacement(regex, parameters, scope, name);
    return parts === undefined
      ? EMPTY
      : [reported(`${name}()`, () => regex.replace(text, parts, stepsOf(scope)))];
  });
}

function stepsOf({ environment }: Scope): RegexSteps {
  return environment.regexSteps ?? new RegexSteps();
}

function textOf(literal: Expression | undefined): string | null {
  return literal?.kind === 'literal' && typeof literal.value === 'string' ? literal.value : null;
}

function literalRegex(name: string, literal: Expression | undefined): Regex | null {
  const pattern = textOf(literal);
  return pattern === null
    ? null
    : reported(
        `The regular expression ${shown(pattern)} of ${name}() is malformed`,
        () => regexOf(pattern),
        PatternError,
      );
}

function literalReplacement(
  regex: Regex,
  literal: Expression | undefined,
): readonly ReplacementPart[] | null {
  const text = textOf(literal);
  return text === null
    ? null
    : reported(
        `The replacement ${shown(text)} of replaceMatches() is malformed`,
        () => regex.replacement(text),
        PatternError,
      );
}

function shown(text: string): string {
  return text.length > MAX_SHOWN ? `'${text.slice(0, MAX_SHOWN)}…'` : `'${text}'`;
}

/** The pattern where it is computed; undefined where that gives nothing. It may be data: no message quotes it. */
function evaluatedRegex(name: string, [pattern]: readonly Evaluator[], scope: Scope): Regex | undefined {
  const text = stringArgument(pattern, scope, name);
  return text === undefined
    ? undefined
    : reported(`An argument of ${name}() is malformed`, () => regexOf(text));
}

function evaluatedReplacement(
  regex: Regex,
  [, replacement]: readonly Evaluator[],
  scope: Scope,
  name: string,
): readonly ReplacementPart[] | undefined {
  const text = stringArgument(replacement, scope, name);
  if (text === undefined) return undefined;
  return reported(`An argument of ${name}() is malformed`, () => regex.replacement(text));
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
