import type { ConfigurationIssue, FhirVersion } from './engine.js';
import { ConfigurationJsonError, parseConfigurationJson } from './configurationJson.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../json/json.js';
import { FhirModel } from './model/fhirModel.js';
import { uncovered } from './coverage/coverage.js';
import type { Configuration } from './configuration.js';
import { readParameters, type Parameters } from './parameters.js';
import { readRule, type Rule } from './rule.js';
import { IssueList, caseInsensitive } from './issues.js';

/** Largest configuration file, in UTF-16 units of its text; the reference's limit is 1 MiB. */
const MAX_LENGTH = 1024 * 1024;

const TOP_LEVEL = ['fhirVersion', 'processingErrors', 'processingError', 'fhirPathRules', 'parameters'];

/** What is asked of `readConfiguration`. */
export interface ReadOptions {
  fhirVersion: FhirVersion;
  /** Whether to tell of identifying elements that no rule reaches; an error all the same with `requireCoverage`. */
  coverage?: 'warning' | 'error';
}

/**
 * Reads a configuration in the language of Microsoft's FHIR anonymizer and tells all that is wrong with it, before
 * any data is read. `configuration` is there only if no issue is an error.
 */
export function readConfiguration(
  text: string,
  options: ReadOptions,
): { configuration?: Configuration; issues: ConfigurationIssue[] } {
  const issues = new IssueList();
  const json = parse(text, issues);
  if (json === undefined) return { issues: issues.list };
  const top = caseInsensitive(json, TOP_LEVEL, '', issues);
  for (const key of Object.keys(json)) {
    if (!TOP_LEVEL.some((known) => known.toLowerCase() === key.toLowerCase())) {
      issues.warn(
        key,
        `Unknown setting, ignored; known are ${TOP_LEVEL.filter((name) => name !== 'processingError').join(', ')}`,
      );
    }
  }
  checkVersion(top['fhirVersion'], options.fhirVersion, issues);
  const processingErrors = readProcessingErrors(top, issues);
  const model = FhirModel.of(options.fhirVersion);
  const rules = readRules(top['fhirPathRules'], model, issues);
  const parameters = readParameters(top['parameters'], issues);
  warnOfWeakShift(rules, parameters, issues);
  const configuration = { fhirVersion: options.fhirVersion, processingErrors, rules, parameters };
  const coverage = parameters.requireCoverage ? 'error' : options.coverage;
  if (coverage !== undefined) issues.list.push(...uncovered(configuration, coverage));
  return issues.hasErrors ? { issues: issues.list } : { configuration, issues: issues.list };
}

/** The reference's shift is kept for its configurations' sake; whoever relies on it should know what it is worth. */
function warnOfWeakShift(rules: readonly Rule[], parameters: Parameters, issues: IssueList): void {
  if (!rules.some(({ method }) => method.name === 'dateShift')) return;
  if (parameters.dateShiftFixedOffsetInDays !== null) {
    issues.warn(
      'parameters.dateShiftFixedOffsetInDays',
      'All dates move by the same days: one known date undoes all',
    );
  } else if (parameters.dateShiftScope !== 'patient') {
    issues.warn(
      'parameters.dateShiftScope',
      `The shift of scope '${parameters.dateShiftScope}' is one of 101 values, linear in a short hash of the key: one or ` +
        "two known dates undo it. The scope 'patient' has no such weakness",
    );
  }
}

function parse(text: string, issues: IssueList): JsonObject | undefined {
  if (text.length > MAX_LENGTH) {
    issues.error('', 'The configuration is larger than 1 MiB');
    return undefined;
  }
  try {
    const json = parseConfigurationJson(text);
    if (isJsonObject(json)) return json;
    issues.error('', 'The configuration must be a JSON object with fhirPathRules');
  } catch (error) {
    if (!(error instanceof ConfigurationJsonError)) throw error;
    issues.error('', error.message);
  }
  return undefined;
}

function checkVersion(value: JsonValue | undefined, expected: FhirVersion, issues: IssueList): void {
  if (value === undefined || value === null || value === '') return;
  if (typeof value === 'string' && value.toUpperCase() === expected) return;
  const known = typeof value === 'string' && ['STU3', 'R4', 'R4B', 'R5'].includes(value.toUpperCase());
  issues.error(
    'fhirVersion',
    known
      ? `The configuration is for another FHIR version: the data is ${expected}. Leave fhirVersion out to use the data's`
      : `Not a FHIR version: use ${expected}, or leave it out to use the data's`,
  );
}

function readProcessingErrors(top: JsonObject, issues: IssueList): 'raise' | 'skip' {
  let value = top['processingErrors'];
  let path = 'processingErrors';
  if (top['processingError'] !== undefined) {
    issues.warn('processingError', "Read as 'processingErrors', which is its right name");
    if (value === undefined) {
      value = top['processingError'];
      path = 'processingError';
    }
  }
  if (value === undefined || value === null) return 'raise';
  switch (typeof value === 'string' ? value.toLowerCase() : '') {
    case '':
    case 'raise':
      if (typeof value === 'string') return 'raise';
      break;
    case 'skip':
      return 'skip';
    case 'keep':
      issues.warn(
        path,
        "Treated as 'skip': a resource that could not be de-identified is never exported as it came",
      );
      return 'skip';
  }
  issues.error(path, "Must be 'raise' or 'skip'");
  return 'raise';
}

function readRules(value: JsonValue | undefined, model: FhirModel, issues: IssueList): Rule[] {
  if (!Array.isArray(value)) {
    issues.error(
      'fhirPathRules',
      'An array of rules is required: [{"path": "Patient.name", "method": "redact"}, …]',
    );
    return [];
  }
  const rules: Rule[] = [];
  value.forEach((json, index) => {
    const rule = readRule(json, index, model, issues.ofRule(index));
    if (rule !== undefined) rules.push(rule);
  });
  return rules;
}
