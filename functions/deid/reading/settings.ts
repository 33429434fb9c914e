import type { ExpressionBudget } from '../expression/expressionBudget.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../json/json.js';
import type { IssueList } from './issues.js';

/** Reads one setting of a rule, or one parameter of a configuration. What is wrong becomes an issue, and a default the value. */
export type Setting<T> = (value: JsonValue | undefined, site: SettingSite) => T;

/** Settings by name: what can be declared, for rules and for parameters. */
export type Settings = Readonly<Record<string, Setting<unknown>>>;

/** The values that settings read. */
export type ValuesOf<S extends Settings> = { readonly [Name in keyof S]: ReturnType<S[Name]> };

/** Where a setting is read. */
export class SettingSite {
  readonly issues: IssueList;
  /** What the expressions of the configuration may still have. */
  readonly budget: ExpressionBudget;
  readonly #json: JsonObject;
  readonly #path: string;

  constructor(json: JsonObject, path: string, issues: IssueList, budget: ExpressionBudget) {
    this.#json = json;
    this.#path = path;
    this.issues = issues;
    this.budget = budget;
  }

  /** Another setting beside this one, as it was written. */
  beside(name: string): JsonValue | undefined {
    return this.#json[name];
  }

  /** @param below the part of the setting that is wrong: `[3]`, `["$this > 1"]` */
  error(message: string, below = ''): void {
    this.issues.error(this.#path + below, message);
  }

  warn(message: string, below = ''): void {
    this.issues.warn(this.#path + below, message);
  }
}

/** Reads all settings of a table, in its order. @param at what comes before their names in paths: `parameters.` */
export function readSettings<S extends Settings>(
  settings: S,
  json: JsonObject,
  at: string,
  issues: IssueList,
  budget: ExpressionBudget,
): ValuesOf<S> {
  const values = Object.entries(settings).map(([name, read]) => [
    name,
    read(json[name], new SettingSite(json, `${at}${name}`, issues, budget)),
  ]);
  return Object.fromEntries(values) as ValuesOf<S>;
}

/** `true` or `false`; false without. */
export const flag: Setting<boolean> = (value, site) => {
  if (value === undefined || value === null) return false;
  if (typeof value === 'boolean') return value;
  if (value === 1 || value === 0) return value === 1;
  const text = typeof value === 'string' ? value.trim().toLowerCase() : '';
  if (text !== 'true' && text !== 'false') site.error('Must be true or false');
  return text === 'true';
};

/** The same; true without. */
export const unlessOff: Setting<boolean> = (value, site) =>
  value === undefined || value === null || flag(value, site);

/** One of some names, in any case. @param absent what holds without one */
export function choice<T extends string>(absent: T, ...others: T[]): Setting<T> {
  const choices = [absent, ...others];
  return (value, site) => {
    if (value === undefined || value === null) return absent;
    const known = choices.find(
      (name) => typeof value === 'string' && value.toLowerCase() === name.toLowerCase(),
    );
    if (known === undefined) site.error(`Must be one of ${choices.join(', ')}`);
    return known ?? absent;
  };
}

/**
 * A key: the job's own (derived from its secret), given in the configuration, or named there and kept elsewhere. With a
 * `context` it is a master key, from which the key is derived.
 */
export type Key =
  | { readonly kind: 'job' }
  | { readonly kind: 'text'; readonly text: string; readonly context?: string }
  | { readonly kind: 'secret'; readonly secretName: string; readonly context?: string };

export const key: Setting<Key> = (value, site) => {
  if (value === undefined || value === null || value === '') return { kind: 'job' };
  if (typeof value === 'string') return { kind: 'text', text: value };
  if (isJsonObject(value)) {
    const secretName = value['secretName'];
    if (typeof secretName === 'string' && secretName !== '' && Object.keys(value).length === 1)
      return { kind: 'secret', secretName };
  }
  site.error('Must be a text, empty for a key of the job, or {"secretName": "…"}');
  return { kind: 'job' };
};
