import { describe, expect, it } from 'vitest';
import { parseJson } from '../../functions/json/json.js';
import type { FhirVersion } from '../../functions/fhir/fhirVersion.js';
import { comparable, engineOf, hasShared, readText } from './shared.js';

/** A case of the reference engine's own functional tests. */
interface ConformanceCase {
  name: string;
  fhirVersions: string[];
  config: string;
  input: string;
  expected?: string;
  outcome?: 'skipped' | 'raised' | 'invalid-input';
}

const isThere = hasShared('conformance');
const cases = isThere ? (JSON.parse(readText('conformance', 'cases.json')) as ConformanceCase[]) : [];

describe.runIf(isThere)("the reference engine's functional tests", () => {
  for (const { name, fhirVersions, config, input, expected, outcome } of cases) {
    for (const version of fhirVersions.map((fhirVersion) => fhirVersion.toUpperCase() as FhirVersion)) {
      it(`${name} in ${version}`, () => {
        const engine = engineOf(readText('conformance', config), version);
        const result = engine.anonymize(readText('conformance', input));
        if (expected !== undefined) {
          if (result.outcome !== 'anonymized') throw new Error(JSON.stringify(result.failure));
          expect(comparable(parseJson(result.line))).toEqual(
            comparable(parseJson(readText('conformance', expected))),
          );
          return;
        }
        if (result.outcome !== 'failed') throw new Error('the resource was let through');
        if (outcome === 'invalid-input') expect(result.failure.code).toBe('invalid-resource');
        else {
          expect(result.failure.code).toBe('expression-failed');
          expect(engine.processingErrors).toBe(outcome === 'skipped' ? 'skip' : 'raise');
        }
      });
    }
  }
});
