import { Regex } from '../regex/regex.js';
import type { ReplacementPart } from '../regex/replacement.js';
import { RegexLimitError, RegexSteps } from '../regex/steps.js';
import { RegexSyntaxError } from '../regex/syntax.js';
import { EMPTY, onString, stringArgument, type FunctionBody } from './arguments.js';
import type { Evaluator, Scope } from './collection.js';
import type { Expression } from './syntax.js';
import { FhirPathError } from './values.js';

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
    return regex === undefined ? EMPTY : [limited(name, () => regex.isMatch(text, stepsOf(scope)))];
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
    return parts === undefined ? EMPTY : [limited(name, () => regex.replace(text, parts, stepsOf(scope)))];
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
    : compiled(`The regular expression ${shown(pattern)} of ${name}()`, () => regexOf(pattern));
}

function literalReplacement(
  regex: Regex,
  literal: Expression | undefined,
): readonly ReplacementPart[] | null {
  const text = textOf(literal);
  return text === null
    ? null
    : compiled(`The replacement ${shown(text)} of replaceMatches()`, () => regex.replacement(text));
}

function shown(text: string): string {
  return text.length > MAX_SHOWN ? `'${text.slice(0, MAX_SHOWN)}…'` : `'${text}'`;
}

function compiled<T>(what: string, compile: () => T): T {
  try {
    return compile();
  } catch (error) {
    if (!(error instanceof RegexSyntaxError)) throw error;
    throw new PatternError(`${what} is malformed: ${error.message}`);
  }
}

/** The pattern where it is computed; undefined where that gives nothing. It may be data: no message quotes it. */
function evaluatedRegex(name: string, parameters: readonly Evaluator[], scope: Scope): Regex | undefined {
  const pattern = stringArgument(parameters[0], scope, name);
  return pattern === undefined ? undefined : unquoted(name, () => regexOf(pattern));
}

function evaluatedReplacement(
  regex: Regex,
  parameters: readonly Evaluator[],
  scope: Scope,
  name: string,
): readonly ReplacementPart[] | undefined {
  const text = stringArgument(parameters[1], scope, name);
  return text === undefined ? undefined : unquoted(name, () => regex.replacement(text));
}

function unquoted<T>(name: string, compile: () => T): T {
  try {
    return compile();
  } catch (error) {
    if (!(error instanceof RegexSyntaxError)) throw error;
    throw new FhirPathError(`An argument of ${name}() is malformed: ${error.message}`);
  }
}

function limited<T>(name: string, match: () => T): T {
  try {
    return match();
  } catch (error) {
    if (!(error instanceof RegexLimitError)) throw error;
    throw new FhirPathError(`${name}(): ${error.message}`);
  }
}
