import type { CharSet } from './charSet.js';

/**
 * A parsed regular expression of .NET (https://learn.microsoft.com/dotnet/standard/base-types/regular-expressions).
 * Options are resolved: what ignores case, sees line ends or takes in line breaks is in the nodes.
 */
export type RegexNode =
  | { readonly kind: 'empty' }
  | { readonly kind: 'char'; readonly set: CharSet }
  | { readonly kind: 'sequence'; readonly items: readonly RegexNode[] }
  | { readonly kind: 'alternatives'; readonly options: readonly RegexNode[] }
  | CaptureNode
  | LoopNode
  | { readonly kind: 'anchor'; readonly at: Anchor }
  | { readonly kind: 'backreference'; readonly group: number; readonly ignoreCase: boolean }
  | { readonly kind: 'look'; readonly behind: boolean; readonly negative: boolean; readonly body: RegexNode }
  | { readonly kind: 'atomic'; readonly body: RegexNode }
  | { readonly kind: 'ifCaptured'; readonly group: number; readonly yes: RegexNode; readonly no: RegexNode }
  | { readonly kind: 'ifMatches'; readonly condition: RegexNode; readonly yes: RegexNode; readonly no: RegexNode }; // prettier-ignore

/** Group `capture` takes what `body` matched; a balancing group takes back the last capture of `balance`. */
export interface CaptureNode {
  readonly kind: 'capture';
  /** Null for `(?<-name>…)`, which only takes back. */
  readonly capture: number | null;
  readonly balance: number | null;
  readonly body: RegexNode;
}

export interface LoopNode {
  readonly kind: 'loop';
  readonly body: RegexNode;
  readonly min: number;
  /** Infinity for no bound. */
  readonly max: number;
  readonly lazy: boolean;
}

/** The nodes directly in a node, in their order. */
export function partsOf(node: RegexNode): readonly RegexNode[] {
  switch (node.kind) {
    case 'sequence':
      return node.items;
    case 'alternatives':
      return node.options;
    case 'capture':
    case 'loop':
    case 'look':
    case 'atomic':
      return [node.body];
    case 'ifCaptured':
      return [node.yes, node.no];
    case 'ifMatches':
      return [node.condition, node.yes, node.no];
    case 'empty':
    case 'char':
    case 'anchor':
    case 'backreference':
      return [];
  }
}

/**
 * `start` is `\A`, `end` is `\z`, `lastLineEnd` is `\Z`: the end, or before a line break there. `line…` are `^` and `$`
 * with option m, `previousEnd` is `\G`.
 */
export type Anchor =
  'start' | 'end' | 'lastLineEnd' | 'lineStart' | 'lineEnd' | 'boundary' | 'noBoundary' | 'previousEnd';

/** The numbers of the groups, ascending from 0 for the whole match, and those of the named ones. */
export interface Groups {
  readonly numbers: readonly number[];
  readonly names: ReadonlyMap<string, number>;
}

export interface ParsedRegex {
  readonly root: RegexNode;
  readonly groups: Groups;
}

const PROBLEMS = {
  AlternationHasComment: 'a comment cannot be the condition of (?(…)…)',
  AlternationHasMalformedCondition: 'the condition of (?(…)…) is malformed',
  AlternationHasMalformedReference: "')' is missing after the number in (?(number)…)",
  AlternationHasNamedCapture: 'a named group cannot be the condition of (?(…)…)',
  AlternationHasTooManyConditions: '(?(…)…) has more than two alternatives',
  AlternationHasUndefinedReference: '(?(number)…) names a group that does not exist',
  CaptureGroupNameInvalid:
    'a group name must consist of letters, digits and _, or be a number without leading zero',
  CaptureGroupOfZero: 'a group cannot have the number 0',
  ExclusionGroupNotLast: 'a subtraction -[…] must be the last part of a character class',
  InsufficientClosingParentheses: "')' is missing",
  InsufficientOpeningParentheses: "')' without '('",
  InsufficientOrInvalidHexDigits: '\\x takes two hexadecimal digits, \\u takes four',
  InvalidGroupingConstruct: "'(?' does not begin a construct that .NET knows",
  InvalidUnicodePropertyEscape: '\\p{…} is incomplete',
  MalformedNamedReference: '\\k must be followed by a group in angle brackets: \\k<name>',
  MalformedUnicodePropertyEscape: '\\p must be followed by a category or block in braces: \\p{L}',
  MissingControlCharacter: '\\c must be followed by a letter',
  NestedQuantifiersNotParenthesized: 'a quantifier follows a quantifier: use parentheses',
  NestingTooDeep: 'groups or classes are nested more than 200 deep, which is not supported',
  QuantifierAfterNothing: 'a quantifier follows nothing that it could repeat',
  QuantifierOrCaptureGroupOutOfRange: 'the number is greater than 2147483647',
  ReversedCharacterRange: 'a range of characters is in reverse order',
  ReversedQuantifierRange: 'a quantifier {n,m} has n greater than m',
  ShorthandClassInCharacterRange: 'a class such as \\d cannot be an end of a range',
  UndefinedNamedReference: 'a reference names a group that does not exist',
  UndefinedNumberedReference: 'a reference names the number of a group that does not exist',
  UnescapedEndingBackslash: 'the pattern ends with a backslash',
  UnrecognizedControlCharacter: '\\c must be followed by a letter or one of @ [ \\ ] ^ _',
  UnrecognizedEscape: '.NET has no such escape',
  UnrecognizedUnicodeProperty: '.NET knows no category or block of this name',
  UnterminatedBracket: "']' is missing",
  UnterminatedComment: "')' is missing after a comment (?#…",
} as const;

/** The names of .NET's `RegexParseError`, and `NestingTooDeep`, a bound of our own. */
export type RegexProblem = keyof typeof PROBLEMS;

/** A pattern or replacement text that is malformed, or that this engine does not support. The message quotes nothing. */
export class RegexSyntaxError extends Error {
  readonly problem: RegexProblem;
  /** Characters before the place in question. */
  readonly position: number;
  constructor(problem: RegexProblem, position: number) {
    super(`${PROBLEMS[problem]} (at character ${position + 1})`);
    this.name = 'RegexSyntaxError';
    this.problem = problem;
    this.position = position;
  }
}
