import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FhirVersion } from '../../functions/fhir/fhirVersion.js';
import type { Fault } from '../../local/source/faults.js';
import { createRandom } from '../../local/sample/random.js';
import { runs, SEED } from '../random.js';
import {
  type CanaryMode,
  type CanaryStack,
  expectExportWithoutLeak,
  startCanaryStack,
} from './canaryStack.js';
import { leaksIn } from './leaks.js';

/**
 * Types that are exported through the whole stack, others by each seed; the engine has all of them in canaries.long.test.ts,
 * and R4's all go through the stack in stack.test.ts.
 */
const TYPES = runs(30);

function someOf(types: readonly string[]): string[] {
  const random = createRandom(SEED);
  const left = [...types];
  return Array.from({ length: Math.min(TYPES, types.length) }, () =>
    left.splice(random.int(0, left.length - 1), 1),
  ).flat();
}

it.each<[FhirVersion, CanaryMode]>([
  ['STU3', 'search'],
  ['R4B', 'bulk'],
  ['R5', 'files'],
])(
  `a de-identified export of ${TYPES} types of %s at the finest log level, by %s, leaves no token and no key anywhere (TEST_SEED=${SEED})`,
  (version, mode) => expectExportWithoutLeak(version, { choose: someOf }, mode),
);

/** What fails is Patient, and names; others are what an export has done or has to do when it fails. */
const AROUND_A_FAILURE = ['Bundle', 'DocumentReference', 'Group', 'Observation', 'Patient', 'Practitioner', 'Questionnaire', 'RelatedPerson']; // prettier-ignore

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
    canaries = await startCanaryStack('R4', { change: twoGivenNames, choose: () => AROUND_A_FAILURE });
  });
  afterAll(() => canaries.end());

  const cases: Array<[string, Fault[], number]> = [
    ['by a source that answers with half of a page', [{ kind: 'invalidJson', type: 'Patient' }], 500],
    ['by a source that cuts its pages', [{ kind: 'cut', type: 'Patient' }], 500],
    ['by a source that denies', [{ kind: 'status', status: 401, type: 'Patient' }], 500],
    ['of a type that the source forbids', [{ kind: 'status', status: 403, type: 'Patient' }], 200],
  ];
  it.each(cases)('%s leaves no token and no key anywhere', async (_name, faults, status) => {
    canaries.source.setFaults(faults);
    const { text, answered } = await canaries.exported('hipaa-safe-harbor-r4.json');
    expect(answered).toBe(status);
    expect(text).toContain('OperationOutcome');
    await canaries.expectNoLeak(text);
  });

  it('by a resource that cannot be anonymized leaves no token and no key anywhere', async () => {
    canaries.source.setFaults([]);
    await canaries.test.putConfiguration('failing.json', FAILING);
    const { text, answered } = await canaries.exported('failing.json');
    expect(`${answered}: ${text}`).toMatch(/^422: .*could not be anonymized/s);
    await canaries.expectNoLeak(text);
  });

  it('at the level of patients leaves no token and no key anywhere', async () => {
    canaries.source.setFaults([]);
    const { text, answered } = await canaries.exported(
      'hipaa-safe-harbor-r4.json',
      ['Patient', 'Observation'],
      'patient',
    );
    expect(answered).toBe(200);
    await canaries.expectNoLeak(text);
  });

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
  });
});

/** The resources as they are, but people with two given names. */
function twoGivenNames(line: string): string {
  return line.replaceAll(/"given":\["(Canary\w+)"\]/g, '"given":["$1","$1"]');
}
