import { IssueList, placeOf, type ConfigurationIssue } from './reading/issues.js';
import type { FhirVersion } from '../fhir/fhirVersion.js';
import { inferDialect } from './configuration/dialect.js';
import { extended, pinned, type Extended, type RuleList, TOP_LEVEL } from './configuration/extended.js';
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
import { checkQuasiIdentifiers } from './configuration/quasiIdentifiers.js';
import { checkVersions, versionsOf } from './configuration/versions.js';
import { namedRule, readRule, type Rule } from './configuration/rule.js';
import { keyOf } from './configuration/keys.js';
import type { Method } from './methods/method.js';
import { METHODS } from './methods/methods.js';

/** Largest configuration file, in UTF-16 units of its text; the reference's limit is 1 MiB. */
const MAX_LENGTH = 1024 * 1024;

/** Most rules of a configuration; the longest that are published have some 300. */
const MAX_RULES = 2000;

/** Most rules that are named for one reason. */
const MAX_NAMED = 20;

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
  /** Whether the text is one that `pinnedText` made. */
  isPinned?: boolean;
}

/** A configuration that was read. */
export interface ReadConfiguration {
  /** There only if no issue is an error. */
  configuration?: Configuration;
  /** There if it was looked for, and was not kept from it by errors. */
  coverage?: Coverage;
  /** Name and version of the sample that it extends. */
  sample?: string;
  issues: ConfigurationIssue[];
}

/**
 * Reads a configuration in the language of Microsoft's FHIR anonymizer, as JSON or YAML, and reports all that is wrong
 * with it, before any data is read.
 */
export function readConfiguration(text: string, options: ReadOptions): ReadConfiguration {
  const read = readRulesAndReach(text, options);
  const { configuration, ...found } = read;
  const issues = located(read.issues, text);
  if (configuration === undefined || found.coverage === undefined) return { ...read, issues };
  const severity = severityOfCoverage(configuration.parameters, options) ?? 'warning';
  issues.push(...coverageIssues(found.coverage, configuration.rules, severity, options.isVerbose));
  return { ...(issues.some((issue) => issue.severity === 'error') ? found : read), issues };
}

/**
 * The text that stands for a configuration from its kick-off on: the text itself; of one that extends a sample, a text
 * that has the sample in it. Its digest is that of the configuration. Only `readConfiguration` with `isPinned` reads it.
 */
export function pinnedText(text: string): string {
  const json = parse(text, new IssueList());
  return (json && pinned(json)) ?? text;
}

/** The FHIR versions that a configuration, or the sample that it extends, is for; none where neither says so. */
export function versionsOfText(text: string): readonly FhirVersion[] {
  return versionsOf(topOf(text)['fhirVersion']) ?? [];
}

/** The members of a configuration, without what is wrong with it. */
function topOf(text: string): JsonObject {
  const issues = new IssueList();
  return extended(parse(text, issues) ?? {}, {}, issues).top;
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
  warnOfUnknown(json, issues);
  const whole = extended(json, options, issues);
  const { top, sample } = whole;
  if (sample !== undefined && options.isPinned !== true && (pinned(json) ?? '').length > MAX_LENGTH)
    issues.error('extends', `Together with ${sample} the configuration is larger than 1 MiB`);
  checkVersions(top['fhirVersion'], options.fhirVersion, issues);
  const processingErrors = readProcessingErrors(top, issues);
  const model = FhirModel.of(options.fhirVersion);
  const { methods = METHODS } = options;
  const rules = readRules(whole, methods, model, issues);
  const given = readParameters(top['parameters'], methods, issues);
  const parameters = {
    ...given,
    dialect: given.dialect ?? inferDialect(json, isYaml(text) && sample === undefined, rules, given, issues),
  };
  const used = new Set(rules.map(({ method }) => method));
  for (const method of used) method.checkParameters?.(parameters, issues);
  checkQuasiIdentifiers(parameters.quasiIdentifiers, model, issues);
  const configuration = { fhirVersion: options.fhirVersion, processingErrors, rules, parameters };
  const read = { ...(sample !== undefined && { sample }), issues: issues.list };
  if (issues.hasErrors) return read;
  if (severityOfCoverage(parameters, options) === undefined) return { ...read, configuration };
  const reach = reachOf(configuration);
  warnOfIdleRules(rules, reach, issues);
  warnOfReaders(rules, reach, issues);
  warnOfKnownKeys(used, parameters, issues);
  if (reach.isCutShort)
    issues.warn(
      'fhirPathRules',
      'The rules are too many and too intertwined: their coverage cannot be judged',
    );
  return { ...read, configuration, coverage: coverageIn(reach) };
}

/** The parameters of a configuration that was read before without an error. */
export function rereadParameters(text: string): Parameters {
  return readParameters(topOf(text)['parameters'], METHODS, new IssueList());
}

/** Reports members that are not read. */
function warnOfUnknown(json: JsonObject, issues: IssueList): void {
  for (const key of Object.keys(json)) {
    if (TOP_LEVEL.some((known) => known.toLowerCase() === key.toLowerCase())) continue;
    // Ignored, all rules that it is meant to bring would be missing.
    if (/^(?:includes?|imports?)$/i.test(key))
      issues.error(key, 'A configuration has all of its rules itself, or extends one sample: see extends');
    else
      issues.warn(
        key,
        `Unknown setting, ignored; known are ${TOP_LEVEL.filter((name) => name !== 'processingError').join(', ')}`,
      );
  }
}

/** Warns of rules that can never act. Not of those whose path selects nothing: of these was warned before. */
function warnOfIdleRules(rules: readonly Rule[], { idle }: Reach, issues: IssueList): void {
  const warned = new Set(issues.list.map(({ rule }) => rule));
  const found = idle.filter(({ rule }) => !warned.has(rule));
  warnOfPaths(found, rules, 'never act, for the same reason', issues, ({ by }) => {
    const reason = 'decides all that it selects: the first rule that reaches an element decides it';
    return `Never acts: ${namedRule(rules, by)} ${reason}`;
  });
}

/** Warns of rules that do one thing or another by what an identity is. */
function warnOfReaders(rules: readonly Rule[], { readers }: Reach, issues: IssueList): void {
  warnOfPaths(readers, rules, 'depend on identities', issues, ({ reads }) => {
    const looked = reads.slice(0, 3).map(({ definition }) => definition);
    return `What this rule does depends on ${looked.join(', ')}: its author reads off the output what they are. Coverage is not complete with it`;
  });
}

/** Warns of the paths of some rules, of the first ones one by one. */
function warnOfPaths<T extends { readonly rule: number }>(
  found: readonly T[],
  rules: readonly Rule[],
  what: string,
  issues: IssueList,
  message: (one: T) => string,
): void {
  for (const one of found.slice(0, MAX_NAMED)) {
    const { rule: index } = one;
    issues.ofRule({ index, place: placeOf(rules, index) }).warn('path', message(one));
  }
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
  { rules: lists, sample }: Extended,
  methods: readonly Method[],
  model: FhirModel,
  issues: IssueList,
): Rule[] {
  const written = lists.flatMap((list) => writtenRules(list, issues));
  if (written.length > MAX_RULES) {
    const together = sample === undefined ? '' : ` together with ${sample}`;
    issues.error(
      'fhirPathRules',
      `A configuration may have ${MAX_RULES} rules, and this one has ${written.length}${together}: join paths of one method with |`,
    );
    return [];
  }
  const rules: Rule[] = [];
  const budget = new ExpressionBudget();
  for (const [index, { place, json }] of written.entries()) {
    const rule = readRule(json, { index, place }, methods, model, budget, issues.ofRule({ index, place }));
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

/** The rules of a list, each with its place. */
function writtenRules({ at, value }: RuleList, issues: IssueList): { place: string; json: JsonValue }[] {
  if (Array.isArray(value)) return value.map((json, index) => ({ place: `${at}[${index}]`, json }));
  issues.error(at, 'An array of rules is required: [{"path": "Patient.name", "method": "redact"}, …]');
  return [];
}
