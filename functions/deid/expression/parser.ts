import type { ExpressionBudget } from './expressionBudget.js';
import { FUNCTIONS } from './functions.js';
import { tokenize, type Token } from './lexer.js';
import {
  FhirPathSyntaxError,
  isOperatorOf,
  OPERATORS,
  TYPE_LEVEL,
  type BinaryOperator,
  type Expression,
} from './syntax.js';
import { Decimal, Quantity, Temporal, calendarUnit } from '../values/values.js';

/** Nesting of an expression that the parser follows. */
const MAX_NESTING = 200;
/** Most operators of one kind in a row, and most terms and calls of one path: each is a level of what is parsed. */
const MAX_IN_A_ROW = 2000;
const MAX_PATH = 200;

const NAMES = Object.keys(OPERATORS) as BinaryOperator[];

/** The operators that bind alike, loosest first. */
const LEVELS = Array.from(
  { length: 1 + Math.max(...NAMES.map((name) => OPERATORS[name].level)) },
  (_, level) => (level === TYPE_LEVEL ? 'type' : NAMES.filter((name) => OPERATORS[name].level === level)),
);

/**
 * Parses a FHIRPath expression and checks its functions' names and numbers of arguments.
 * @param budget takes the expression's tokens
 * @throws FhirPathSyntaxError
 */
export function parseFhirPath(expression: string, budget?: ExpressionBudget): Expression {
  const parser = new Parser(tokenize(expression, budget));
  const result = parser.expression();
  parser.expectEnd();
  return result;
}

class Parser {
  #at = 0;
  #nesting = 0;
  readonly #tokens: readonly Token[];
  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get #token(): Token {
    return this.#tokens[Math.min(this.#at, this.#tokens.length - 1)] as Token;
  }

  #isSymbol(text: string): boolean {
    return this.#token.kind === 'symbol' && this.#token.text === text;
  }

  #take(text: string): boolean {
    if (!this.#isSymbol(text)) return false;
    this.#at++;
    return true;
  }

  #expect(text: string): void {
    if (!this.#take(text)) throw this.#unexpected(`expected '${text}'`);
  }

  #unexpected(reason: string): FhirPathSyntaxError {
    const found =
      this.#token.kind === 'end' ? 'the expression ends' : `'${this.#token.text}' is out of place`;
    return new FhirPathSyntaxError(`${found}: ${reason}`, this.#token.position);
  }

  expectEnd(): void {
    if (this.#token.kind !== 'end') throw this.#unexpected('expected an operator or the end');
  }

  expression(level = 0): Expression {
    const operators = LEVELS[level];
    if (operators === undefined) return this.#polarity();
    if (level === 0 && ++this.#nesting > MAX_NESTING) throw this.#unexpected('nested too deeply');
    let left = this.expression(level + 1);
    let operands = 1;
    for (; ; operands++) {
      if (operands > MAX_IN_A_ROW) throw this.#unexpected(`${MAX_IN_A_ROW} operands may be in a row`);
      const { kind, text } = this.#token;
      if (kind !== 'symbol' && kind !== 'name') break;
      if (operators === 'type') {
        if (kind !== 'name' || (text !== 'is' && text !== 'as')) break;
        this.#at++;
        left = { kind: 'type', operator: text, operand: left, type: this.#typeName() };
      } else {
        const operator = operators.find((candidate) => candidate === text);
        if (operator === undefined) break;
        const { position } = this.#token;
        this.#at++;
        left = { kind: 'binary', operator, left, right: this.expression(level + 1) };
        checkDateArithmetic(left, position);
      }
    }
    if (level === 0) this.#nesting--;
    return operands > 1 ? flat(left) : left;
  }

  #typeName(): string {
    let name = this.#identifier();
    if (this.#take('.')) name += `.${this.#identifier()}`;
    return name;
  }

  #identifier(): string {
    const { kind, text } = this.#token;
    if (kind !== 'name' && kind !== 'quoted') throw this.#unexpected('expected a name');
    this.#at++;
    return text;
  }

  #polarity(): Expression {
    const signs: ('+' | '-')[] = [];
    while (this.#isSymbol('+') || this.#isSymbol('-')) {
      signs.push(this.#token.text === '-' ? '-' : '+');
      this.#at++;
      if (signs.length > MAX_NESTING) throw this.#unexpected('nested too deeply');
    }
    let operand = this.#postfix();
    for (const operator of signs.reverse()) operand = { kind: 'polarity', operator, operand };
    return operand;
  }

  #postfix(): Expression {
    let focus = this.#term();
    for (let steps = 1; ; steps++) {
      if (steps > MAX_PATH) throw this.#unexpected(`a path may have ${MAX_PATH} steps`);
      if (this.#take('.')) focus = this.#invocation(focus);
      else if (this.#take('[')) {
        focus = { kind: 'item', focus, index: this.expression() };
        this.#expect(']');
      } else return focus;
    }
  }

  #invocation(focus: Expression | null): Expression {
    if (this.#token.kind === 'iteration') {
      if (focus !== null) throw this.#unexpected('expected a name');
      const name = this.#token.text;
      this.#at++;
      return name === '$index' || name === '$total' ? { kind: 'iteration', name } : { kind: 'this' };
    }
    const position = this.#token.position;
    const name = this.#identifier();
    if (!this.#take('(')) return { kind: 'member', focus, name };
    const parameters: Expression[] = [];
    if (!this.#take(')')) {
      do parameters.push(this.expression());
      while (this.#take(','));
      this.#expect(')');
    }
    checkCall(name, parameters, position);
    return { kind: 'call', focus, name, arguments: parameters };
  }

  #term(): Expression {
    const { kind, text, position } = this.#token;
    switch (kind) {
      case 'string':
        this.#at++;
        return { kind: 'literal', value: text };
      case 'number':
        this.#at++;
        return { kind: 'literal', value: this.#quantity(text) };
      case 'date': {
        this.#at++;
        const value = Temporal.parseLiteral(text);
        if (value === null)
          throw new FhirPathSyntaxError(`'@${text}' is no date, time or date-time`, position);
        return { kind: 'literal', value };
      }
      case 'variable':
        this.#at++;
        return { kind: 'variable', name: text };
      case 'symbol':
        if (this.#take('{')) {
          this.#expect('}');
          return { kind: 'literal', value: null };
        }
        if (this.#take('(')) {
          const inner = this.expression();
          this.#expect(')');
          return inner;
        }
        throw this.#unexpected('expected a term');
      case 'name':
        if (text === 'true' || text === 'false') {
          this.#at++;
          return { kind: 'literal', value: text === 'true' };
        }
        return this.#invocation(null);
      case 'quoted':
      case 'iteration':
        return this.#invocation(null);
      case 'end':
        throw this.#unexpected('expected a term');
    }
  }

  #quantity(text: string): bigint | Decimal | Quantity {
    const { kind, text: unit } = this.#token;
    if (kind === 'string') {
      this.#at++;
      return new Quantity(Decimal.parse(text), unit);
    }
    const calendar = kind === 'name' ? calendarUnit(unit) : null;
    if (calendar !== null) {
      this.#at++;
      return new Quantity(Decimal.parse(text), calendar, true);
    }
    return text.includes('.') ? Decimal.parse(text) : BigInt(text);
  }
}

/** Operators of which it does not matter in which order pairs of operands are made. */
const ASSOCIATIVE: ReadonlySet<string> = new Set<BinaryOperator>(['or', 'and']);

/**
 * A chain of alternatives, or of conditions that all have to hold, as a tree that is as deep as the logarithm of their
 * number: samples have 2,000 in a row, and whoever follows an expression has a call for each level, on a stack that in
 * a browser is half as large.
 */
function flat(expression: Expression): Expression {
  if (expression.kind !== 'binary' || !ASSOCIATIVE.has(expression.operator)) return expression;
  const { operator } = expression;
  const operands: Expression[] = [];
  let left: Expression = expression;
  for (; left.kind === 'binary' && left.operator === operator; left = left.left) operands.push(left.right);
  operands.push(left);
  return balanced(operator, operands.reverse());
}

function balanced(operator: BinaryOperator, operands: readonly Expression[]): Expression {
  if (operands.length === 1) return operands[0] as Expression;
  const middle = Math.ceil(operands.length / 2);
  return {
    kind: 'binary',
    operator,
    left: balanced(operator, operands.slice(0, middle)),
    right: balanced(operator, operands.slice(middle)),
  };
}

function isDate(expression: Expression): boolean {
  return expression.kind === 'literal' && expression.value instanceof Temporal;
}

/** Refuses arithmetic on a date literal that no value could make right: `@1990-1-1` is 1990 less one, less one. */
function checkDateArithmetic(
  { operator, left, right }: Extract<Expression, { kind: 'binary' }>,
  position: number,
): void {
  if (!isOperatorOf(operator, 'arithmetic')) return;
  if (!isDate(left) && !isDate(right)) return;
  const isShift = (operator === '+' || operator === '-') && !isDate(right);
  const isOther = right.kind !== 'literal' || right.value === null || right.value instanceof Quantity;
  if (isShift && isOther) return;
  throw new FhirPathSyntaxError(
    `'${operator}' does not work between a date or time and a value without unit: write months, days, hours, minutes ` +
      'and seconds of a literal with two digits (@1990-01-01), and what is added as a quantity (1 day)',
    position,
  );
}

function checkCall(name: string, parameters: readonly Expression[], position: number): void {
  const known = FUNCTIONS.get(name);
  if (known === undefined) throw new FhirPathSyntaxError(`Unknown symbol '${name}'`, position);
  const [least, most] = known.arity;
  if (parameters.length < least || parameters.length > most) {
    const wanted = least === most ? String(least) : `${least} to ${most}`;
    throw new FhirPathSyntaxError(
      `${name}() takes ${wanted} argument${wanted === '1' ? '' : 's'}, not ${parameters.length}`,
      position,
    );
  }
}
