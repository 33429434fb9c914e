import { RecentMap } from '../common/recentMap.js';
import type { Configuration } from '../deid/configuration/configuration.js';
import type { ConfigurationIssue } from '../deid/reading/issues.js';
import type { FhirVersion } from '../fhir/fhirVersion.js';
import { keyParameters, keyUseOf, type KeyUse, needsPseudonyms } from '../deid/configuration/keys.js';
import type { Key } from '../deid/reading/settings.js';
import { pinnedText, readConfiguration, rereadParameters } from '../deid/readConfiguration.js';
import type { RiskOfJob } from '../export/risk/risk.js';
import { type CoverageSummary, summaryOf } from '../export/request/approval.js';
import { configurationDigest } from '../export/request/pinnedConfiguration.js';

/** Most configurations of which is kept what was found. */
const MAX_KEPT = 32;

const NO_SERVICE: ConfigurationIssue = {
  severity: 'error',
  path: 'fhirPathRules',
  message:
    'Rules pseudonymize, and this server has no service that makes pseudonyms: set PSEUDONYM_SERVICE, or use cryptoHash',
};

/** What kick-off has to know of a configuration: no rules. Holds keys, where there are any in its text. */
export interface CheckedConfiguration {
  /** Of `pinnedText`: of one that extends a sample it covers both. */
  readonly digest: string;
  /** Name and version of the sample that it extends; absent where it extends none. */
  readonly sample?: string;
  readonly issues: readonly ConfigurationIssue[];
  /** Whether its rules need a service that makes pseudonyms. */
  readonly asksPseudonyms: boolean;
  /** How its keys are given, and what for; absent where an issue is an error. */
  readonly keys?: KeyUse;
  /** How Patients are compared; absent where an issue is an error. */
  readonly risk?: RiskOfJob;
  /** Absent where it was not looked for, since there are errors. */
  readonly coverage?: CoverageSummary;
}

/**
 * Reads configurations and looks for their coverage once for each text. What is kept has no rules and none of the
 * keys that are written in a configuration: these are read again each time.
 */
export class ConfigurationCache {
  readonly #fhirVersion: FhirVersion;
  readonly #coverage: 'warning' | 'error';
  readonly #hasPseudonyms: boolean;
  readonly #kept = new RecentMap<string, CheckedConfiguration>(MAX_KEPT);

  /**
   * @param coverage severity of what the rules leave
   * @param hasPseudonyms whether there is a service that makes pseudonyms
   */
  constructor(fhirVersion: FhirVersion, coverage: 'warning' | 'error', hasPseudonyms: boolean) {
    this.#fhirVersion = fhirVersion;
    this.#coverage = coverage;
    this.#hasPseudonyms = hasPseudonyms;
  }

  /** What is kept: no keys are in it. */
  get kept(): CheckedConfiguration[] {
    return [...this.#kept.values()];
  }

  read(text: string): CheckedConfiguration {
    const name = configurationDigest(text);
    const known = this.#kept.get(name);
    return known === undefined ? this.#readNew(text, name) : withKeys(known, text);
  }

  #readNew(text: string, name: string): CheckedConfiguration {
    const { configuration, coverage, sample, issues } = readConfiguration(text, {
      fhirVersion: this.#fhirVersion,
      coverage: this.#coverage,
    });
    const asksPseudonyms = configuration !== undefined && needsPseudonyms(configuration);
    const isUsable = this.#hasPseudonyms || !asksPseudonyms;
    const checked: CheckedConfiguration = {
      digest: sample === undefined ? name : configurationDigest(pinnedText(text)),
      ...(sample !== undefined && { sample }),
      issues: isUsable ? issues : [...issues, NO_SERVICE],
      asksPseudonyms,
      ...(configuration === undefined || !isUsable
        ? {}
        : { keys: keyUseOf(configuration), risk: riskIn(configuration) }),
      ...(coverage === undefined ? {} : { coverage: summaryOf(coverage) }),
    };
    this.#kept.set(name, withoutKeys(checked));
    return checked;
  }
}

function riskIn({ parameters: { quasiIdentifiers, minClassSize } }: Configuration): RiskOfJob {
  return { quasiIdentifiers, minClassSize };
}

function withoutKeys(checked: CheckedConfiguration): CheckedConfiguration {
  const { keys } = checked;
  if (keys === undefined) return checked;
  const hidden = Object.entries<Key>(keys.parameters).map(([name, key]) => [name, withoutText(key)]);
  return { ...checked, keys: { ...keys, parameters: Object.fromEntries(hidden) as KeyUse['parameters'] } };
}

function withoutText(key: Key): Key {
  return key.kind === 'text' ? { kind: 'text', text: '' } : key;
}

/** The keys that are written in the text are read from it again. */
function withKeys(kept: CheckedConfiguration, text: string): CheckedConfiguration {
  const { keys } = kept;
  if (keys === undefined) return kept;
  if (!Object.values<Key>(keys.parameters).some(({ kind }) => kind === 'text')) return kept;
  return { ...kept, keys: { ...keys, parameters: keyParameters(rereadParameters(text)) } };
}
