import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FhirVersion } from '../../functions/fhir/fhirVersion.js';
import type { Fault } from '../../local/source/faults.js';
import { SEED } from '../random.js';
import { type CanaryStack, expectExportWithoutLeak, startCanaryStack } from './canaryStack.js';
import { leaksIn } from './leaks.js';

it.each<FhirVersion>(['STU3', 'R4B', 'R5'])(
  `a de-identified export of %s at the finest log level leaves no token and no key anywhere (TEST_SEED=${SEED})`,
  expectExportWithoutLeak,
  120_000,
);

/** Of a resource with two given names this condition has no answer: the resource cannot be anonymized. */
const FAILING = {
  fhirVersion: 'R4',
  processingErrors: 'raise',
  fhirPathRules: [
    {
      path: "nodesByType('HumanName').where(given.startsWith('C') and suffix.single().exists())",
      method: 'redact',
    },
    { path: 'Resource.id', method: 'cryptoHash' },
  ],
  parameters: { cryptoHashKey: { secretName: 'canary' } },
};

describe(`an export that fails (TEST_SEED=${SEED})`, () => {
  let canaries: CanaryStack;
  beforeAll(async () => {
    canaries = await startCanaryStack('R4', twoGivenNames);
  });
  afterAll(() => canaries.end());

  const cases: Array<[string, Fault[], number]> = [
    ['by a source that answers with half of a page', [{ kind: 'invalidJson', type: 'Patient' }], 500],
    ['by a source that cuts its pages', [{ kind: 'cut', type: 'Patient' }], 500],
    ['by a source that denies', [{ kind: 'status', status: 401, type: 'Patient' }], 500],
    ['of a type that the source forbids', [{ kind: 'status', status: 403, type: 'Patient' }], 200],
  ];
  it.each(cases)(
    '%s leaves no token and no key anywhere',
    async (_name, faults, status) => {
      canaries.source.setFaults(faults);
      const { text, answered } = await canaries.exported('hipaa-safe-harbor-r4.json');
      expect(answered).toBe(status);
      expect(text).toContain('OperationOutcome');
      await canaries.expectNoLeak(text);
    },
    120_000,
  );

  it('by a resource that cannot be anonymized leaves no token and no key anywhere', async () => {
    canaries.source.setFaults([]);
    await canaries.test.putConfiguration('failing.json', FAILING);
    const { text, answered } = await canaries.exported('failing.json');
    expect(`${answered}: ${text}`).toMatch(/^422: .*could not be anonymized/s);
    await canaries.expectNoLeak(text);
  }, 120_000);

  it('in part, its resources reported, leaves no token and no key anywhere', async () => {
    canaries.source.setFaults([]);
    const sample = JSON.parse(
      readFileSync(join(import.meta.dirname, '../../configurations/hipaa-safe-harbor-r4.json'), 'utf8'),
    ) as typeof FAILING;
    const skipping = {
      ...sample,
      fhirPathRules: [...FAILING.fhirPathRules.slice(0, 1), ...sample.fhirPathRules],
      parameters: { ...sample.parameters, ...FAILING.parameters },
    };
    await canaries.test.putConfiguration('skipping.json', skipping);
    const { text, manifest } = await canaries.exported('skipping.json');
    if (manifest === undefined) throw new Error(`The export failed: ${text}`);
    expect(manifest.error.length).toBeGreaterThan(0);
    expect(leaksIn(text, canaries.tokens)).toEqual([]);
    await canaries.expectNoLeak(text);
  }, 120_000);
});

/** The resources as they are, but people with two given names. */
function twoGivenNames(line: string): string {
  return line.replaceAll(/"given":\["(Canary\w+)"\]/g, '"given":["$1","$1"]');
}
