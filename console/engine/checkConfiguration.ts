import { rulesOf } from '../../functions/deid/compileEngine.js';
import type { Configuration } from '../../functions/deid/configuration/configuration.js';
import {
  keyParameters,
  keyUseOf,
  needsPseudonyms,
  randomKeys,
} from '../../functions/deid/configuration/keys.js';
import type { Rule } from '../../functions/deid/configuration/rule.js';
import { CATEGORIES, type Coverage, type CoverageCategory } from '../../functions/deid/coverage/coverage.js';
import { isYaml, parseDocument } from '../../functions/deid/reading/document.js';
import { lineAndColumn } from '../../functions/deid/reading/documentError.js';
import type { ConfigurationIssue } from '../../functions/deid/reading/issues.js';
import { Places } from '../../functions/deid/reading/places.js';
import { readConfiguration, type ReadConfiguration } from '../../functions/deid/readConfiguration.js';
import type { FhirVersion } from '../../functions/fhir/fhirVersion.js';
import type { CheckedConfiguration, ConfigurationProblem, CoverageSummary, RuleSummary } from './protocol.js';
import { offsetAt, spanAt } from './textPlaces.js';

/** How a message names the place of an error in the text itself. */
const IN_MESSAGE = / at line (\d+), column (\d+)$/;

/** What a configuration says, and what is wrong with it. */
export function checkConfiguration(text: string, fhirVersion: FhirVersion): CheckedConfiguration {
  const { configuration, coverage, sample, issues } = readConfiguration(text, {
    fhirVersion,
    coverage: 'warning',
  });
  const isEmpty = configuration === undefined;
  return {
    format: isYaml(text) ? 'yaml' : 'json',
    isValid: !isEmpty,
    problems: issues.filter((issue) => !isOfCoverage(issue)).map((issue) => problemOf(issue, text)),
    rules: isEmpty ? [] : summariesOf(rulesOf(configuration), text),
    ...(coverage !== undefined && { coverage: summaryOf(coverage) }),
    secrets: isEmpty ? [] : secretsOf(configuration),
    usesRandomKeys: !isEmpty && randomKeys(keyUseOf(configuration)).length > 0,
    needsPseudonyms: !isEmpty && needsPseudonyms(configuration),
    ...(sample !== undefined && { sample }),
  };
}

/** Whether an issue says what `coverage` has in parts. An error of `requireCoverage` stays: there is no coverage then. */
function isOfCoverage({ severity, path, message }: ReadConfiguration['issues'][number]): boolean {
  return severity === 'warning' && path === 'fhirPathRules' && message.startsWith('Coverage');
}

function problemOf(
  { severity, path, message, rule, line, column }: ConfigurationIssue,
  text: string,
): ConfigurationProblem {
  const place = placeOf(message, line, column);
  return {
    severity,
    path,
    message,
    ...(rule !== undefined && { rule }),
    ...(place !== undefined && { ...place, span: spanAt(text, offsetAt(text, place.line, place.column)) }),
  };
}

function placeOf(
  message: string,
  line: number | undefined,
  column: number | undefined,
): { line: number; column: number } | undefined {
  if (line !== undefined && column !== undefined) return { line, column };
  const [, ofMessage, columnOfMessage] = IN_MESSAGE.exec(message) ?? [];
  if (ofMessage === undefined) return undefined;
  return { line: Number(ofMessage), column: Number(columnOfMessage) };
}

function summariesOf(rules: readonly Rule[], text: string): RuleSummary[] {
  const places = new Places();
  parseDocument(text, places);
  return rules.map(({ index, place, path, method }) => {
    const summary = { index, place, path, method: method.name };
    const found = place.startsWith('fhirPathRules') ? places.find(place, text) : undefined;
    if (found === undefined) return summary;
    const from = offsetAt(text, found.line, found.column);
    return { ...summary, line: found.line, span: { from, to: endOfValue(text, from) } };
  });
}

/** Where the value ends that begins at a place: after its closing bracket; in YAML where the next item begins. */
function endOfValue(text: string, from: number): number {
  if (text[from] !== '{') {
    const { column } = lineAndColumn(text, from);
    const next = new RegExp(`\\n(?! {${column - 1}}|\\s*\\n)`, 'g');
    next.lastIndex = from;
    const end = next.exec(text)?.index ?? text.length;
    return from + text.slice(from, end).trimEnd().length;
  }
  let depth = 0;
  for (const { 0: part, index } of text
    .slice(from)
    .matchAll(/"(?:[^"\\]|\\[^])*"|'(?:[^'\\]|\\[^])*'|[{}]/g)) {
    if (part === '{') depth++;
    else if (part === '}' && --depth === 0) return from + index + 1;
  }
  return text.length;
}

function summaryOf({ isComplete, gaps }: Coverage): CoverageSummary {
  const categories = Object.entries(CATEGORIES) as [CoverageCategory, string][];
  return {
    isComplete,
    categories: categories.map(([category, name]) => ({
      category,
      name,
      gaps: gaps
        .filter((gap) => gap.category === category)
        .map(({ dataType, reach, paths, suggestion, parameters, by, mayBeKept }) => ({
          dataType,
          reach,
          paths,
          rule: suggestion,
          parameters,
          ...(by !== undefined && { by }),
          mayBeKept,
        })),
    })),
  };
}

/** Names of the secrets that are its keys. */
function secretsOf({ parameters }: Configuration): string[] {
  const keys = Object.values(keyParameters(parameters));
  return [...new Set(keys.flatMap((key) => (key.kind === 'secret' ? key.secretName : [])))];
}
