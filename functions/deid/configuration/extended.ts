import { isJsonObject, stringifyJson, type JsonObject, type JsonValue } from '../../json/json.js';
import type { FhirVersion } from '../../fhir/fhirVersion.js';
import type { Method } from '../methods/method.js';
import { METHODS } from '../methods/methods.js';
import { caseInsensitive, didYouMean, type IssueList } from '../reading/issues.js';
import { SAMPLE_NAMES, sampleNamed } from './samples.js';
import { versionsOf } from './versions.js';

/** The members of a configuration. */
export const TOP_LEVEL = [
  'fhirVersion',
  'extends',
  'processingErrors',
  'processingError',
  'fhirPathRules',
  'fhirPathRulesAfter',
  'parameters',
] as const;

/** Rules as they are written. */
export interface RuleList {
  /** What problems call the list: `fhirPathRules`, `hipaa-safe-harbor-r4@1 fhirPathRules`. */
  readonly at: string;
  readonly value: JsonValue | undefined;
}

/** A configuration as it is written, together with the sample that it extends. */
export interface Extended {
  /** Its members by their right names; of one that extends a sample, also those that only the sample has. */
  readonly top: JsonObject;
  /** In the order in which they act. */
  readonly rules: readonly RuleList[];
  /** Name and version of the sample; absent where it extends none. */
  readonly sample?: string;
}

interface Sample {
  readonly name: string;
  readonly configuration: JsonObject;
}

/** How a configuration is read. */
export interface ExtendedOptions {
  /** That of the data; undefined where it is not known yet. */
  readonly fhirVersion?: FhirVersion;
  /** Whether the sample is in the text: that of `pinned`. */
  readonly isPinned?: boolean | undefined;
}

/** The members of a configuration, with those of the sample that it extends. What is wrong becomes an issue. */
export function extended(json: JsonObject, options: ExtendedOptions, issues: IssueList): Extended {
  const own = caseInsensitive(json, TOP_LEVEL, '', issues);
  const rules = { at: 'fhirPathRules', value: own['fhirPathRules'] };
  if (own['extends'] === undefined) {
    if (own['fhirPathRulesAfter'] !== undefined)
      issues.error(
        'fhirPathRulesAfter',
        'Rules after those of a sample: name the sample in extends, or write them in fhirPathRules',
      );
    return { top: own, rules: [rules] };
  }
  const after = { at: 'fhirPathRulesAfter', value: own['fhirPathRulesAfter'] };
  const around = (lists: readonly RuleList[]): RuleList[] =>
    [rules, ...lists, after].filter(({ value }) => value !== undefined);
  const sample = readSample(own['extends'], options.isPinned, issues);
  if (sample === undefined || !fits(sample, own['fhirVersion'], options.fhirVersion, issues))
    return { top: own, rules: around([]) };
  const { name, configuration } = sample;
  return {
    top: withSample(own, configuration),
    rules: around([{ at: `${name} fhirPathRules`, value: configuration['fhirPathRules'] }]),
    sample: name,
  };
}

/**
 * A configuration with the sample that it extends in its text, which no other version of the app reads differently;
 * undefined where it extends none that there is.
 */
export function pinned(json: JsonObject): string | undefined {
  const key = Object.keys(json).find((name) => name.toLowerCase() === 'extends');
  const name = key === undefined ? undefined : json[key];
  const configuration = typeof name === 'string' ? sampleNamed(name) : undefined;
  if (key === undefined || configuration === undefined) return undefined;
  return stringifyJson({ ...json, [key]: { sample: name, configuration } });
}

function readSample(
  value: JsonValue | undefined,
  isPinned: boolean | undefined,
  issues: IssueList,
): Sample | undefined {
  if (isPinned === true && isJsonObject(value)) {
    const { sample, configuration } = value;
    if (typeof sample === 'string' && isJsonObject(configuration)) return { name: sample, configuration };
  }
  const configuration = typeof value === 'string' ? sampleNamed(value) : undefined;
  if (typeof value === 'string' && configuration !== undefined) return { name: value, configuration };
  const names = SAMPLE_NAMES.join(', ');
  issues.error(
    'extends',
    typeof value === 'string'
      ? `There is no sample '${value}'${didYouMean(value, SAMPLE_NAMES) || '.'} The samples are ${names}`
      : `Must be the name of one sample, with its version: ${names}`,
  );
  return undefined;
}

/** Whether a sample is for each version that the configuration itself names; where it names none, for that of the data. */
function fits(
  { name, configuration }: Sample,
  own: JsonValue | undefined,
  ofData: FhirVersion | undefined,
  issues: IssueList,
): boolean {
  const ofSample = versionsOf(configuration['fhirVersion']) ?? [];
  const named = versionsOf(own) ?? [];
  const wanted = named.length > 0 || ofData === undefined ? named : [ofData];
  const others = wanted.filter((version) => !ofSample.includes(version)).join(', ');
  if (others === '') return true;
  const what = named.length > 0 ? `fhirVersion names ${others}` : `the data is ${others}`;
  issues.error(
    'extends',
    `${name} is for ${ofSample.join(', ')}, and ${what}: extend the sample of that version, in a configuration for that version alone`,
  );
  return false;
}

/** Names of parameters that are keys: a sample gives none. */
const KEYS = METHODS.flatMap(({ key }: Method) => key?.name ?? []);

/** Own members, and parameters, take the place of those of the sample. */
function withSample(own: JsonObject, sample: JsonObject): JsonObject {
  const handlesErrors = own['processingErrors'] !== undefined || own['processingError'] !== undefined;
  const { fhirVersion, processingErrors, parameters } = sample;
  const mine = own['parameters'] ?? {};
  return {
    ...own,
    fhirVersion: own['fhirVersion'] ?? fhirVersion,
    ...(handlesErrors ? {} : { processingErrors }),
    ...(isJsonObject(mine)
      ? { parameters: { ...withoutNames(parameters, [...KEYS, ...Object.keys(mine)]), ...mine } }
      : {}),
  };
}

function withoutNames(parameters: JsonValue | undefined, names: readonly string[]): JsonObject {
  const left = new Set(names.map((name) => name.toLowerCase()));
  const entries = Object.entries(isJsonObject(parameters) ? parameters : {});
  return Object.fromEntries(entries.filter(([name]) => !left.has(name.toLowerCase())));
}
