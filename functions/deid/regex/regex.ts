import { Matcher } from './matcher.js';
import { parseRegex } from './parser.js';
import { programOf, type Program } from './program.js';
import { parseReplacement, type ReplacementPart } from './replacement.js';
import { startOf, type SearchStart } from './search.js';
import type { RegexSteps } from './steps.js';
import type { Groups, ParsedRegex } from './syntax.js';
import { Translation } from './translate.js';

/** One match, valid until the next one is looked for. */
interface Found {
  readonly start: number;
  readonly end: number;
  /** What a group captured; empty without a capture. */
  text(group: number): string;
}

/** Finds matches in one text. @param previousEnd where the last match ended, for `\G` */
type Finder = (from: number, previousEnd: number) => Found | null;

/** Which matcher may run a pattern; `own` is for comparing the two. */
export type RegexEngine = 'any' | 'own';

/** A regular expression of .NET, without options of its own. */
export class Regex {
  readonly #groups: Groups;
  readonly #start: SearchStart;
  readonly #translation: Translation | null;
  readonly #program: Program | null;

  private constructor(parsed: ParsedRegex, engine: RegexEngine) {
    this.#groups = parsed.groups;
    this.#start = startOf(parsed.root);
    this.#translation = engine === 'any' ? Translation.of(parsed, this.#start.anchor === 'start') : null;
    this.#program = this.#translation === null ? programOf(parsed) : null;
  }

  /** @throws RegexSyntaxError */
  static compile(pattern: string, engine: RegexEngine = 'any'): Regex {
    return new Regex(parseRegex(pattern), engine);
  }

  /** The expression of JavaScript that does the work; null where our own matcher does it. */
  get expression(): RegExp | null {
    return this.#translation?.expression ?? null;
  }

  /** Whether the pattern matches anywhere in a text, as `Regex.IsMatch`. @throws RegexLimitError */
  isMatch(text: string, steps: RegexSteps): boolean {
    if (this.#translation === null) return this.#finder(text, steps)(0, 0) !== null;
    const { expression } = this.#translation;
    expression.lastIndex = 0;
    return expression.test(text);
  }

  /** The matches in a text one after the other, as `Regex.Matches`. @throws RegexLimitError */
  *matches(text: string, steps: RegexSteps): Generator<Found> {
    const find = this.#finder(text, steps);
    let previousEnd = 0;
    for (let from = 0; from <= text.length;) {
      const found = find(from, previousEnd);
      if (found === null) return;
      yield found;
      previousEnd = found.end;
      from = found.end === found.start ? found.end + 1 : found.end;
    }
  }

  /** Reads a replacement text for this pattern. @throws RegexSyntaxError */
  replacement(text: string): readonly ReplacementPart[] {
    return parseReplacement(text, this.#groups);
  }

  /** A text with all matches replaced, as `Regex.Replace`. @throws RegexLimitError */
  replace(text: string, parts: readonly ReplacementPart[], steps: RegexSteps): string {
    let result = '';
    let end = 0;
    for (const found of this.matches(text, steps)) {
      result += text.slice(end, found.start);
      for (const part of parts) result += partText(part, found, text);
      end = found.end;
    }
    return result + text.slice(end);
  }

  #finder(text: string, steps: RegexSteps): Finder {
    return this.#translation === null
      ? this.#ownFinder(text, steps)
      : translatedFinder(this.#translation, text);
  }

  #ownFinder(text: string, steps: RegexSteps): Finder {
    steps.allow(text.length);
    const matcher = new Matcher(this.#program as Program, this.#start, text, steps);
    const { captures } = matcher;
    const { numbers } = this.#groups;
    return (from, previousEnd) => {
      if (!matcher.find(from, previousEnd)) return null;
      return {
        start: captures.start(0),
        end: captures.end(0),
        text: (group) => {
          const slot = numbers.indexOf(group);
          return captures.has(slot) ? text.slice(captures.start(slot), captures.end(slot)) : '';
        },
      };
    };
  }
}

function translatedFinder({ expression, groups }: Translation, text: string): Finder {
  return (from) => {
    expression.lastIndex = from;
    const found = expression.exec(text);
    if (found === null) return null;
    return {
      start: found.index,
      end: found.index + found[0].length,
      text: (group) => found[groups.indexOf(group)] ?? '',
    };
  };
}

function partText(part: ReplacementPart, found: Found, text: string): string {
  switch (part.kind) {
    case 'text':
      return part.text;
    case 'group':
      return found.text(part.group);
    case 'before':
      return text.slice(0, found.start);
    case 'after':
      return text.slice(found.end);
    case 'whole':
      return text;
  }
}
