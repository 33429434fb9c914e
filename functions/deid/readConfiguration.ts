import { IssueList, caseInsensitive, type ConfigurationIssue } from './reading/issues.js';
import type { FhirVersion } from '../fhir/fhirVersion.js';
import { inferDialect } from './configuration/dialect.js';
import { isYaml, parseDocument } from './reading/document.js';
import { DocumentError } from './reading/documentError.js';
import { Places } from './reading/places.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../json/json.js';
import { FhirModel } from './model/fhirModel.js';
import { coverageIn, coverageIssues, type Coverage } from './coverage/coverage.js';
import { reachOf, type Reach } from './coverage/reach.js';
import type { Configuration } from './configuration/configuration.js';
import { ExpressionBudget } from './expression/expressionBudget.js';
import { readParameters, type Parameters } from './configuration/parameters.js';
import { checkVersions } from './configuration/versions.js';
import { readRule, type Rule } from './configuration/rule.js';
import { keyOf } from './configuration/keys.js';
import type { Method } from './methods/method.js';
import { METHODS } from './methods/methods.js';

/** Largest configuration file, in UTF-16 units of its text; the reference's limit is 1 MiB. */
const MAX_LENGTH = 1024 * 1024;

/** Most rules of a configuration; the longest that are published have some 300. */
const MAX_RULES = 2000;

/** Most rules that are named for one reason. */
const MAX_NAMED = 20;

const TOP_LEVEL = ['fhirVersion', 'processingErrors', 'processingError', 'fhirPathRules', 'parameters'];

/** What is asked of `readConfiguration`. */
export interface ReadOptions {
  fhirVersion: FhirVersion;
  /**
   * Whether identities that the rules may leave, and rules that can never act, are among the issues. Without it they
   * are looked for only if `requireCoverage` is set, which makes the former errors.
   */
  coverage?: 'warning' | 'error';
  /** Whether these name every element, instead of some of each kind. */
  isVerbose?: boolean;
  /** The methods that there are; all that are listed without. */
  methods?: readonly Method[];
}

/** A configuration that was read. */
export interface ReadConfiguration {
  /** There only if no issue is an error. */
  configuration?: Configuration;
  /** There if it was looked for, and was not kept from it by errors. */
  coverage?: Coverage;
  issues: ConfigurationIssue[];
}

/**
 * Reads a configuration in the language of Microsoft's FHIR anonymizer, as JSON or YAML, and reports all that is wrong
 * with it, before any data is read.
 */
export function readConfiguration(text: string, options: ReadOptions): ReadConfiguration {
  const read = readRulesAndReach(text, options);
  const { configuration, coverage } = read;
  const issues = located(read.issues, text);
  if (configuration === undefined || coverage === undefined) return { ...read, issues };
  const severity = severityOfCoverage(configuration.parameters, options) ?? 'warning';
  issues.push(...coverageIssues(coverage, severity, options.isVerbose));
  return issues.some((issue) => issue.severity === 'error') ? { coverage, issues } : { ...read, issues };
}

function severityOfCoverage(
  { requireCoverage }: Parameters,
  { coverage }: ReadOptions,
): ReadOptions['coverage'] {
  return requireCoverage ? 'error' : coverage;
}

/** The issues, with where in the text each is. */
function located(issues: readonly ConfigurationIssue[], text: string): ConfigurationIssue[] {
  const places = new Places();
  if (issues.some(({ path }) => path !== '')) parseDocument(text, places);
  return issues.map((issue) => ({ ...issue, ...places.find(issue.path, text) }));
}

function readRulesAndReach(text: string, options: ReadOptions): ReadConfiguration {
  const issues = new IssueList();
  const json = parse(text, issues);
  if (json === undefined) return { issues: issues.list };
  const top = caseInsensitive(json, TOP_LEVEL, '', issues);
  for (const key of Object.keys(json)) {
    if (/^(?:extends|includes?|imports?)$/i.test(key)) {
      // Ignored, all rules that it is meant to bring would be missing.
      issues.error(key, 'A configuration has all of its rules itself: copy those of the other one into it');
    } else if (!TOP_LEVEL.some((known) => known.toLowerCase() === key.toLowerCase())) {
      issues.warn(
        key,
        `Unknown setting, ignored; known are ${TOP_LEVEL.filter((name) => name !== 'processingError').join(', ')}`,
      );
    }
  }
  checkVersions(top['fhirVersion'], options.fhirVersion, issues);
  const processingErrors = readProcessingErrors(top, issues);
  const model = FhirModel.of(options.fhirVersion);
  const { methods = METHODS } = options;
  const rules = readRules(top['fhirPathRules'], methods, model, issues);
  const given = readParameters(top['parameters'], methods, issues);
  const parameters = {
    ...given,
    dialect: given.dialect ?? inferDialect(json, isYaml(text), rules, given, issues),
  };
  const used = new Set(rules.map(({ method }) => method));
  for (const method of used) method.checkParameters?.(parameters, issues);
  const configuration = { fhirVersion: options.fhirVersion, processingErrors, rules, parameters };
  if (issues.hasErrors) return { issues: issues.list };
  if (severityOfCoverage(parameters, options) === undefined) return { configuration, issues: issues.list };
  const reach = reachOf(configuration);
  warnOfIdleRules(rules, reach, issues);
  warnOfReaders(reach, issues);
  warnOfKnownKeys(used, parameters, issues);
  if (reach.isCutShort)
    issues.warn(
      'fhirPathRules',
      'The rules are too many and too intertwined: their coverage cannot be judged',
    );
  return { configuration, coverage: coverageIn(reach), issues: issues.list };
}

/** The parameters of a configuration that was read before without an error. */
export function rereadParameters(text: string): Parameters {
  const issues = new IssueList();
  const json = parse(text, issues) ?? {};
  return readParameters(caseInsensitive(json, TOP_LEVEL, '', issues)['parameters'], METHODS, issues);
}

/** Warns of rules that can never act. Not of those whose path selects nothing: of these was warned before. */
function warnOfIdleRules(rules: readonly Rule[], { idle }: Reach, issues: IssueList): void {
  const warned = new Set(issues.list.map(({ rule }) => rule));
  const paths = new Map(rules.map(({ index, path }) => [index, path]));
  const found = idle.filter(({ rule }) => !warned.has(rule));
  warnOfPaths(found, 'never act, for the same reason', issues, ({ by }) => {
    const reason = 'decides all that it selects: the first rule that reaches an element decides it';
    return `Never acts: fhirPathRules[${by}] ('${paths.get(by)}') ${reason}`;
  });
}

/** Warns of rules that do one thing or another by what an identity is. */
function warnOfReaders({ readers }: Reach, issues: IssueList): void {
  warnOfPaths(readers, 'depend on identities', issues, ({ reads }) => {
    const looked = reads.slice(0, 3).map(({ definition }) => definition);
    return `What this rule does depends on ${looked.join(', ')}: its author reads off the output what they are. Coverage is not complete with it`;
  });
}

/** Warns of the paths of some rules, of the first ones one by one. */
function warnOfPaths<T extends { readonly rule: number }>(
  found: readonly T[],
  what: string,
  issues: IssueList,
  message: (one: T) => string,
): void {
  for (const one of found.slice(0, MAX_NAMED)) issues.ofRule(one.rule).warn('path', message(one));
  if (found.length > MAX_NAMED)
    issues.warn('fhirPathRules', `${found.length - MAX_NAMED} more rules ${what}`);
}

/** Warns of keys that anyone who reads the configuration knows. */
function warnOfKnownKeys(methods: ReadonlySet<Method>, parameters: Parameters, issues: IssueList): void {
  for (const { name, key } of methods) {
    if (key === undefined || keyOf(key, parameters).kind !== 'text') continue;
    issues.warn(
      `parameters.${key.name}`,
      `The key is written in the configuration: anyone who reads it can undo ${name}, which does not count for coverage. Leave it empty, for a key of each job, or name a secret`,
    );
  }
}

function parse(text: string, issues: IssueList): JsonObject | undefined {
  if (text.length > MAX_LENGTH) {
    issues.error('', 'The configuration is larger than 1 MiB');
    return undefined;
  }
  try {
    const json = parseDocument(text);
    if (isJsonObject(json)) return json;
    issues.error('', 'The configuration must be a JSON object with fhirPathRules, or the same in YAML');
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    issues.error('', error.message);
  }
  return undefined;
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

function readRules(
  value: JsonValue | undefined,
  methods: readonly Method[],
  model: FhirModel,
  issues: IssueList,
): Rule[] {
  if (!Array.isArray(value)) {
    issues.error(
      'fhirPathRules',
      'An array of rules is required: [{"path": "Patient.name", "method": "redact"}, …]',
    );
    return [];
  }
  if (value.length > MAX_RULES) {
    issues.error(
      'fhirPathRules',
      `A configuration may have ${MAX_RULES} rules, and this one has ${value.length}: join paths of one method with |`,
    );
    return [];
  }
  const rules: Rule[] = [];
  const budget = new ExpressionBudget();
  for (const [index, json] of value.entries()) {
    const rule = readRule(json, index, methods, model, budget, issues.ofRule(index));
    if (rule !== undefined) rules.push(rule);
    if (budget.isSpent || issues.isFull) break;
  }
  if (issues.isLong)
    issues.warn(
      'fhirPathRules',
      'There may be more paths that never match: they are not looked for any further',
    );
  return rules;
}
