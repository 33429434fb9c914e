import { CharSet } from './charSet.js';
import { propertyEscape, readClass } from './classParser.js';
import { PatternCursor } from './cursor.js';
import { groupsOf } from './groups.js';
import type { Anchor, Groups, ParsedRegex, RegexNode } from './syntax.js';
import { ignoringCase, shorthandSet } from './unicode.js';

/** Nesting of a pattern that the parser follows. */
const MAX_NESTING = 200;
const EMPTY: RegexNode = { kind: 'empty' };
const ANY: RegexNode = { kind: 'char', set: CharSet.ALL };
const NO_LINE_BREAK: RegexNode = { kind: 'char', set: CharSet.of(0x0a).complement() };
const ANCHOR_ESCAPES: ReadonlyMap<string, Anchor> = new Map([
  ['A', 'start'],
  ['z', 'end'],
  ['Z', 'lastLineEnd'],
  ['b', 'boundary'],
  ['B', 'noBoundary'],
  ['G', 'previousEnd'],
]);

/** Parses a pattern as .NET does without options. @throws RegexSyntaxError */
export function parseRegex(pattern: string): ParsedRegex {
  const groups = groupsOf(pattern);
  return { root: new RegexParser(pattern, groups).parse(), groups };
}

/** What a parenthesis opens: makes a node of the alternatives in it. */
interface Opened {
  readonly make: (body: RegexNode) => RegexNode;
  /** The condition comes first, and no more than two alternatives. */
  readonly conditional?: ConditionalKind;
}

type ConditionalKind = { readonly group: number } | 'expression';

class RegexParser {
  readonly #cursor: PatternCursor;
  readonly #groups: Groups;
  readonly #numbers: ReadonlySet<number>;
  #nextNumber = 1;
  /** Set after `(?(`, whose next parenthesis captures nothing. */
  #isCondition = false;
  #nesting = 0;
  /** Whether the innermost group is `(?(…)…)`, directly in which .NET takes no options. */
  #isInConditional = false;

  constructor(pattern: string, groups: Groups) {
    this.#cursor = new PatternCursor(pattern);
    this.#groups = groups;
    this.#numbers = new Set(groups.numbers);
  }

  parse(): RegexNode {
    const options = this.#alternatives();
    if (!this.#cursor.isAtEnd) throw this.#cursor.fail('InsufficientOpeningParentheses', this.#cursor.at + 1);
    return alternativesOf(options);
  }

  /** Reads alternatives up to the `)` that ends them, or to the end of the pattern. */
  #alternatives(most = Infinity): RegexNode[] {
    const cursor = this.#cursor;
    const options = [this.#sequence()];
    while (cursor.take('|')) {
      options.push(this.#sequence());
      if (options.length > most) throw cursor.fail('AlternationHasTooManyConditions');
    }
    return options;
  }

  #sequence(): RegexNode {
    const cursor = this.#cursor;
    const items: RegexNode[] = [];
    let wasQuantified = false;
    for (;;) {
      cursor.blank();
      if (cursor.isAtEnd || cursor.peek() === ')' || cursor.peek() === '|') break;
      const isStrayBrace = cursor.peek() === '{' && !cursor.isQuantifierAhead();
      if (/^[*+?{]$/.test(cursor.peek()) && !isStrayBrace) {
        throw cursor.fail(
          wasQuantified ? 'NestedQuantifiersNotParenthesized' : 'QuantifierAfterNothing',
          cursor.at + 1,
        );
      }
      const item = this.#item();
      wasQuantified = false;
      // Options change nothing that a quantifier could repeat.
      if (item === null) continue;
      cursor.blank();
      wasQuantified = cursor.isQuantifierAhead();
      items.push(wasQuantified ? this.#quantified(item) : item);
    }
    return items.length === 1 ? (items[0] as RegexNode) : { kind: 'sequence', items };
  }

  #quantified(body: RegexNode): RegexNode {
    const cursor = this.#cursor;
    let min = 0;
    let max = Infinity;
    switch (cursor.next()) {
      case '+':
        min = 1;
        break;
      case '?':
        max = 1;
        break;
      case '{':
        max = min = cursor.decimal();
        if (cursor.take(',')) max = cursor.isDigitAhead() ? cursor.decimal() : Infinity;
        cursor.at++;
        break;
    }
    cursor.blank();
    const lazy = cursor.take('?');
    if (min > max) throw cursor.fail('ReversedQuantifierRange');
    // No bound and the greatest number are one in .NET.
    if (max === 2_147_483_647) max = Infinity;
    if (max === 0) return EMPTY;
    return min === 1 && max === 1 ? body : { kind: 'loop', body, min, max, lazy };
  }

  /** Reads what a quantifier may follow; null for inline options. */
  #item(): RegexNode | null {
    const cursor = this.#cursor;
    const { options } = cursor;
    const character = cursor.next();
    switch (character) {
      case '[':
        return { kind: 'char', set: readClass(cursor) };
      case '(':
        return this.#group();
      case '\\':
        return this.#escape();
      case '^':
        return { kind: 'anchor', at: options.m ? 'lineStart' : 'start' };
      case '$':
        return { kind: 'anchor', at: options.m ? 'lineEnd' : 'lastLineEnd' };
      case '.':
        return options.s ? ANY : NO_LINE_BREAK;
      default:
        return this.#character(character.charCodeAt(0));
    }
  }

  #character(code: number): RegexNode {
    const set = CharSet.of(code);
    return { kind: 'char', set: this.#cursor.options.i ? ignoringCase(set) : set };
  }

  #escape(): RegexNode {
    const cursor = this.#cursor;
    if (cursor.isAtEnd) throw cursor.fail('UnescapedEndingBackslash');
    const letter = cursor.peek();
    const anchor = ANCHOR_ESCAPES.get(letter);
    if (anchor !== undefined) {
      cursor.at++;
      return { kind: 'anchor', at: anchor };
    }
    const shorthand = shorthandSet(letter);
    if (shorthand !== null) {
      cursor.at++;
      return { kind: 'char', set: shorthand };
    }
    if (letter === 'p' || letter === 'P') {
      cursor.at++;
      return { kind: 'char', set: propertyEscape(cursor, letter) };
    }
    return this.#backreference() ?? this.#character(cursor.charEscape());
  }

  /** Reads `\1`, `\k<name>` and `\<name>`; null, nothing read, where there is an escaped character. */
  #backreference(): RegexNode | null {
    const cursor = this.#cursor;
    const from = cursor.at;
    const isNamed = cursor.take('k');
    const bracket = cursor.peek();
    if ((bracket === '<' || bracket === "'") && cursor.peek(1) !== '') {
      cursor.at++;
      const group = this.#namedReference(bracket === '<' ? '>' : bracket);
      if (group !== null) return this.#reference(group);
    } else if (isNamed) {
      throw cursor.fail('MalformedNamedReference');
    } else if (/^[1-9]$/.test(bracket)) {
      const group = cursor.decimal();
      if (this.#numbers.has(group)) return this.#reference(group);
      if (group <= 9) throw cursor.fail('UndefinedNumberedReference');
    }
    cursor.at = from;
    return null;
  }

  #reference(group: number): RegexNode {
    return { kind: 'backreference', group, ignoreCase: this.#cursor.options.i };
  }

  /** Reads a group's name or number and what closes it; null where it is not closed. */
  #namedReference(close: string): number | null {
    const cursor = this.#cursor;
    if (cursor.isDigitAhead()) {
      const group = cursor.decimal();
      if (!cursor.take(close)) return null;
      if (!this.#numbers.has(group)) throw cursor.fail('UndefinedNumberedReference');
      return group;
    }
    const name = cursor.name();
    if (name === '' || !cursor.take(close)) return null;
    const group = this.#groups.names.get(name);
    if (group === undefined) throw cursor.fail('UndefinedNamedReference');
    return group;
  }

  /** Reads a group after its `(`; null for options that hold from here. */
  #group(): RegexNode | null {
    const cursor = this.#cursor;
    const outer = cursor.options;
    const opened = this.#opening();
    if (opened === null) return null;
    if (++this.#nesting > MAX_NESTING) throw cursor.fail('NestingTooDeep');
    const wasInConditional = this.#isInConditional;
    this.#isInConditional = opened.conditional === 'expression';
    const node =
      opened.conditional === undefined
        ? opened.make(alternativesOf(this.#alternatives()))
        : this.#conditional(opened.conditional);
    if (!cursor.take(')')) throw cursor.fail('InsufficientClosingParentheses');
    this.#nesting--;
    this.#isInConditional = wasInConditional;
    cursor.options = outer;
    return node;
  }

  #conditional(kind: ConditionalKind): RegexNode {
    const condition = kind === 'expression' ? this.#condition() : EMPTY;
    const [yes = EMPTY, no = EMPTY] = this.#alternatives(2);
    return kind === 'expression'
      ? { kind: 'ifMatches', condition, yes, no }
      : { kind: 'ifCaptured', group: kind.group, yes, no };
  }

  #condition(): RegexNode {
    this.#cursor.at++;
    const condition = this.#group();
    if (condition === null) throw this.#cursor.fail('AlternationHasMalformedCondition');
    return condition;
  }

  /** Reads what is between `(` and the content of a group. */
  #opening(): Opened | null {
    const cursor = this.#cursor;
    if (cursor.peek() !== '?' || cursor.peek(1) === ')') {
      const isPlain = cursor.options.n || this.#isCondition;
      this.#isCondition = false;
      return isPlain ? { make: (body) => body } : capturing(this.#nextNumber++, null);
    }
    cursor.at++;
    const mark = cursor.next();
    switch (mark) {
      case ':':
        return { make: (body) => body };
      case '=':
      case '!':
        return looking(false, mark === '!');
      case '>':
        return { make: (body) => ({ kind: 'atomic', body }) };
      case '<':
      case "'":
        return this.#afterBracket(mark);
      case '(':
        return { make: (body) => body, conditional: this.#conditionalKind() };
      default:
        cursor.at--;
        return this.#optionGroup();
    }
  }

  #optionGroup(): Opened | null {
    const cursor = this.#cursor;
    if (!this.#isInConditional) cursor.inlineOptions();
    if (cursor.take(')')) return null;
    if (!cursor.take(':')) throw cursor.fail('InvalidGroupingConstruct', cursor.at + 1);
    return { make: (body) => body };
  }

  /** What is after `(?<` or `(?'`: a lookbehind, a name, a balancing group. */
  #afterBracket(bracket: string): Opened {
    const cursor = this.#cursor;
    if (cursor.isAtEnd) throw cursor.fail('InvalidGroupingConstruct');
    if (bracket === '<' && (cursor.take('=') || cursor.take('!')))
      return looking(true, cursor.text.charAt(cursor.at - 1) === '!');
    if (bracket === "'" && (cursor.peek() === '=' || cursor.peek() === '!'))
      throw cursor.fail('InvalidGroupingConstruct', cursor.at + 1);
    const close = bracket === '<' ? '>' : bracket;
    const capture = cursor.peek() === '-' ? null : this.#groupName(close);
    let balance: number | null = null;
    if (cursor.peek() === '-' && cursor.peek(1) !== '') {
      cursor.at++;
      balance = this.#balancedGroup(close);
    }
    if ((capture === null && balance === null) || !cursor.take(close))
      throw cursor.fail('InvalidGroupingConstruct', cursor.at + 1);
    return capturing(capture, balance);
  }

  #groupName(close: string): number {
    const cursor = this.#cursor;
    const isNumber = cursor.isDigitAhead();
    const name = isNumber ? '' : cursor.name();
    const group = isNumber ? cursor.decimal() : this.#groups.names.get(name);
    const after = cursor.peek();
    if (after !== '' && after !== close && after !== '-') throw cursor.fail('CaptureGroupNameInvalid');
    if (group === 0) throw cursor.fail('CaptureGroupOfZero');
    if (group === undefined) throw cursor.fail('CaptureGroupNameInvalid');
    return group;
  }

  #balancedGroup(close: string): number {
    const cursor = this.#cursor;
    const isNumber = cursor.isDigitAhead();
    if (!isNumber && !cursor.isNameAhead()) throw cursor.fail('CaptureGroupNameInvalid');
    const group = isNumber ? cursor.decimal() : this.#groups.names.get(cursor.name());
    if (group === undefined) throw cursor.fail('UndefinedNamedReference');
    if (!this.#numbers.has(group)) throw cursor.fail('UndefinedNumberedReference');
    if (!cursor.isAtEnd && cursor.peek() !== close) throw cursor.fail('CaptureGroupNameInvalid');
    return group;
  }

  /** What is after `(?(`: a group's number or name, or a condition, whose parenthesis is then read again. */
  #conditionalKind(): ConditionalKind {
    const cursor = this.#cursor;
    const from = cursor.at;
    if (cursor.isDigitAhead()) {
      const group = cursor.decimal();
      if (!cursor.take(')')) throw cursor.fail('AlternationHasMalformedReference');
      if (!this.#numbers.has(group)) throw cursor.fail('AlternationHasUndefinedReference');
      return { group };
    }
    const group = this.#groups.names.get(cursor.name());
    if (group !== undefined && cursor.take(')')) return { group };
    cursor.at = from - 1;
    this.#isCondition = true;
    if (cursor.peek(1) === '?') {
      if (cursor.peek(2) === '#') throw cursor.fail('AlternationHasComment');
      const isNamed = cursor.peek(2) === '<' && /^[^!=]$/s.test(cursor.peek(3));
      if (isNamed || cursor.peek(2) === "'") throw cursor.fail('AlternationHasNamedCapture');
    }
    return 'expression';
  }
}

function alternativesOf(options: readonly RegexNode[]): RegexNode {
  return options.length === 1 ? (options[0] as RegexNode) : { kind: 'alternatives', options };
}

function capturing(capture: number | null, balance: number | null): Opened {
  return { make: (body) => ({ kind: 'capture', capture, balance, body }) };
}

function looking(behind: boolean, negative: boolean): Opened {
  return { make: (body) => ({ kind: 'look', behind, negative, body }) };
}
