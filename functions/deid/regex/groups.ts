import { passClass } from './classParser.js';
import { PatternCursor, type Options } from './cursor.js';
import type { Groups } from './syntax.js';

/**
 * Finds the groups of a pattern before it is parsed, since a reference may come before its group. Unnamed groups are
 * numbered first, from 1, in the order of their parentheses; then the named ones, in the order of their names'
 * first places, with the numbers that are left. A name that is a number is that number. @throws RegexSyntaxError
 */
export function groupsOf(pattern: string): Groups {
  return new GroupScan(pattern).groups();
}

class GroupScan {
  readonly #cursor: PatternCursor;
  readonly #outer: Options[] = [];
  readonly #numbers = new Set<number>([0]);
  readonly #names: string[] = [];
  #nextNumber = 1;
  /** Set after `(?(`, whose next parenthesis captures nothing. */
  #isCondition = false;

  constructor(pattern: string) {
    this.#cursor = new PatternCursor(pattern);
  }

  groups(): Groups {
    while (!this.#cursor.isAtEnd) this.#step();
    const names = new Map<string, number>();
    for (const name of this.#names) {
      if (names.has(name)) continue;
      while (this.#numbers.has(this.#nextNumber)) this.#nextNumber++;
      names.set(name, this.#nextNumber);
      this.#numbers.add(this.#nextNumber++);
    }
    return { numbers: [...this.#numbers].sort((one, two) => one - two), names };
  }

  #step(): void {
    const cursor = this.#cursor;
    switch (cursor.next()) {
      case '\\':
        if (!cursor.isAtEnd) cursor.at++;
        return;
      case '#':
        if (cursor.options.x) {
          cursor.at--;
          cursor.blank();
        }
        return;
      case '[':
        passClass(cursor);
        return;
      case ')':
        cursor.options = this.#outer.pop() ?? cursor.options;
        return;
      case '(':
        this.#open();
        return;
    }
  }

  #open(): void {
    const cursor = this.#cursor;
    if (cursor.text.startsWith('?#', cursor.at)) {
      cursor.at--;
      cursor.blank();
      return;
    }
    const wasCondition = this.#isCondition;
    this.#isCondition = false;
    this.#outer.push(cursor.options);
    if (!cursor.take('?')) {
      if (!cursor.options.n && !wasCondition) this.#numbers.add(this.#nextNumber++);
      return;
    }
    if ((cursor.peek() === '<' || cursor.peek() === "'") && cursor.peek(1) !== '') {
      cursor.at++;
      if (cursor.peek() === '0' || !cursor.isNameAhead()) return;
      if (/^[1-9]$/.test(cursor.peek())) this.#numbers.add(cursor.decimal());
      else this.#names.push(cursor.name());
      return;
    }
    cursor.inlineOptions();
    if (cursor.take(')')) this.#outer.pop();
    else if (cursor.peek() === '(') this.#isCondition = true;
  }
}
