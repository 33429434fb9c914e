import { remembered } from '../../common/maps.js';
import type { Configuration } from '../configuration/configuration.js';
import { keyBytes } from '../configuration/keys.js';
import type { Rule } from '../configuration/rule.js';
import type { Method, Prepared, Work } from '../methods/method.js';
import { NO_PSEUDONYMS, type PseudonymSource } from '../methods/pseudonyms.js';
import { validWork } from '../methods/validWork.js';
import { FhirModel } from '../model/fhirModel.js';

/** What the rules of one engine do. */
export type Works = ReadonlyMap<Rule, Work>;

/** What the work of rules needs besides their configuration. */
export interface WorkOptions {
  /** Instant the 89-year rule measures ages from, in milliseconds since the epoch. */
  readonly now: number;
  /** 32 random bytes of the job; keys that the configuration leaves empty are derived from it (HKDF). */
  readonly jobSecret: Uint8Array;
  /** Where the pseudonyms of `pseudonymize` are known. */
  readonly pseudonyms?: PseudonymSource | undefined;
  /** Takes the place of the prefix of domains that its rules have. */
  readonly domainPrefix?: string | undefined;
}

/** Makes the work of rules, with the configuration's keys and parameters. */
export function worksOf(
  rules: readonly Rule[],
  { parameters, fhirVersion }: Configuration,
  { now, jobSecret, pseudonyms = NO_PSEUDONYMS, domainPrefix }: WorkOptions,
): Works {
  const model = FhirModel.of(fhirVersion);
  const shared = new Map<Method, Prepared>();
  return new Map(
    rules.map((rule) => {
      const { method, settings, index } = rule;
      const prepared = remembered(shared, method, () =>
        method.prepare({
          parameters,
          key: keyBytes(method, parameters, jobSecret),
          model,
          now,
          pseudonyms,
          domainPrefix,
        }),
      );
      const work = prepared.work(settings, index);
      return [rule, parameters.validOutput ? validWork(work) : work] as const;
    }),
  );
}
