import { describe, expect, it } from 'vitest';
import { engineOf } from '../shared.js';

const NAMES = [{ family: 'Doe' }, { family: 'Doe', given: ['Ann', 'Ann'] }];

/** What is left of two equal families and two equal given names under one rule, on the tape and in the tree. */
function left(path: string, method = 'redact'): string {
  const rules = [
    { path, method },
    { path: 'Resource', method: 'keep' },
  ];
  const engine = engineOf(JSON.stringify({ fhirPathRules: rules }), 'R4');
  const result = engine.anonymize(JSON.stringify({ resourceType: 'Patient', name: NAMES }));
  if (result.outcome === 'failed') throw new Error(result.failure.message);
  return result.line;
}

describe('a union in the path of a rule selects each element, also those that equal another', () => {
  it.each([
    'Patient.name.given | Patient.name.family',
    'Patient.name.given.union(Patient.name.family)',
    'Patient.name.select(given | family)',
    'Patient.name.select(given.union($this.family))',
    '(Patient.name | Patient.contact.name).select(family | given)',
    '(Patient.name.given | Patient.name.family).where(length() > 0)',
    'Patient.name.iif(true, Patient.name.given | Patient.name.family)',
  ])('%s', (path) => {
    expect(left(path)).not.toMatch(/Doe|Ann/);
    expect(left(path, 'cryptoHash')).not.toMatch(/Doe|Ann/);
  });

  it('but a union in a condition still drops what is equal, as FHIRPath says', () => {
    expect(left('Patient.where((name.family | name.family).count() = 1).name')).not.toMatch(/Doe|Ann/);
  });

  it('and has a condition of each, which sees what earlier rules left', () => {
    const rules = [
      { path: "nodesByType('CodeableConcept').text", method: 'redact' },
      {
        path: "Observation.category.where(coding.exists()) | Observation.method.where(text = 'a')",
        method: 'redact',
      },
      { path: 'Resource', method: 'keep' },
    ];
    const concept = { coding: [{ code: 'b' }], text: 'a' };
    const observation = JSON.stringify({ resourceType: 'Observation', category: [concept], method: concept });
    const result = engineOf(JSON.stringify({ fhirPathRules: rules }), 'R4').anonymize(observation);
    const line: unknown = result.outcome === 'failed' ? result.failure : JSON.parse(result.line);
    expect(line).toMatchObject({ resourceType: 'Observation', method: { coding: [{ code: 'b' }] } });
    expect(line).not.toHaveProperty('category');
  });
});
