import { describe, expect, it } from 'vitest';
import { LABELS } from '../../../functions/deid/methods/labels.js';
import { METHODS } from '../../../functions/deid/methods/methods.js';
import { parseJson, type JsonObject } from '../../../functions/json/json.js';
import { engineOf } from '../shared.js';

/** Settings without which a rule is refused. */
const NEEDED: Readonly<Record<string, object>> = {
  substitute: { replaceWith: 'x' },
  perturb: { span: 1 },
  generalize: { cases: { true: "'x'" } },
  pseudonymize: { domain: 'x' },
};

const RESOURCE = JSON.stringify({
  resourceType: 'Patient',
  id: 'a',
  birthDate: '1980-02-03',
  deceasedDateTime: '1930',
  multipleBirthInteger: 2,
  address: [{ city: 'Boston', postalCode: '02130' }],
});

describe('what a method declares', () => {
  it.each(METHODS.map(({ name, labels }) => [name, labels.map((place) => LABELS[place])] as const))(
    'covers the labels that %s counts',
    (method, labels) => {
      const paths = ['Patient.id', 'Patient.birthDate', 'Patient.deceased', 'Patient.multipleBirth', 'Patient.address.postalCode']; // prettier-ignore
      const parameters = { enablePartialZipCodesForRedact: true, enablePartialDatesForRedact: true };
      const rules = paths.map((path) => ({ path, method, ...NEEDED[method] }));
      const engine = engineOf(JSON.stringify({ fhirPathRules: rules, parameters }), 'R4');
      expect(engine.anonymize(parseJson(RESOURCE) as JsonObject).outcome).toBe('anonymized');
      expect(new Set(engine.takeReport().labels.keys())).toEqual(new Set(labels));
    },
  );

  it('has names and parameters of its own', () => {
    expect(new Set(METHODS.map(({ name }) => name.toLowerCase())).size).toBe(METHODS.length);
    for (const { key, parameters } of METHODS.map((method) => ({ key: undefined, ...method })))
      if (key !== undefined) expect(Object.keys(parameters)).toContain(key.name);
  });
});
