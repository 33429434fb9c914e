import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coverageOf } from '../../../functions/deid/coverage/coverage.js';
import type { DomainName, PseudonymSource } from '../../../functions/deid/methods/pseudonyms.js';
import { readConfiguration } from '../../../functions/deid/readConfiguration.js';
import { LACKS_PSEUDONYMS } from '../../../functions/deid/run/engine.js';
import { isJsonObject, parseJson, type JsonObject } from '../../../functions/json/json.js';
import { bothWays, objectEngine, ways } from '../bothWays.js';
import { configurationOf, engineOptions, madePseudonym } from '../shared.js';
import { randomly } from '../../random.js';

/** Which pseudonym it was, in words: `domain|value`. */
function spelled({ domain, entici }: DomainName, value: string): string {
  const more = entici === undefined ? '' : `|${entici.resourceType}|${entici.project ?? ''}`;
  return `<${domain}|${value}${more}>`;
}

const SPELLED: PseudonymSource = {
  domain: (name) => ({ of: (value) => spelled(name, value) }),
  takeLack: () => false,
};

interface Case {
  settings?: object;
  parameters?: object;
  domainPrefix?: string;
}

/** What becomes of a resource, with rules that pseudonymize what the paths select. */
function made(paths: readonly string[], resource: object, { settings, parameters, domainPrefix }: Case = {}) {
  const fhirPathRules = paths.map((path) => ({ path, method: 'pseudonymize', ...settings }));
  const text = JSON.stringify({ fhirPathRules, ...(parameters && { parameters }) });
  const engine = bothWays(configurationOf(text, 'R4'), {
    ...engineOptions('R4'),
    pseudonyms: SPELLED,
    domainPrefix,
  });
  const result = engine.anonymize(JSON.stringify(resource));
  return result.outcome === 'failed' ? result.failure : (parseJson(result.line) as JsonObject);
}

function reference(text: string, more: Case = {}): unknown {
  const resource = { resourceType: 'Observation', subject: { reference: text } };
  const after = made(["nodesByType('Reference').reference"], resource, more);
  return 'subject' in after && isJsonObject(after['subject']) ? after['subject']['reference'] : after;
}

describe('the domain of a pseudonym', () => {
  it.each<[string, Case, string]>([
    ['the type of the resource', {}, '<Patient|123>'],
    ['the domain of the rule', { settings: { domain: 'PATIENT' } }, '<PATIENT|123>'],
    ['its namespace, as Vfps calls it', { settings: { namespace: 'PATIENT' } }, '<PATIENT|123>'],
    ['the domain, where there is a namespace, too', { settings: { domain: 'A', namespace: 'B' } }, '<A|123>'],
    ['with a prefix', { settings: { domain: 'patient', 'domain-prefix': 'test-' } }, '<test-patient|123>'],
    ['with the prefix of a namespace', { settings: { namespace: 'patient', 'namespace-prefix': 'test-' } }, '<test-patient|123>'],
    ['with the prefix of the job, which goes before', { settings: { domain: 'patient', 'domain-prefix': 'test-' }, domainPrefix: 'miracum-' }, '<miracum-patient|123>'],
    ['the type, with the prefix of the job', { domainPrefix: 'miracum-' }, '<miracum-Patient|123>'],
    ['and what entici needs', { settings: { domain: 'A', entici: { resourceType: 'Patient', project: 'p' } } }, '<A|123|Patient|p>'],
  ])('of an id is %s: %j', (_, given, pseudonym) => {
    expect(made(['Patient.id'], { resourceType: 'Patient', id: '123' }, given)).toMatchObject({ id: pseudonym });
  }); // prettier-ignore

  it('of an id inside is that of its own resource', () => {
    const patient = { resourceType: 'Patient', id: '1' };
    const organization = { resourceType: 'Organization', id: 'o' };
    const bundle = {
      resourceType: 'Bundle',
      id: 'b',
      entry: [{ resource: { ...patient, contained: [organization] } }],
    };
    expect(made(["nodesByName('id')"], bundle)).toMatchObject({
      id: '<Bundle|b>',
      entry: [{ resource: { id: '<Patient|1>', contained: [{ id: '<contained|o>' }] } }],
    });
  });

  it('has to be named for anything else: nothing passes through', () => {
    const patient = { resourceType: 'Patient', id: '1', identifier: [{ value: 'MRN1' }] };
    expect(made(['Patient.identifier'], patient)).toMatchObject({ code: 'no-domain' });
  });

  it.each([
    ['Patient.identifier.value', true],
    ["nodesByType('Identifier').value", true],
    ["Patient.identifier.where(use = 'official').value", true],
    ['Patient.birthDate', true],
    ['Patient.id', false],
    ["nodesByName('id')", false],
    ["nodesByType('Reference').reference", false],
    ['Bundle.entry.fullUrl', false],
    ["nodesByType('Identifier').system", false],
    ['Patient.identifier', false],
  ])('that is missing where every value needs one is an error of the configuration: %s', (path, isWrong) => {
    const errorsOf = (settings: object): unknown[] => {
      const text = JSON.stringify({ fhirPathRules: [{ path, method: 'pseudonymize', ...settings }] });
      return readConfiguration(text, { fhirVersion: 'R4' }).issues.map((issue) => [
        issue.severity,
        issue.path,
      ]);
    };
    expect(errorsOf({})).toEqual(isWrong ? [['error', 'fhirPathRules[0].domain']] : []);
    expect(errorsOf({ domain: 'D' })).toEqual([]);
    expect(errorsOf({ namespace: 'D' })).toEqual([]);
  });
});

describe('a reference', () => {
  const DOMAIN = { settings: { domain: 'D' } };

  it.each<[string, Case, string]>([
    ['Patient/123', {}, 'Patient/<Patient|123>'],
    ['Patient/123', DOMAIN, 'Patient/<D|123>'],
    ['Patient/123/_history/2', {}, 'Patient/<Patient|123>/_history/2'],
    ['https://fhir.example.org/r4/Patient/123', {}, 'https://fhir.example.org/r4/Patient/<Patient|123>'],
    ['https://fhir.example.org/r4/Patient/123/_history/2', { parameters: { referenceServers: 'hash' } }, 'Patient/<Patient|123>'],
    // The id in the base is an identity, too.
    ['https://fhir.example.org/Patient/1/Observation/2', {}, '<Observation|https://fhir.example.org/Patient/1/Observation/2>'],
    ['urn:uuid:6f1d2f6e-7a52-4c0b-9a51-0a6f3c1c2b11', {}, 'urn:uuid:<urn:uuid:|6f1d2f6e-7a52-4c0b-9a51-0a6f3c1c2b11>'],
    ['urn:uuid:6f1d2f6e-7a52-4c0b-9a51-0a6f3c1c2b11', DOMAIN, 'urn:uuid:<D|6f1d2f6e-7a52-4c0b-9a51-0a6f3c1c2b11>'],
    ['urn:oid:1.2.3', DOMAIN, 'urn:oid:<D|1.2.3>'],
    ['Patient?identifier=http://example.org/mrn|123', {}, 'Patient?identifier=http://example.org/mrn|<Patient|123>'],
    ['Patient?identifier=http://example.org/mrn|123', DOMAIN, 'Patient?identifier=http://example.org/mrn|<D|123>'],
    ['Patient?identifier=http://example.org/mrn|123', { parameters: { referenceServers: 'hash' } }, '<Patient|Patient?identifier=http://example.org/mrn|123>'],
    ['Patient?identifier=123', { parameters: { referenceServers: 'hash' } }, 'Patient?identifier=<Patient|123>'],
    ['identifier=123', DOMAIN, 'identifier=<D|123>'],
    ['#p1', DOMAIN, '#<D|p1>'],
    ['#p1', {}, '#<contained|p1>'],
    ['#', DOMAIN, '#'],
    ['Unheard/123', DOMAIN, '<D|Unheard/123>'],
    ['the neighbour', DOMAIN, '<D|the neighbour>'],
  ])('%s with %j is %s', (text, given, after) => {
    expect(reference(text, given)).toBe(after);
  }); // prettier-ignore

  it.each(['identifier=123', 'the neighbour', 'Unheard/123', 'Unheard?identifier=123'])(
    'that names no type has no domain of its own: %s',
    (text) => {
      expect(reference(text)).toMatchObject({ code: 'no-domain', rule: 'fhirPathRules[0]' });
    },
  );

  it('has the same pseudonym as the id that it leads to', () => {
    const resources = [
      { resourceType: 'Patient', id: '123' },
      { resourceType: 'Observation', subject: { reference: 'Patient/123' } },
    ];
    const [patient, observation] = resources.map((resource) =>
      made(['Patient.id', "nodesByType('Reference').reference"], resource),
    );
    expect(observation).toMatchObject({
      subject: { reference: `Patient/${String((patient as JsonObject)['id'])}` },
    });
  });

  it('to a contained resource has the same pseudonym as its id, whatever its type is', () => {
    const contained = [
      { resourceType: 'Organization', id: 'o', partOf: { reference: '#p' } },
      { resourceType: 'Patient', id: 'p' },
    ];
    const resource = { resourceType: 'Observation', id: '1', contained, subject: { reference: '#p' } };
    expect(made(['Resource.id', "nodesByType('Reference').reference"], resource)).toMatchObject({
      id: '<Observation|1>',
      contained: [{ id: '<contained|o>', partOf: { reference: '#<contained|p>' } }, { id: '<contained|p>' }],
      subject: { reference: '#<contained|p>' },
    });
  });

  it('in a uri is one, too', () => {
    const entry = [{ fullUrl: 'https://fhir.example.org/Patient/1', request: { method: 'PUT', url: 'Patient/1' } }, { fullUrl: 'urn:uuid:6f1d2f6e-7a52-4c0b-9a51-0a6f3c1c2b11' }]; // prettier-ignore
    const paths = ['Bundle.entry.fullUrl', 'Bundle.entry.request.url'];
    expect(made(paths, { resourceType: 'Bundle', type: 'transaction', entry })).toMatchObject({
      entry: [
        { fullUrl: 'https://fhir.example.org/Patient/<Patient|1>', request: { url: 'Patient/<Patient|1>' } },
        { fullUrl: 'urn:uuid:<urn:uuid:|6f1d2f6e-7a52-4c0b-9a51-0a6f3c1c2b11>' },
      ],
    });
  });
});

describe('pseudonymize', () => {
  it('is done on the tape, and labelled', () => {
    const before = ways.onTape;
    expect(made(['Patient.id'], { resourceType: 'Patient', id: '1' })).toMatchObject({
      meta: { security: [{ code: 'PSEUDED', display: 'pseudonymized' }] },
    });
    expect(ways.onTape).toBeGreaterThan(before);
  });

  it('leaves an id out that is none, where output has to be valid', () => {
    const patient = { resourceType: 'Patient', id: '123', active: true };
    const { meta: _, ...rest } = made(['Patient.id'], patient, {
      parameters: { validOutput: true },
    }) as JsonObject;
    expect(rest).toEqual({ resourceType: 'Patient', active: true });
  });

  it('fails on half a surrogate pair, which would be one with others', () => {
    const patient = '{"resourceType":"Patient","id":"\\ud83d"}';
    const text = '{"fhirPathRules":[{"path":"Patient.id","method":"pseudonymize"}]}';
    const result = objectEngine(configurationOf(text, 'R4'), engineOptions('R4')).anonymize(patient);
    expect(result).toMatchObject({ failure: { code: 'not-unicode' } });
  });

  it('fails without a service', () => {
    const text = '{"fhirPathRules":[{"path":"Patient.id","method":"pseudonymize"}]}';
    const engine = objectEngine(configurationOf(text, 'R4'), {
      ...engineOptions('R4'),
      pseudonyms: undefined,
    });
    expect(engine.anonymize('{"resourceType":"Patient","id":"1"}')).toMatchObject({
      failure: { code: 'no-pseudonym-service' },
    });
  });

  it.each<[object, string]>([
    [{ domain: '' }, 'fhirPathRules[0].domain: Must be a text that is not empty, without space around it'],
    [{ domain: 7 }, 'fhirPathRules[0].domain: Must be a text that is not empty, without space around it'],
    [{ entici: {} }, 'fhirPathRules[0].entici: Needs resourceType, a resource type of FHIR, for example "Patient"'],
    [{ entici: { resourceType: 'Patient', project: 1 } }, 'fhirPathRules[0].entici.project: Must be a text that is not empty'],
  ])('refuses %j', (settings, problem) => {
    const text = JSON.stringify({ fhirPathRules: [{ path: 'Patient.id', method: 'pseudonymize', ...settings }] });
    const { issues } = readConfiguration(text, { fhirVersion: 'R4' });
    expect(issues.map(({ path, message }) => `${path}: ${message}`)).toEqual([problem]);
  }); // prettier-ignore

  it.each([
    ['keep', ['references partial', 'urls partial']],
    ['hash', []],
  ])('clears URIs as far as servers go, which it takes for references: %s', (referenceServers, left) => {
    const rules = [{ path: "nodesByType('uri')", method: 'pseudonymize', domain: 'D' }, { path: 'Resource', method: 'redact' }]; // prettier-ignore
    const text = JSON.stringify({ fhirPathRules: rules, parameters: { referenceServers } });
    const { gaps } = coverageOf(configurationOf(text, 'R4'));
    expect([...new Set(gaps.map(({ category, reach }) => `${category} ${reach}`))]).toEqual(left);
  });

  it.each([
    ['keep', 'partial'],
    ['hash', undefined],
  ])('clears references as far as servers go: %s', (referenceServers, left) => {
    const rules = [{ path: "nodesByType('Reference').reference", method: 'pseudonymize' }, { path: 'Resource', method: 'redact' }]; // prettier-ignore
    const text = JSON.stringify({ fhirPathRules: rules, parameters: { referenceServers } });
    const gaps = coverageOf(configurationOf(text, 'R4')).gaps.filter(
      ({ category }) => category === 'references',
    );
    expect(gaps[0]?.reach).toBe(left);
  });
});

describe('an engine whose source lacks pseudonyms', () => {
  /** Knows what it was told. */
  function source(known: Set<string>): PseudonymSource & { missing: Set<string> } {
    const missing = new Set<string>();
    let lacks = false;
    return {
      missing,
      domain: (name) => ({
        of: (value) => {
          if (known.has(value)) return madePseudonym(name, value);
          missing.add(value);
          lacks = true;
          return undefined;
        },
      }),
      takeLack: () => {
        const taken = lacks;
        lacks = false;
        return taken;
      },
    };
  }
  const TEXT = JSON.stringify({
    fhirPathRules: [
      { path: "nodesByType('Identifier').value", method: 'pseudonymize', domain: 'MRN' },
      { path: "nodesByType('Reference').reference", method: 'pseudonymize' },
      { path: 'Resource.id', method: 'pseudonymize' },
    ],
  });
  const VALUES = ['o1', 'p1', 'mrn1', 'mrn2'];
  const RESOURCE = `{"resourceType":"Observation","id":"o1","identifier":[{"value":"mrn1"},{"value":"mrn2"}],"subject":{"reference":"Patient/p1"}}`;

  it('notes all of them at once, and makes nothing', () => {
    const pseudonyms = source(new Set());
    const engine = objectEngine(configurationOf(TEXT, 'R4'), { ...engineOptions('R4'), pseudonyms });
    expect(engine.anonymize(RESOURCE)).toEqual({ outcome: 'failed', failure: LACKS_PSEUDONYMS });
    expect(pseudonyms.missing).toEqual(new Set(VALUES));
    const report = engine.takeReport();
    expect([report.resources, [...report.labels], [...report.types]]).toEqual([0, [], []]);
  });

  it('makes a line of exactly those resources whose values are all known', () => {
    fc.assert(
      fc.property(fc.subarray(VALUES), (values) => {
        const known = new Set(values);
        const engine = objectEngine(configurationOf(TEXT, 'R4'), {
          ...engineOptions('R4'),
          pseudonyms: source(known),
        });
        const result = engine.anonymize(RESOURCE);
        expect(result.outcome).toBe(known.size === VALUES.length ? 'anonymized' : 'failed');
        if (result.outcome === 'anonymized')
          for (const value of VALUES) expect(result.line).not.toContain(`"${value}"`);
      }),
      randomly(100),
    );
  });
});
