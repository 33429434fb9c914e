import type { JsonObject, JsonValue } from '../../json/json.js';

/** One thing wrong, or questionable, in a configuration. Quotes the configuration, never a resource. */
export interface ConfigurationIssue {
  severity: 'error' | 'warning';
  /** The rule's index among all rules, in the order in which they act; absent for problems outside the rules. */
  rule?: number;
  /**
   * Where in the configuration: `fhirPathRules[3].path`, `parameters.encryptKey`; in the sample that it extends:
   * `hipaa-safe-harbor-r4@1 fhirPathRules[3].path`.
   */
  path: string;
  /** What is wrong and what would be right. Never holds a key. */
  message: string;
  /** Where in the text of the configuration, counted from 1; absent where the message says it. */
  line?: number;
  column?: number;
}

/** An issue as a line of text, without its severity. */
export function issueText({ path, message, line, column }: ConfigurationIssue): string {
  if (path === '') return message;
  const place = line === undefined ? '' : ` (line ${line}, column ${column})`;
  return `${path}${place}: ${message}`;
}

/** Where a rule is. */
export interface RulePlace {
  /** Among all rules, in the order in which they act. */
  readonly index: number;
  /** As messages name it: `fhirPathRules[3]`, `hipaa-safe-harbor-r4@1 fhirPathRules[3]`. */
  readonly place: string;
}

/** How messages name the rule of an index. */
export function placeOf(rules: readonly RulePlace[], index: number): string {
  return rules.find((rule) => rule.index === index)?.place ?? '';
}

/** Issues after which suggestions are no longer made: each is a search through all names. */
const MAX_SUGGESTIONS = 100;

/** Issues after which warnings, and after which errors are no longer taken: more would not be read. */
const MAX_WARNINGS = 1000;
const MAX_ISSUES = 2000;

/** Collects what is wrong with a configuration. */
export class IssueList {
  readonly list: ConfigurationIssue[];
  readonly #rule: RulePlace | undefined;
  /** Errors that were found through this object, taken or not. */
  errors = 0;

  constructor(list: ConfigurationIssue[] = [], rule?: RulePlace) {
    this.list = list;
    this.#rule = rule;
  }

  /** The same list, for the settings of one rule: paths are relative to it. */
  ofRule(rule: RulePlace): IssueList {
    return new IssueList(this.list, rule);
  }

  get hasErrors(): boolean {
    return this.list.some((issue) => issue.severity === 'error');
  }

  error(path: string, message: string): void {
    this.errors++;
    this.#add('error', path, message);
  }

  warn(path: string, message: string): void {
    this.#add('warning', path, message);
  }

  /** Whether there are so many issues that no more is looked for that is no error. */
  get isLong(): boolean {
    return this.list.length >= MAX_SUGGESTIONS;
  }

  /** Warns, unless the list is long: what costs time to say is said of the first issues only. */
  suggest(path: string, message: () => string): void {
    if (!this.isLong) this.#add('warning', path, message());
  }

  /** Whether no more is taken; there are errors among what was. */
  get isFull(): boolean {
    return this.list.length >= MAX_ISSUES;
  }

  #add(severity: ConfigurationIssue['severity'], path: string, message: string): void {
    if (this.list.length >= (severity === 'error' ? MAX_ISSUES : MAX_WARNINGS)) return;
    if (this.#rule === undefined) {
      this.list.push({ severity, path, message });
      return;
    }
    const { index: rule, place } = this.#rule;
    this.list.push({ severity, rule, path: path === '' ? place : `${place}.${path}`, message });
  }
}

/** The members of an object by their right names, whatever their case. A name in two cases is an error. */
export function caseInsensitive(
  json: JsonObject,
  names: readonly string[],
  at: string,
  issues: IssueList,
): JsonObject {
  const result: JsonObject = {};
  for (const [key, value] of Object.entries(json)) {
    const name = names.find((known) => known.toLowerCase() === key.toLowerCase());
    if (name === undefined) continue;
    if (result[name] !== undefined) issues.error(at + name, 'This setting is there twice, in different case');
    result[name] = value as JsonValue;
  }
  return result;
}

/** The candidate nearest to a word, if it is near enough to be what was meant: a third of its characters may differ. */
export function nearest(
  word: string,
  candidates: Iterable<string>,
  most = Math.max(1, Math.floor(word.length / 3)),
): string | undefined {
  let best: string | undefined;
  let least = most + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase(), least);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

/** What to say of the candidate nearest to a word; nothing where none is near. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const meant = nearest(word, candidates);
  return meant === undefined ? '' : `; did you mean '${meant}'?`;
}

/** Insertions, deletions, replacements and swaps of neighbours between two words; at least `limit` if so many. */
function editDistance(one: string, two: string, limit: number): number {
  if (Math.abs(one.length - two.length) >= limit) return limit;
  let before: number[] = [];
  let row = Array.from({ length: two.length + 1 }, (_, index) => index);
  for (let at = 1; at <= one.length; at++) {
    const next = [at];
    for (let other = 1; other <= two.length; other++) {
      const isSame = one[at - 1] === two[other - 1];
      const isSwap = one[at - 1] === two[other - 2] && one[at - 2] === two[other - 1];
      const distances = [
        (row[other - 1] ?? 0) + (isSame ? 0 : 1),
        (row[other] ?? 0) + 1,
        (next[other - 1] ?? 0) + 1,
      ];
      if (isSwap) distances.push((before[other - 2] ?? limit) + 1);
      next.push(Math.min(...distances));
    }
    before = row;
    row = next;
  }
  return row[two.length] ?? limit;
}
