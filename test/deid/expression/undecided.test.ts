import { describe, expect, it } from 'vitest';
import { objectEngine } from '../bothWays.js';
import { readConfiguration } from '../../../functions/deid/readConfiguration.js';
import type { JsonObject } from '../../../functions/json/json.js';
import { configurationOf, engineOf, engineOptions } from '../shared.js';

const UCUM = 'http://unitsofmeasure.org';

function observation(value: number, code: string | undefined): JsonObject {
  const unit = code === undefined ? {} : { system: UCUM, code };
  return { resourceType: 'Observation', id: 'o', valueQuantity: { value, ...unit } };
}

function configuration(rules: object[], parameters: object = {}): string {
  return JSON.stringify({ fhirVersion: 'R4', fhirPathRules: rules, parameters });
}

interface Outcome {
  isRedacted: boolean;
  undecided: Record<string, number>;
}

/** What an engine of one rule makes of a resource; compared both ways on the way. */
function outcome(path: string, resource: JsonObject, parameters: object = {}, method = 'redact'): Outcome {
  const engine = engineOf(configuration([{ path, method }], parameters), 'R4');
  const result = engine.anonymize(structuredClone(resource));
  if (result.outcome === 'failed') throw new Error(result.failure.message);
  return {
    isRedacted: result.line.includes('REDACTED'),
    undecided: Object.fromEntries(engine.takeReport().undecided),
  };
}

const APPLY = { undecidedConditions: 'apply' };
const OPEN = { 'fhirPathRules[0]': 1 };
const TYPE = "nodesByType('Quantity')";

describe('a condition that cannot be decided', () => {
  it.each<[string, JsonObject, isOpen: boolean, holds: boolean]>([
    ['Observation.value.where($this > 89 years)', observation(90, 'a'), false, true],
    ['Observation.value.where($this > 89 years)', observation(80, 'a'), false, false],
    ['Observation.value.where($this > 89 years)', observation(90, 'mo'), true, false],
    ['Observation.value.where($this > 89 years)', observation(90, undefined), true, false],
    ['Observation.value.where($this != 89 years)', observation(90, 'a'), true, false],
    ['Observation.value.where($this > 89)', observation(90, 'a'), true, false],
    ['Observation.value.where(value > 89)', observation(90, 'a'), false, true],
    ["Observation.value.where($this > 100 'kg')", observation(300, '[lb_av]'), false, true],
    ["Observation.value.where($this > 100 'kg')", observation(300, 'm'), true, false],
    [`${TYPE}.where($this > 89 years)`, observation(90, 'kg'), true, false],
    // What else is asked decides it.
    [`${TYPE}.where(code = 'a' and $this > 89 years)`, observation(90, 'kg'), false, false],
    [`${TYPE}.where($this > 89 years and code = 'a')`, observation(90, 'kg'), false, false],
    [`${TYPE}.where(code = 'kg' or $this > 89 years)`, observation(90, 'kg'), false, true],
    [`${TYPE}.where($this > 89 years implies code = 'kg')`, observation(90, 'kg'), false, true],
    [`${TYPE}.where(code = 'kg' and $this > 89 years)`, observation(90, 'kg'), true, false],
    [`${TYPE}.where(($this > 89 years).not())`, observation(90, 'kg'), true, false],
    // What a condition inside leaves out was not decided either.
    ['Observation.where(value.where($this > 89 years).exists()).value', observation(90, 'kg'), true, false],
    ['Observation.where(value.where($this > 89 years).empty()).value', observation(90, 'kg'), true, true],
    ['Observation.where(value.exists($this > 89 years)).value', observation(90, 'kg'), true, false],
    // A thing that is not there leaves nothing open.
    ['Observation.where(value > 89 years).id', { resourceType: 'Observation', id: 'o' }, false, false],
    [
      'Patient.where(birthDate < @1976-06-01).id',
      { resourceType: 'Patient', id: 'p', birthDate: '1976' },
      true,
      false,
    ],
    [
      'Patient.where(birthDate < @1976-06-01).id',
      { resourceType: 'Patient', id: 'p', birthDate: '1975' },
      false,
      true,
    ],
  ])('%s on %j', (path, resource, isOpen, holds) => {
    expect(outcome(path, resource)).toEqual({ isRedacted: holds, undecided: isOpen ? OPEN : {} });
    expect(outcome(path, resource, APPLY)).toEqual({
      isRedacted: holds || isOpen,
      undecided: isOpen ? OPEN : {},
    });
  });

  it('is met for redacting rules alone', () => {
    const path = 'Observation.value.where($this < 89 years)';
    const rules = [
      { path, method: 'keep' },
      { path: 'Observation.value', method: 'redact' },
    ];
    const engine = engineOf(configuration(rules, APPLY), 'R4');
    const result = engine.anonymize(observation(90, 'kg'));
    expect(result).toMatchObject({ outcome: 'anonymized', line: expect.stringContaining('REDACTED') });
    expect(result).toMatchObject({ line: expect.not.stringContaining('valueQuantity') });
  });

  it('is counted for the case of a generalize, where it counts as met as in the reference', () => {
    const rule = {
      path: 'Patient.birthDate',
      method: 'generalize',
      cases: { '$this < @1976-06-01': "'1970'" },
    };
    const engine = engineOf(configuration([rule]), 'R4');
    for (const birthDate of ['1976', '1975', '1976-01']) {
      const result = engine.anonymize({ resourceType: 'Patient', birthDate });
      expect(result).toMatchObject({ line: expect.stringContaining('1970') });
    }
    expect(Object.fromEntries(engine.takeReport().undecided)).toEqual(OPEN);
    expect(engine.takeReport().undecided.size).toBe(0);
  });

  it('is not counted for a resource that failed', () => {
    const rules = [
      { path: 'Observation.value.where($this > 89 years)', method: 'redact' },
      { path: "Observation.where(value > 'x').id", method: 'redact' },
    ];
    const engine = objectEngine(configurationOf(configuration(rules), 'R4'), engineOptions('R4'));
    expect(engine.anonymize(observation(90, 'kg')).outcome).toBe('failed');
    expect(engine.anonymize({ resourceType: 'Observation', id: 'o' }).outcome).toBe('anonymized');
    expect(engine.takeReport().undecided.size).toBe(0);
  });
});

describe('a comparison that can never be true', () => {
  function warnings(path: string): string[] {
    const text = configuration([{ path, method: 'redact' }]);
    return readConfiguration(text, { fhirVersion: 'R4' })
      .issues.filter(({ rule, message }) => rule === 0 && message.startsWith('Never true'))
      .map(({ message }) => message);
  }

  it.each([
    ["Patient.where(birthDate < '1980').id", /date is not comparable to string/],
    ['Patient.where(birthDate > 89 years).id', /date is not comparable to quantity/],
    ['Patient.where(gender = 5).id', /code is not comparable to number/],
    ['Condition.where((onset as Age) > 89 years).id', /'Age', write '\.value'/],
    ["Observation.where(effective = 'x').id", /is not comparable to string/],
  ])('%s is a warning', (path, message) => {
    expect(warnings(path)).toEqual([expect.stringMatching(message)]);
  });

  it.each([
    'Patient.where(birthDate < @1980).id',
    'Patient.where(birthDate < today()).id',
    'Observation.where(value > 89 years).id',
    'Observation.where(value > 89).id',
    "Patient.where(gender = 'male').id",
    'Patient.where(gender != 5).id',
    'Observation.where(code.coding.system = %loinc).id',
    'Observation.where(value = value).id',
  ])('%s is none', (path) => {
    expect(warnings(path)).toEqual([]);
  });
});
