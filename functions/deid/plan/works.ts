import { remembered } from '../../common/maps.js';
import type { Configuration } from '../configuration/configuration.js';
import { keyBytes } from '../configuration/keys.js';
import type { Rule } from '../configuration/rule.js';
import type { Method, Prepared, Work } from '../methods/method.js';
import { validWork } from '../methods/validWork.js';
import { FhirModel } from '../model/fhirModel.js';

/** What the rules of one engine do. */
export type Works = ReadonlyMap<Rule, Work>;

/** Makes the work of rules, with the configuration's keys and parameters. @param now milliseconds since the epoch */
export function worksOf(
  rules: readonly Rule[],
  { parameters, fhirVersion }: Configuration,
  jobSecret: Uint8Array,
  now: number,
): Works {
  const model = FhirModel.of(fhirVersion);
  const shared = new Map<Method, Prepared>();
  return new Map(
    rules.map((rule) => {
      const { method, settings, index } = rule;
      const prepared = remembered(shared, method, () =>
        method.prepare({ parameters, key: keyBytes(method, parameters, jobSecret), model, now }),
      );
      const work = prepared.work(settings, index);
      return [rule, parameters.validOutput ? validWork(work) : work] as const;
    }),
  );
}
