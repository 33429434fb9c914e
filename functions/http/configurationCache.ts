import { RecentMap } from '../common/recentMap.js';
import type { ConfigurationIssue } from '../deid/reading/issues.js';
import type { FhirVersion } from '../fhir/fhirVersion.js';
import { keyParameters, keyUseOf, type KeyUse } from '../deid/configuration/keys.js';
import type { Key } from '../deid/reading/settings.js';
import { readConfiguration, rereadParameters } from '../deid/readConfiguration.js';
import { type CoverageSummary, summaryOf } from '../export/request/approval.js';
import { configurationDigest } from '../export/request/pinnedConfiguration.js';

/** Most configurations of which is kept what was found. */
const MAX_KEPT = 32;

/** What kick-off has to know of a configuration: no rules. Holds keys, where there are any in its text. */
export interface CheckedConfiguration {
  readonly digest: string;
  readonly issues: readonly ConfigurationIssue[];
  /** How its keys are given, and what for; absent where an issue is an error. */
  readonly keys?: KeyUse;
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
  readonly #kept = new RecentMap<string, CheckedConfiguration>(MAX_KEPT);

  /** @param coverage severity of what the rules leave */
  constructor(fhirVersion: FhirVersion, coverage: 'warning' | 'error') {
    this.#fhirVersion = fhirVersion;
    this.#coverage = coverage;
  }

  /** What is kept: no keys are in it. */
  get kept(): CheckedConfiguration[] {
    return [...this.#kept.values()];
  }

  read(text: string): CheckedConfiguration {
    const digest = configurationDigest(text);
    const known = this.#kept.get(digest);
    return known === undefined ? this.#readNew(text, digest) : withKeys(known, text);
  }

  #readNew(text: string, digest: string): CheckedConfiguration {
    const { configuration, coverage, issues } = readConfiguration(text, {
      fhirVersion: this.#fhirVersion,
      coverage: this.#coverage,
    });
    const checked: CheckedConfiguration = {
      digest,
      issues,
      ...(configuration === undefined ? {} : { keys: keyUseOf(configuration) }),
      ...(coverage === undefined ? {} : { coverage: summaryOf(coverage) }),
    };
    this.#kept.set(digest, withoutKeys(checked));
    return checked;
  }
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
