import type { ExpressionBudget } from '../expression/expressionBudget.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../json/json.js';
import type { Method } from '../methods/method.js';
import type { FhirModel } from '../model/fhirModel.js';
import type { FhirType } from '../model/types.js';
import { checkedExpression, readExpression } from '../reading/expressions.js';
import { didYouMean, nearest, placeOf, type IssueList, type RulePlace } from '../reading/issues.js';
import { readSettings, type Settings, type ValuesOf } from '../reading/settings.js';
import { checkPath, type Types } from './pathChecks.js';
import { type RulePath, splitPath } from './rulePath.js';

/** One rule of a configuration, checked. */
export interface Rule extends RulePath, RulePlace {
  readonly method: Method;
  /** The values of the method's settings. */
  readonly settings: ValuesOf<Settings>;
}

/** A rule as a message names it, with its path: `fhirPathRules[3] ('Patient.name')`. */
export function namedRule(rules: readonly Rule[], index: number): string {
  return `${placeOf(rules, index)} ('${rules.find((rule) => rule.index === index)?.path}')`;
}

/** Types named in one message. */
const MAX_NAMED = 6;

/**
 * Reads a rule; undefined if something is wrong with it, which is then among the issues.
 * @param methods those that there are
 */
export function readRule(
  json: JsonValue,
  place: RulePlace,
  methods: readonly Method[],
  model: FhirModel,
  budget: ExpressionBudget,
  issues: IssueList,
): Rule | undefined {
  if (!isJsonObject(json)) {
    issues.error('', 'A rule must be an object with path and method');
    return undefined;
  }
  checkNames(json, issues);
  const path = readPath(json['path'], budget, issues);
  const types = path === undefined ? null : checkPath(path, model, issues);
  const method = readMethod(json, methods, issues);
  if (method === undefined) return undefined;
  const { errors } = issues;
  const settings = readSettings(method.settings, json, '', issues, budget);
  if (issues.errors > errors) return undefined;
  const element = path?.expression?.kind === 'member' ? path.expression.name : undefined;
  checkUse(method, settings, { types, element }, issues);
  return path === undefined ? undefined : { ...place, ...path, method, settings };
}

/** Reports a name that is meant to be `path` or `method`, where that one is missing. */
function checkNames(json: JsonObject, issues: IssueList): void {
  const missing = ['path', 'method'].filter((name) => json[name] === undefined);
  for (const key of Object.keys(json)) {
    const meant = key === 'path' || key === 'method' ? undefined : nearest(key, missing);
    if (meant !== undefined) issues.error(key, `Unknown setting; did you mean '${meant}'?`);
  }
}

function readPath(
  value: JsonValue | undefined,
  budget: ExpressionBudget,
  issues: IssueList,
): RulePath | undefined {
  if (typeof value !== 'string' || value.trim() === '') {
    issues.error('path', 'A path is required, for example "Patient.name"');
    return undefined;
  }
  const path = value.trim();
  return readExpression(
    () => {
      checkedExpression(path, budget);
      return splitPath(path);
    },
    'Not a FHIRPath expression',
    (problem) => issues.error('path', problem),
  );
}

function readMethod(json: JsonObject, methods: readonly Method[], issues: IssueList): Method | undefined {
  const value = json['method'];
  const names = methods.map(({ name }) => name);
  if (typeof value !== 'string' || value === '') {
    issues.error('method', `A method is required: one of ${names.join(', ')}`);
    return undefined;
  }
  const method = methods.find(({ name }) => name.toLowerCase() === value.toLowerCase());
  if (method === undefined) {
    const suggestion = nearest(value, names);
    const meant =
      suggestion === undefined ? `use one of ${names.join(', ')}` : `did you mean '${suggestion}'?`;
    issues.error('method', `Unknown method '${value}': ${meant}`);
    return undefined;
  }
  const settings = Object.keys(method.settings);
  for (const key of Object.keys(json)) {
    if (key === 'path' || key === 'method' || settings.includes(key)) continue;
    const meant = issues.isLong ? '' : didYouMean(key, settings);
    issues.warn(key, `Ignored: ${method.name} has no such setting${meant}`);
  }
  return method;
}

/**
 * Adds what is wrong with a method that can do nothing to any element its path may select (a warning), or that fails
 * on all of them in the reference (an error).
 * @param types what the path may select; null where that cannot be known
 */
function checkUse(
  method: Method,
  settings: ValuesOf<Settings>,
  { types: selected, element }: { types: Types; element: string | undefined },
  issues: IssueList,
): void {
  if (selected === null || selected.size === 0) return;
  const types = [...selected];
  const named = namesOf(types);
  const { name, changes } = method;
  if (method.isForPrimitives === true && types.every(({ primitive }) => primitive === null))
    issues.error('method', `${name} is for primitive elements, and the path selects only ${named}`);
  if (changes !== undefined && !types.some((type) => holds(type, changes)))
    issues.warn('method', `Does nothing: ${name} ${changes.what}, and the path selects only ${named}`);
  const namedWhere = (isOne: (type: FhirType) => boolean): string => namesOf(types.filter(isOne));
  method.check?.(settings, { types, named, namedWhere, element }, issues);
}

function namesOf(types: readonly FhirType[]): string {
  const names = [...new Set(types.map(({ name, path }) => (path.includes('.') ? path : name)))];
  const more = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more types` : '';
  return names.slice(0, MAX_NAMED).join(', ') + more;
}

/** Whether a type is, or has below it, one that is changed; extensions and resources inside are not looked at. */
function holds(type: FhirType, changes: NonNullable<Method['changes']>, seen = new Set<FhirType>()): boolean {
  if (changes.isOn(type)) return true;
  if (type.primitive !== null || seen.has(type)) return false;
  seen.add(type);
  for (const element of type.elements.values()) {
    if (element.type === null || element.type.name === 'Extension') continue;
    if (holds(element.type, changes, seen)) return true;
  }
  return false;
}
