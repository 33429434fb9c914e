import { compileExpression } from '../expression/evaluate.js';
import type { ExpressionBudget } from '../expression/expressionBudget.js';
import { PatternError } from '../expression/matching.js';
import { parseFhirPath } from '../expression/parser.js';
import { FhirPathSyntaxError, type Expression } from '../expression/syntax.js';
import { FhirPathError } from '../expression/values.js';
import type { IssueList } from './issues.js';
import { nearest } from './issues.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../json/json.js';
import { numberText, JsonNumber } from '../../json/jsonNumber.js';
import type { FhirModel } from '../model/fhirModel.js';
import { checkMethod } from './methodChecks.js';
import { checkPath } from './pathChecks.js';
import type { Case, Method } from './ruleMethod.js';
import type { RulePath } from './rulePath.js';
import { Decimal } from '../expression/values.js';

/** One rule of a configuration, checked. */
export interface Rule extends RulePath {
  /** Place in `fhirPathRules`. */
  readonly index: number;
  readonly method: Method;
}

const METHODS = [
  'redact',
  'dateShift',
  'cryptoHash',
  'substitute',
  'encrypt',
  'perturb',
  'keep',
  'generalize',
] as const;
const SETTINGS: Readonly<Record<(typeof METHODS)[number], readonly string[]>> = {
  redact: ['above'],
  dateShift: [],
  cryptoHash: [],
  encrypt: [],
  keep: [],
  substitute: ['replaceWith'],
  perturb: ['span', 'rangeType', 'roundTo'],
  generalize: ['cases', 'otherValues'],
};

const LEADING_TYPE = /^([A-Z][A-Za-z]*)(?![A-Za-z0-9_(])(?:\.|$|(?=[^.]))/;

/** Reads a rule; undefined if something is wrong with it, which is then among the issues. */
export function readRule(
  json: JsonValue,
  index: number,
  model: FhirModel,
  budget: ExpressionBudget,
  issues: IssueList,
): Rule | undefined {
  if (!isJsonObject(json)) {
    issues.error('', 'A rule must be an object with path and method');
    return undefined;
  }
  const path = readPath(json['path'], budget, issues);
  const types = path === undefined ? null : checkPath(path, model, issues);
  const method = readMethod(json, budget, issues);
  if (method !== undefined) checkMethod(method, types, issues);
  return path === undefined || method === undefined ? undefined : { index, ...path, method };
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
  try {
    compileExpression(parseFhirPath(path, budget));
    const resourceType = LEADING_TYPE.exec(path)?.[1] ?? null;
    const rest = resourceType === null ? path : path.slice(resourceType.length).replace(/^\s*\.?/, '');
    const expression = rest.trim() === '' ? null : parseFhirPath(rest);
    return { path, resourceType, expression };
  } catch (error) {
    issues.error('path', expressionProblem(error, 'Not a FHIRPath expression'));
    return undefined;
  }
}

function readMethod(json: JsonObject, budget: ExpressionBudget, issues: IssueList): Method | undefined {
  const value = json['method'];
  if (typeof value !== 'string' || value === '') {
    issues.error('method', `A method is required: one of ${METHODS.join(', ')}`);
    return undefined;
  }
  const name = METHODS.find((method) => method.toLowerCase() === value.toLowerCase());
  if (name === undefined) {
    const suggestion = nearest(value, METHODS);
    const meant =
      suggestion === undefined ? `use one of ${METHODS.join(', ')}` : `did you mean '${suggestion}'?`;
    issues.error('method', `Unknown method '${value}': ${meant}`);
    return undefined;
  }
  for (const key of Object.keys(json)) {
    if (key !== 'path' && key !== 'method' && !SETTINGS[name].includes(key)) {
      issues.warn(
        key,
        `Ignored: ${name} has no such setting${issues.isLong ? '' : wrongCase(key, SETTINGS[name])}`,
      );
    }
  }
  switch (name) {
    case 'substitute':
      return readSubstitute(json, issues);
    case 'perturb':
      return readPerturb(json, issues);
    case 'generalize':
      return readGeneralize(json, budget, issues);
    case 'redact':
      return readRedact(json, issues);
    case 'dateShift':
    case 'cryptoHash':
    case 'encrypt':
    case 'keep':
      return { name };
  }
}

function wrongCase(key: string, settings: readonly string[]): string {
  const right = nearest(key, settings);
  return right === undefined ? '' : `; did you mean '${right}'?`;
}

function readRedact(json: JsonObject, issues: IssueList): Method | undefined {
  const above = json['above'];
  if (above === undefined) return { name: 'redact' };
  if (typeof above === 'number' && Number.isFinite(above)) return { name: 'redact', above };
  issues.error('above', 'Must be a number: those up to it stay');
  return undefined;
}

function readSubstitute(json: JsonObject, issues: IssueList): Method | undefined {
  const replaceWith = json['replaceWith'];
  if (replaceWith === undefined) {
    issues.error(
      'replaceWith',
      'substitute needs replaceWith: a value, an object for complex elements, or null',
    );
    return undefined;
  }
  if (Array.isArray(replaceWith)) {
    issues.error('replaceWith', 'Must be a value or an object, not an array');
    return undefined;
  }
  return { name: 'substitute', replaceWith };
}

/** A number in JSON, or a string that holds one, as the reference reads settings. */
function decimalSetting(value: JsonValue | undefined): Decimal | undefined {
  if (typeof value !== 'number' && typeof value !== 'string' && !(value instanceof JsonNumber))
    return undefined;
  try {
    return Decimal.parse(typeof value === 'string' ? value.trim() : numberText(value));
  } catch {
    return undefined;
  }
}

function readPerturb(json: JsonObject, issues: IssueList): Method | undefined {
  const spanValue = json['span'];
  const span = spanValue === null ? new Decimal(0n, 0) : decimalSetting(spanValue);
  if (spanValue === null) issues.warn('span', 'null is read as 0: values are only rounded');
  if (span === undefined || span.coefficient < 0n) {
    issues.error('span', 'perturb needs a span: a number of at least 0, the width of the noise');
  }
  const rangeValue = json['rangeType'] ?? 'fixed';
  const rangeType = (['fixed', 'proportional'] as const).find(
    (type) => typeof rangeValue === 'string' && rangeValue.toLowerCase() === type,
  );
  if (rangeType === undefined) issues.error('rangeType', "Must be 'fixed' or 'proportional'");
  const roundTo = decimalSetting(json['roundTo'] ?? 2);
  const places = roundTo === undefined || roundTo.scale > 0 ? -1 : Number(roundTo.coefficient);
  if (places < 0 || places > 28) issues.error('roundTo', 'Must be a whole number from 0 to 28');
  if (span === undefined || span.coefficient < 0n || rangeType === undefined || places < 0 || places > 28)
    return undefined;
  return { name: 'perturb', span, rangeType, roundTo: places };
}

function readGeneralize(json: JsonObject, budget: ExpressionBudget, issues: IssueList): Method | undefined {
  const otherValue = json['otherValues'] ?? 'redact';
  const otherValues = (['redact', 'keep'] as const).find(
    (choice) => typeof otherValue === 'string' && otherValue.toLowerCase() === choice,
  );
  if (otherValues === undefined) issues.error('otherValues', "Must be 'redact' or 'keep'");
  const table = json['cases'];
  if (!isJsonObject(table)) {
    issues.error('cases', 'generalize needs cases: an object of FHIRPath conditions and results');
    return undefined;
  }
  const cases: Case[] = [];
  let allValid = true;
  for (const [key, value] of Object.entries(table)) {
    if (budget.isSpent || issues.isFull) return undefined;
    const text = typeof value === 'number' || value instanceof JsonNumber ? numberText(value) : value;
    const condition = readCase(key, `cases["${key}"]`, 'condition', budget, issues);
    const result = readCase(text, `cases["${key}"]`, 'result', budget, issues);
    if (condition === undefined || result === undefined) allValid = false;
    else cases.push({ condition, result });
  }
  return allValid && otherValues !== undefined ? { name: 'generalize', cases, otherValues } : undefined;
}

function readCase(
  text: JsonValue | undefined,
  path: string,
  part: string,
  budget: ExpressionBudget,
  issues: IssueList,
): Expression | undefined {
  const source = typeof text === 'boolean' ? String(text) : text;
  if (typeof source !== 'string' || source.trim() === '') {
    issues.error(path, `The ${part} must be a FHIRPath expression in a string`);
    return undefined;
  }
  try {
    const expression = parseFhirPath(source, budget);
    compileExpression(expression);
    return expression;
  } catch (error) {
    issues.error(path, expressionProblem(error, `The ${part} is not a FHIRPath expression`));
    return undefined;
  }
}

/** What is wrong with an expression that could not be compiled. */
function expressionProblem(error: unknown, otherwise: string): string {
  if (error instanceof PatternError) return error.message;
  if (error instanceof FhirPathSyntaxError || error instanceof FhirPathError)
    return `${otherwise}: ${error.message}`;
  throw error;
}
