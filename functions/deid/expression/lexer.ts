import { type ExpressionBudget, MAX_TOKENS, WHAT_COUNTS } from './expressionBudget.js';
import { FUNCTIONS } from './functions.js';
import { FhirPathSyntaxError } from './syntax.js';

/** One token of a FHIRPath expression. */
export interface Token {
  kind: 'name' | 'quoted' | 'string' | 'number' | 'date' | 'variable' | 'iteration' | 'symbol' | 'end';
  /** The token's content: without quotes and escapes, without `@`, `%` and `` ` ``. */
  text: string;
  position: number;
}

/** Most characters of a token that is no text. */
const MAX_CHARACTERS = 1000;

const SPACE = /(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y;
const PATTERNS: readonly [Token['kind'], RegExp][] = [
  ['name', /[A-Za-z_][A-Za-z0-9_]*/y],
  ['number', /[0-9]+(?:\.[0-9]+)?/y],
  ['string', /'(?:[^'\\]|\\.)*'/sy],
  ['quoted', /`(?:[^`\\]|\\.)*`/sy],
  [
    'date',
    /@(?:T[0-9]{2}(?::[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?|[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?(?:T(?:[0-9]{2}(?::[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?)?)/y,
  ],
  ['variable', /%(?:[A-Za-z_][A-Za-z0-9_-]*|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`)/y],
  ['iteration', /\$(?:this|index|total)(?![A-Za-z0-9_])/y],
  ['symbol', /<=|>=|!=|!~|[.()[\]{},+\-*/&|<>=~]/y],
];

/** Splits an expression into tokens, the last of kind `end`. @throws FhirPathSyntaxError */
export function tokenize(expression: string, budget?: ExpressionBudget): Token[] {
  budget?.take(0);
  const tokens: Token[] = [];
  let at = 0;
  for (;;) {
    SPACE.lastIndex = at;
    SPACE.test(expression);
    at = SPACE.lastIndex;
    if (at >= expression.length) {
      tokens.push({ kind: 'end', text: '', position: at });
      const size = tokens.length + patternCharacters(tokens);
      if (size > MAX_TOKENS) throw tooLong(at);
      budget?.take(size);
      return tokens;
    }
    if (tokens.length >= MAX_TOKENS) throw tooLong(at);
    const token = readToken(expression, at);
    tokens.push(token.token);
    at = token.end;
  }
}

function tooLong(at: number): FhirPathSyntaxError {
  return new FhirPathSyntaxError(`An expression may have ${MAX_TOKENS} ${WHAT_COUNTS}; it has more`, at);
}

/** Functions that take a regular expression. */
const MATCHING = new Set(
  [...FUNCTIONS.values()].filter(({ kinds }) => kinds.includes('pattern')).map(({ name }) => name),
);

/** Characters of the texts in an expression that has regular expressions: any of them may be one. */
function patternCharacters(tokens: readonly Token[]): number {
  const isName = ({ kind }: Token): boolean => kind === 'name' || kind === 'quoted';
  if (!tokens.some((token) => isName(token) && MATCHING.has(token.text))) return 0;
  return tokens.reduce((sum, { kind, text }) => (kind === 'string' ? sum + text.length : sum), 0);
}

function readToken(expression: string, at: number): { token: Token; end: number } {
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = at;
    if (!pattern.test(expression)) continue;
    const end = pattern.lastIndex;
    if (kind !== 'string' && end - at > MAX_CHARACTERS)
      throw new FhirPathSyntaxError(
        `A name or number may have ${MAX_CHARACTERS} characters; it has more`,
        at,
      );
    const text = content(kind, expression.slice(at, end), at);
    // A literal is not followed at once by a name or a digit: `2020-01-01T00` is no date without its `@`.
    if ((kind === 'number' || kind === 'date') && /[A-Za-z0-9_]/.test(expression.charAt(end))) break;
    return { token: { kind, text, position: at }, end };
  }
  throw new FhirPathSyntaxError(`'${expression.slice(at, at + 10)}' is no FHIRPath`, at);
}

const ESCAPES: Readonly<Record<string, string>> = { f: '\f', n: '\n', r: '\r', t: '\t' };

function unescape(text: string, position: number): string {
  return text.replace(/\\(u[0-9a-fA-F]{4}|.)/gs, (_, escape: string) => {
    if (escape.length === 5) return String.fromCharCode(parseInt(escape.slice(1), 16));
    const replacement = ESCAPES[escape];
    if (replacement !== undefined) return replacement;
    if ('`\'"\\/'.includes(escape)) return escape;
    throw new FhirPathSyntaxError(`Unknown escape '\\${escape}'`, position);
  });
}

function content(kind: Token['kind'], text: string, position: number): string {
  if (kind === 'string' || kind === 'quoted') return unescape(text.slice(1, -1), position);
  if (kind === 'date') return text.slice(1);
  if (kind !== 'variable') return text;
  const name = text.slice(1);
  return /^['`]/.test(name) ? unescape(name.slice(1, -1), position) : name;
}
