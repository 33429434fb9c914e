import { createDecipheriv, hkdfSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readConfiguration } from '../../../functions/deid/readConfiguration.js';
import { resolveKeys } from '../../../functions/deid/configuration/keys.js';
import { writtenInstant } from '../../../functions/deid/methods/dialect.js';
import type { JsonObject } from '../../../functions/json/json.js';
import { bothWays } from '../bothWays.js';
import { engineOf, engineOptions } from '../shared.js';

/** What fhir-pseudonymizer 2.32 gives. */
function deidentify(fhirPathRules: object[], resource: object, parameters: object = {}): JsonObject {
  const text = JSON.stringify({ fhirPathRules, parameters });
  const result = engineOf(text, 'R4').anonymize(JSON.stringify(resource));
  if (result.outcome === 'failed') throw new Error(result.failure.message);
  return JSON.parse(result.line) as JsonObject;
}

const labels = (...codes: string[]): unknown => ({
  security: codes.map((code) => expect.objectContaining({ code }) as unknown),
});

describe('remove takes elements away with all that is in them', () => {
  const patient = {
    resourceType: 'Patient',
    id: 'a',
    active: true,
    name: [
      { use: 'official', family: 'Doe', given: ['Jane', 'J.'] },
      { use: 'nickname', text: 'J' },
    ],
    birthDate: '1980-02-03',
    _birthDate: { extension: [{ url: 'http://example.org/t', valueString: 'x' }] },
    contained: [{ resourceType: 'Organization', id: 'o', name: 'Clinic' }],
    managingOrganization: { reference: '#o' },
  };
  const bundle = {
    resourceType: 'Bundle',
    type: 'collection',
    entry: [
      { fullUrl: 'urn:a', resource: { resourceType: 'Patient', id: 'a', active: true } },
      { fullUrl: 'urn:b', resource: { resourceType: 'Encounter', id: 'b', status: 'planned' } },
      { fullUrl: 'urn:c', resource: { resourceType: 'Patient', id: 'c' } },
    ],
  };
  const { name, birthDate: _date, _birthDate: _sibling, ...rest } = patient;
  const [first, second] = name;
  const [, encounter] = bundle.entry;

  it.each<[string, object[], object, object]>([
    ['an element', [{ path: 'Patient.name', method: 'remove' }], patient, { ...rest, birthDate: patient.birthDate, _birthDate: patient._birthDate }],
    ['one of several', [{ path: "Patient.name.where(use='nickname')", method: 'remove' }], patient, { ...patient, name: [first] }],
    ['a primitive with its extensions', [{ path: 'Patient.birthDate', method: 'remove' }], patient, { ...rest, name }],
    ['a repeated primitive', [{ path: "Patient.name.given.where($this='J.')", method: 'remove' }], patient, { ...patient, name: [{ ...first, given: ['Jane'] }, second] }],
    ['what an earlier rule left in it', [{ path: 'Patient.name.family', method: 'keep' }, { path: 'Patient.name', method: 'remove' }], patient, { ...rest, birthDate: patient.birthDate, _birthDate: patient._birthDate }],
    ['not what an earlier rule left', [{ path: 'Patient.name', method: 'keep' }, { path: 'Patient.name | Patient.birthDate', method: 'remove' }], patient, { ...rest, name }],
    ['a contained resource', [{ path: 'Patient.contained', method: 'remove' }], patient, { ...patient, contained: undefined }],
    ['entries of a Bundle, resources included', [{ path: 'Bundle.entry.where(resource is Patient)', method: 'remove' }], bundle, { ...bundle, entry: [encounter] }],
    ['all entries', [{ path: 'Bundle.entry', method: 'remove' }], bundle, { resourceType: 'Bundle', type: 'collection' }],
    ['resources in a Bundle by their type', [{ path: 'Patient', method: 'remove' }], bundle, { ...bundle, entry: [{ fullUrl: 'urn:a' }, encounter, { fullUrl: 'urn:c' }] }],
    ['by a function', [{ path: "nodesByType('HumanName')", method: 'remove' }], patient, { ...rest, birthDate: patient.birthDate, _birthDate: patient._birthDate }],
    ['every element of the outermost resource but what an earlier rule left, and resources in it', [{ path: 'Patient.id', method: 'keep' }, { path: 'Patient', method: 'remove' }], patient, { resourceType: 'Patient', id: 'a', contained: patient.contained }],
    ['everything below', [{ path: 'Patient.descendants()', method: 'remove' }], { resourceType: 'Patient', id: 'a', name }, { resourceType: 'Patient' }],
  ])('%s', (_what, rules, before, after) => {
    expect(deidentify(rules, before)).toEqual({ ...after, meta: labels('REDACTED') });
  }); // prettier-ignore

  it('nothing to remove: no label', () => {
    expect(deidentify([{ path: 'Patient.photo', method: 'remove' }], patient)).toEqual(patient);
  });

  it('a later rule finds nothing there', () => {
    const rules = [
      { path: 'Patient.name', method: 'remove' },
      { path: "nodesByType('HumanName').family", method: 'cryptoHash' },
    ];
    expect(deidentify(rules, patient)['meta']).toEqual(labels('REDACTED'));
  });

  it('what has to be there is marked as masked where results are valid FHIR', () => {
    const observation = { resourceType: 'Observation', status: 'final', code: { text: 'x' } };
    const rules = [{ path: 'Observation.status | Observation.code', method: 'remove' }];
    expect(deidentify(rules, observation, { validOutput: true })).toMatchObject({
      _status: { extension: [{ valueCode: 'masked' }] },
      code: { extension: [{ valueCode: 'masked' }] },
    });
  });
});

describe('shouldAddSecurityTag', () => {
  const rules = [{ path: 'Patient.birthDate', method: 'redact' }];
  const bundle = {
    resourceType: 'Bundle',
    type: 'collection',
    entry: [{ resource: { resourceType: 'Patient', birthDate: '1980' } }],
  };
  it.each([
    [{}, true],
    [{ shouldAddSecurityTag: true }, true],
    [{ shouldAddSecurityTag: false }, false],
  ])('%j', (parameters, isLabelled) => {
    const text = JSON.stringify(deidentify(rules, bundle, parameters));
    expect(text.includes('REDACTED')).toBe(isLabelled);
    expect(text.includes('"meta"')).toBe(isLabelled);
    const engine = engineOf(JSON.stringify({ fhirPathRules: rules, parameters }), 'R4');
    engine.anonymize(JSON.stringify(bundle));
    expect([...engine.takeReport().labels]).toEqual([['REDACTED', 1]]);
  });
});

describe('keyDerivationContext', () => {
  const master = 'a master key of any length';
  const derived = (purpose: string): Buffer =>
    Buffer.from(hkdfSync('sha256', master, 'FhirPseudonymizer.KeyDerivation.v1', `project-a:${purpose}`, 32));
  const context = { keyDerivationContext: 'project-a' };

  it('gives cryptoHash the hex digits of a derived key as its key', () => {
    const rules = [{ path: 'Patient.id', method: 'cryptoHash' }];
    const patient = { resourceType: 'Patient', id: 'a' };
    const byDerived = deidentify(rules, patient, { cryptoHashKey: derived('cryptoHash').toString('hex') });
    expect(deidentify(rules, patient, { cryptoHashKey: master, ...context })).toEqual(byDerived);
    for (const blank of ['', '  ', null])
      expect(deidentify(rules, patient, { cryptoHashKey: master, keyDerivationContext: blank })).toEqual(
        deidentify(rules, patient, { cryptoHashKey: master }),
      );
  });

  it('gives encrypt a derived key of 32 bytes, of a master key of any length', () => {
    const rules = [{ path: 'Patient.id', method: 'encrypt' }];
    const { id } = deidentify(
      rules,
      { resourceType: 'Patient', id: 'a' },
      { encryptKey: master, ...context },
    );
    expect(id).toMatch(/^[0-9A-F]{64}$/);
    const bytes = Buffer.from(id as string, 'hex');
    const decipher = createDecipheriv('aes-256-cbc', derived('encrypt'), bytes.subarray(0, 16));
    expect(decipher.update(bytes.subarray(16), undefined, 'utf8') + decipher.final('utf8')).toBe('a');
  });

  it('derives from a key that the configuration only names', async () => {
    const text = JSON.stringify({
      fhirPathRules: [{ path: 'Patient.id', method: 'cryptoHash' }],
      parameters: {
        cryptoHashKey: { secretName: 'mine' },
        encryptKey: { secretName: 'mine' },
        ...context,
      },
    });
    const { configuration } = readConfiguration(text, { fhirVersion: 'R4' });
    if (configuration === undefined) throw new Error('not read');
    const resolved = await resolveKeys(configuration, async () => master);
    expect(resolved.issues).toEqual([]);
    if (resolved.configuration === undefined) throw new Error('not resolved');
    const result = bothWays(resolved.configuration, engineOptions('R4')).anonymize(
      '{"resourceType":"Patient","id":"a"}',
    );
    const given = deidentify(
      [{ path: 'Patient.id', method: 'cryptoHash' }],
      { resourceType: 'Patient', id: 'a' },
      { cryptoHashKey: master, ...context },
    );
    expect(result.outcome === 'anonymized' && JSON.parse(result.line)).toEqual(given);
  });

  it('must be a text', () => {
    const text = '{"fhirPathRules":[],"parameters":{"keyDerivationContext":5}}';
    expect(readConfiguration(text, { fhirVersion: 'R4' }).issues[0]).toMatchObject({
      severity: 'error',
      path: 'parameters.keyDerivationContext',
    });
  });
});

describe('dialect', () => {
  const observation = {
    resourceType: 'Observation',
    status: 'final',
    code: { text: 'x' },
    effectiveDateTime: '2015-02-07T13:28:17.200Z',
    issued: '2015-02-07T13:28:17.200Z',
  };
  const shift = { dateShiftFixedOffsetInDays: 1 };
  it.each<[object, object, object]>([
    [{ method: 'dateShift' }, { ...shift, dialect: 'microsoft' }, { effectiveDateTime: '2015-02-08T00:00:00.000Z', issued: '2015-02-08T00:00:00.000Z' }],
    [{ method: 'dateShift' }, { ...shift, dialect: 'miracum' }, { effectiveDateTime: '2015-02-08T00:00:00.000Z', issued: '2015-02-08T00:00:00+00:00' }],
    [{ method: 'redact' }, { enablePartialDatesForRedact: true, dialect: 'microsoft' }, { effectiveDateTime: '2015', issued: '2015' }],
    [{ method: 'redact' }, { enablePartialDatesForRedact: true, dialect: 'miracum' }, { effectiveDateTime: '2015', issued: '2015-01-01T00:00:00+00:00' }],
  ])('%j %j', (rule, parameters, after) => {
    const rules = [{ path: 'Observation.effective | Observation.issued', ...rule }];
    expect(deidentify(rules, observation, parameters)).toMatchObject(after);
  }); // prettier-ignore

  it.each([
    ['2015-02-08T00:00:00.000Z', '2015-02-08T00:00:00+00:00'],
    ['2015-02-08T00:00:00.120+02:00', '2015-02-08T00:00:00.12+02:00'],
    ['2015-02-08T00:00:00.1-05:00', '2015-02-08T00:00:00.1-05:00'],
    ['2015-02-08T00:00:00Z', '2015-02-08T00:00:00+00:00'],
  ])('instants as moments: %s', (text, written) => {
    expect(writtenInstant(text)).toBe(written);
  });

  const ENCRYPT = { path: 'Patient.id', method: 'encrypt' };
  const REMOVE = { path: 'Patient.photo', method: 'remove' };
  const parametersOf = (more: object): object => ({ encryptKey: '0123456789abcdef', ...more });
  it.each<[string, object, object | undefined, 'microsoft' | 'miracum', RegExp | undefined]>([
    ['nothing of either', { fhirPathRules: [ENCRYPT] }, {}, 'microsoft', undefined],
    ['a method of fhir-pseudonymizer', { fhirPathRules: [ENCRYPT, REMOVE] }, {}, 'miracum', /Read as 'miracum', since it has the method remove: what encrypt gives/],
    ['nothing that depends on it', { fhirPathRules: [REMOVE, { path: 'Patient.id', method: 'cryptoHash' }] }, {}, 'miracum', undefined],
    ['a parameter of fhir-pseudonymizer', { fhirVersion: 'R4', fhirPathRules: [ENCRYPT] }, { keyDerivationContext: 'a' }, 'miracum', /the parameter keyDerivationContext/],
    ['something of both', { fhirPathRules: [ENCRYPT, REMOVE], processingErrors: 'skip' }, {}, 'microsoft', /Read as 'microsoft': what encrypt/],
    ['a parameter that fhir-pseudonymizer refuses', { fhirPathRules: [ENCRYPT, REMOVE] }, { validOutput: true }, 'microsoft', /Read as 'microsoft': what encrypt/],
    ['another FHIR version', { fhirVersion: ['R4'], fhirPathRules: [ENCRYPT, REMOVE] }, {}, 'microsoft', /Read as 'microsoft'/],
    ['what is given', { fhirPathRules: [ENCRYPT, REMOVE] }, { dialect: 'Microsoft' }, 'microsoft', undefined],
    ['what is given', { fhirPathRules: [ENCRYPT] }, { dialect: 'miracum' }, 'miracum', undefined],
  ])('is told by %s', (_what, configuration, more, dialect, message) => {
    const text = JSON.stringify({ ...configuration, parameters: parametersOf(more ?? {}) });
    const read = readConfiguration(text, { fhirVersion: 'R4' });
    expect(read.configuration?.parameters.dialect).toBe(dialect);
    const about = read.issues.filter(({ path }) => path === 'parameters.dialect');
    expect(about.map((issue) => issue.message)).toEqual(message === undefined ? [] : [expect.stringMatching(message)]);
  }); // prettier-ignore

  it('that YAML does not tell is said', () => {
    const yaml = 'fhirPathRules:\n- {path: Patient.id, method: encrypt}\n';
    const { configuration, issues } = readConfiguration(yaml, { fhirVersion: 'R4' });
    expect(configuration?.parameters.dialect).toBe('microsoft');
    expect(issues.map(({ path }) => path)).toEqual(['parameters.dialect']);
  });

  it('must be one of two', () => {
    const text = '{"fhirPathRules":[],"parameters":{"dialect":"azure"}}';
    expect(readConfiguration(text, { fhirVersion: 'R4' }).issues[0]?.message).toBe(
      'Must be one of microsoft, miracum',
    );
  });

  it.each([
    ['microsoft', /^[A-Za-z0-9+/]+=*$/],
    ['miracum', /^[0-9A-F]{64}$/],
  ])('encrypt writes as %s does', (dialect, form) => {
    const patient = { resourceType: 'Patient', id: 'a' };
    expect(deidentify([ENCRYPT], patient, parametersOf({ dialect }))['id']).toMatch(form);
  });
});

describe('cryptoHash', () => {
  const HMAC = '098fe201710ca56e73dfb56cb0c610a66900add818c6d625b44b91eaafe79022';
  const rulesOf = (path: string, more: object = {}): object[] => [{ path, method: 'cryptoHash', ...more }];
  const miracum = { cryptoHashKey: 'test', dialect: 'miracum' };
  const keyed = { cryptoHashKey: 'test', dialect: 'microsoft' };

  it.each<[string, object, string]>([
    ['12345', miracum, HMAC],
    ['12345', { ...miracum, cryptoHashAlgorithm: 'HmacSha256' }, HMAC],
    [
      '12345',
      { cryptoHashKey: 'test', cryptoHashAlgorithm: 'blake3' },
      '45ba7a5138aec390d57363990d3c5baef5744edb9a7c55f64e91f0e13f966a48',
    ],
    [
      'é'.repeat(3000),
      { cryptoHashKey: 'test', cryptoHashAlgorithm: 'blake3' },
      'ccb4d1687d32a35ae02dc0144f45afb6abb5b55e7c0d929a31d1df5ba817948b',
    ],
  ])('of a text: %.10s %j', (value, parameters, hash) => {
    const patient = { resourceType: 'Patient', language: value };
    expect(deidentify(rulesOf('Patient.language'), patient, parameters)['language']).toBe(hash);
  });

  it.each<[string, string, string, string]>([
    ['12345', 'a uri', HMAC, HMAC],
    ['Patient/12345', 'a uri', `Patient/${HMAC}`, 'whole'],
    ['https://a.example/fhir/Patient/12345', 'a uri', `https://a.example/fhir/Patient/${HMAC}`, 'whole'],
    ['https://a-b.example/fhir/Patient/12345', 'a uri', 'whole', 'whole'],
    ['urn:uuid:2a3d4c5e-0000-4000-8000-000000000000', 'a uri', 'whole', 'whole'],
    ['#12345', 'a uri', 'whole', 'whole'],
    ['Patient?identifier=12345', 'a uri', `Patient?identifier=${HMAC}`, 'whole'],
    ['Patient?identifier=http://a-b.example/mrn|12345', 'a uri', `Patient?identifier=http://a-b.example/mrn|${HMAC}`, 'whole'],
    ['identifier=12345', 'a uri', `identifier=${HMAC}`, 'whole'],
    ['Pateint?identifier=12345', 'a uri', 'whole', 'whole'],
    ['Patient?name=12345', 'a uri', 'whole', 'whole'],
    ['Patient/12345', 'a reference', `Patient/${HMAC}`, `Patient/${HMAC}`],
    ['Patient?identifier=12345', 'a reference', `Patient?identifier=${HMAC}`, 'whole'],
    ['https://a-b.example/fhir/Patient/12345', 'a reference', 'whole', `https://a-b.example/fhir/Patient/${HMAC}`],
    ['https://a.example/Patient/1/Observation/12345', 'a reference', 'whole', 'whole'],
  ])('%s as %s', (value, kind, inMiracum, inMicrosoft) => {
    const isUri = kind === 'a uri';
    const whole = deidentify(rulesOf('Patient.language'), { resourceType: 'Patient', language: value }, keyed)['language'];
    for (const [parameters, expected] of [[miracum, inMiracum], [keyed, inMicrosoft]] as const) {
      const bundle = isUri
        ? { resourceType: 'Bundle', type: 'batch', entry: [{ request: { method: 'PUT', url: value } }] }
        : { resourceType: 'Encounter', subject: { reference: value } };
      const path = isUri ? 'Bundle.entry.request.url' : 'Encounter.subject.reference';
      const after = JSON.stringify(deidentify(rulesOf(path), bundle, parameters));
      expect(after).toContain(`"${expected === 'whole' ? String(whole) : expected}"`);
    }
  }); // prettier-ignore

  it('with referenceServers "hash", no identifier system stays in a conditional reference', () => {
    const encounter = {
      resourceType: 'Encounter',
      subject: { reference: 'Patient?identifier=http://a|12345' },
    };
    const after = deidentify(rulesOf('Encounter.subject.reference'), encounter, {
      ...miracum,
      referenceServers: 'hash',
    });
    expect(JSON.stringify(after)).not.toContain('http://a');
  });

  it.each([
    [32, HMAC.slice(0, 32)],
    ['32', HMAC.slice(0, 32)],
    [8, HMAC.slice(0, 8)],
    [64, HMAC],
    [1000, HMAC],
    [null, HMAC],
  ])('truncateToMaxLength: %j', (truncateToMaxLength, hash) => {
    const patient = {
      resourceType: 'Patient',
      id: '12345',
      generalPractitioner: [{ reference: 'Patient/12345' }],
    };
    const rules = [
      ...rulesOf('Patient.id', { truncateToMaxLength }),
      ...rulesOf("nodesByType('Reference').reference"),
    ];
    const after = deidentify(rules, patient, miracum);
    expect(after['id']).toBe(hash);
    expect(after['generalPractitioner']).toEqual([{ reference: `Patient/${HMAC}` }]);
  });

  it('truncate and truncateToMaxLength: the fewer digits', () => {
    const parameters = { ...miracum, truncate: 40 };
    const patient = { resourceType: 'Patient', id: '12345' };
    for (const [truncateToMaxLength, digits] of [[32, 32], [50, 40]] as const)
      expect(deidentify(rulesOf('Patient.id', { truncateToMaxLength }), patient, parameters)['id']).toBe(HMAC.slice(0, digits));
  }); // prettier-ignore

  it.each([
    [{ truncateToMaxLength: 0 }, {}, 'error', 'fhirPathRules[0].truncateToMaxLength', /whole number/],
    [{ truncateToMaxLength: -5 }, {}, 'error', 'fhirPathRules[0].truncateToMaxLength', /whole number/],
    [{ truncateToMaxLength: 'x' }, {}, 'error', 'fhirPathRules[0].truncateToMaxLength', /whole number/],
    [{ truncateToMaxLength: 16 }, {}, 'warning', 'fhirPathRules[0].truncateToMaxLength', /may get one pseudonym/],
    [{}, { cryptoHashAlgorithm: 'md5' }, 'error', 'parameters.cryptoHashAlgorithm', /one of hmacSha256, blake3/],
    [{}, { cryptoHashAlgorithm: 'blake3', cryptoHashFunction: 'sha512' }, 'error', 'parameters.cryptoHashAlgorithm', /not both/],
  ])('%j %j: an %s', (settings, parameters, severity, path, message) => {
    const text = JSON.stringify({ fhirPathRules: rulesOf('Patient.id', settings), parameters });
    const { issues } = readConfiguration(text, { fhirVersion: 'R4' });
    expect(issues).toContainEqual(
      expect.objectContaining({ severity, path, message: expect.stringMatching(message) as string }),
    );
  }); // prettier-ignore
});
