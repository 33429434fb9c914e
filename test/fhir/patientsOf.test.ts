import { describe, expect, it } from 'vitest';
import { type JsonObject } from '../../functions/json/json.js';
import type { FhirVersion } from '../../functions/fhir/fhirVersion.js';
import { patientOf } from '../../functions/fhir/patientsOf.js';
import { engineOf } from '../deid/shared.js';

const CONFIGURATION = JSON.stringify({
  fhirPathRules: [
    { path: 'Resource.id', method: 'cryptoHash' },
    { path: "nodesByType('Reference').reference", method: 'cryptoHash' },
    { path: "nodesByType('date')", method: 'dateShift' },
    { path: "nodesByType('dateTime')", method: 'dateShift' },
  ],
  parameters: { dateShiftScope: 'patient', dateShiftKey: 'k', cryptoHashKey: 'k' },
});

const engine = engineOf(CONFIGURATION, 'R4');

function deidentify(resource: object): JsonObject {
  const result = engine.anonymize(JSON.stringify(resource));
  if (result.outcome === 'failed') throw new Error(result.failure.message);
  return JSON.parse(result.line) as JsonObject;
}

describe('the patient of a resource', () => {
  it.each<[object, string | null]>([
    [{ resourceType: 'Patient', id: 'p', link: [{ other: { reference: 'Patient/q' } }] }, 'p'],
    [{ resourceType: 'Observation', subject: { reference: 'Patient/p' } }, 'p'],
    [{ resourceType: 'Observation', subject: { reference: 'http://e.org/fhir/Patient/p/_history/3' } }, 'p'],
    [
      {
        resourceType: 'Observation',
        subject: { reference: 'Patient/p' },
        performer: [{ reference: 'Patient/p' }],
      },
      'p',
    ],
    [
      {
        resourceType: 'Observation',
        subject: { reference: 'Patient/p' },
        performer: [{ reference: 'Patient/q' }],
      },
      null,
    ],
    [{ resourceType: 'Observation', subject: { reference: 'Group/p' } }, null],
    [{ resourceType: 'Observation', subject: { reference: '#p' } }, null],
    [{ resourceType: 'Observation', subject: { identifier: { value: 'p' } } }, null],
    [{ resourceType: 'Immunization', patient: { reference: 'Patient/p' } }, 'p'],
    [{ resourceType: 'Coverage', beneficiary: { reference: 'Patient/p' } }, 'p'],
    [
      {
        resourceType: 'Appointment',
        participant: [{ actor: { reference: 'Location/l' } }, { actor: { reference: 'Patient/p' } }],
      },
      'p',
    ],
    [{ resourceType: 'Device', patient: { reference: 'Patient/p' } }, 'p'],
    [{ resourceType: 'QuestionnaireResponse', source: { reference: 'Patient/p' } }, null],
    [{ resourceType: 'Organization', id: 'o' }, null],
    [{ resourceType: 'Observation', subject: 'Patient/p' }, null],
  ])('%j: %s', (resource, expected) => {
    expect(patientOf(resource as JsonObject, 'R4')).toBe(expected);
  });
});

describe('by the elements of the FHIR version:', () => {
  const performed = { reference: { reference: 'Patient/p' } };
  it.each<[FhirVersion, object, string | null]>([
    ['R4', { resourceType: 'DeviceRequest', performer: { reference: 'Patient/p' } }, 'p'],
    ['R5', { resourceType: 'DeviceRequest', performer: performed }, 'p'],
    ['R4', { resourceType: 'DeviceRequest', performer: performed }, null],
    ['R5', { resourceType: 'Task', for: { reference: 'Patient/p' } }, 'p'],
    ['R4', { resourceType: 'Task', for: { reference: 'Patient/p' } }, 'p'],
    ['R4B', { resourceType: 'Task', for: { reference: 'Patient/p' } }, 'p'],
    ['STU3', { resourceType: 'Task', for: { reference: 'Patient/p' } }, 'p'],
    ['R4', { resourceType: 'Task', for: { reference: 'Organization/p' } }, null],
    ['R5', { resourceType: 'Appointment', subject: { reference: 'Patient/p' } }, 'p'],
    ['STU3', { resourceType: 'AuditEvent', agent: [{ reference: { reference: 'Patient/p' } }] }, 'p'],
    ['R4', { resourceType: 'AuditEvent', agent: [{ reference: { reference: 'Patient/p' } }] }, null],
  ])('%s %j: %s', (version, resource, expected) => {
    expect(patientOf(resource as JsonObject, version)).toBe(expected);
  });
});

const days = (one: unknown, two: string): number => (Date.parse(String(one)) - Date.parse(two)) / 86_400_000;

const entry = (id: string): object => ({
  resource: {
    resourceType: 'Observation',
    subject: { reference: `Patient/${id}` },
    effectiveDateTime: '2010-05-05',
    contained: [{ resourceType: 'Specimen', receivedTime: '2010-05-05' }],
  },
});

describe('dates shifted per patient', () => {
  it('move by the same days in every resource of a patient, though ids are hashed before', () => {
    const patient = deidentify({ resourceType: 'Patient', id: 'p', birthDate: '2000-01-01' });
    const observation = deidentify({
      resourceType: 'Observation',
      id: 'o',
      subject: { reference: 'Patient/p' },
      effectiveDateTime: '2010-05-05',
    });
    const shift = days(patient['birthDate'], '2000-01-01');
    expect(shift).not.toBe(0);
    expect(days(observation['effectiveDateTime'], '2010-05-05')).toBe(shift);
  });

  it('move by others for others: every offset of ±50 days but 0 comes up', () => {
    const shifts = new Set<number>();
    for (let id = 0; id < 2000; id++) {
      shifts.add(
        days(
          deidentify({ resourceType: 'Patient', id: `p${id}`, birthDate: '2000-01-01' })['birthDate'],
          '2000-01-01',
        ),
      );
    }
    expect([...shifts].sort((one, two) => one - two)).toEqual(
      [...Array(101).keys()].map((place) => place - 50).filter((shift) => shift !== 0),
    );
  });

  it('are redacted where there is no one patient', () => {
    for (const subject of [undefined, { reference: 'Group/g' }]) {
      expect(
        deidentify({ resourceType: 'Observation', subject, effectiveDateTime: '2010-05-05' })[
          'effectiveDateTime'
        ],
      ).toBeUndefined();
    }
  });

  it('each resource of a Bundle has its own patient, what is contained that of the resource around it', () => {
    const bundle = deidentify({ resourceType: 'Bundle', entry: [entry('p'), entry('q')] });
    const [one, two] = bundle['entry'] as unknown as {
      resource: { effectiveDateTime: string; contained: [{ receivedTime: string }] };
    }[];
    expect(one?.resource.effectiveDateTime).toBe(
      deidentify({
        resourceType: 'Observation',
        subject: { reference: 'Patient/p' },
        effectiveDateTime: '2010-05-05',
      })['effectiveDateTime'],
    );
    expect(one?.resource.contained[0].receivedTime).toBe(one?.resource.effectiveDateTime);
    expect(two?.resource.effectiveDateTime).not.toBe(one?.resource.effectiveDateTime);
  });
});

describe('the patient of an entry that is named by the fullUrl of another', () => {
  const URL = 'urn:uuid:7d0f4a52-1c1e-4b55-9a0e-52f1a1b2c3d4';
  const patient = { resourceType: 'Patient', birthDate: '2000-01-01' };
  const observation = (reference: string): object => ({
    resource: { resourceType: 'Observation', subject: { reference }, effectiveDateTime: '2010-05-05' },
  });
  /** Days that the dates of the entries move by; undefined where a date is redacted. */
  const shifts = (...entries: object[]): (number | undefined)[] => {
    const bundle = deidentify({ resourceType: 'Bundle', type: 'transaction', entry: entries });
    return (bundle['entry'] as unknown as { resource: Record<string, string> }[]).map(({ resource }) => {
      const date = resource['birthDate'] ?? resource['effectiveDateTime'];
      return date === undefined
        ? undefined
        : days(date, resource['birthDate'] === undefined ? '2010-05-05' : '2000-01-01');
    });
  };
  const alone = days(deidentify({ ...patient, id: 'p' })['birthDate'], '2000-01-01');

  it.each<[string, object]>([
    ['a uuid', { fullUrl: URL, resource: { ...patient, id: 'p' } }],
    ['an address', { fullUrl: 'https://other.example.org/x', resource: { ...patient, id: 'p' } }],
  ])('%s: moves as the Patient does by its id', (_, entryOfPatient) => {
    const { fullUrl } = entryOfPatient as { fullUrl: string };
    expect(shifts(entryOfPatient, observation(fullUrl), observation('Patient/p'))).toEqual([
      alone,
      alone,
      alone,
    ]);
    expect(shifts(observation(fullUrl), entryOfPatient)).toEqual([alone, alone]);
  });

  it('a Patient without an id moves with what refers to it', () => {
    const [own, referring] = shifts({ fullUrl: URL, resource: patient }, observation(URL));
    expect(own).toEqual(expect.any(Number));
    expect(referring).toBe(own);
  });

  it.each<[string, object[]]>([
    ['no entry', []],
    ['an entry that is no Patient', [{ fullUrl: URL, resource: { resourceType: 'Group', id: 'p' } }]],
    [
      'two Patients',
      [
        { fullUrl: URL, resource: { ...patient, id: 'p' } },
        { fullUrl: URL, resource: { ...patient, id: 'q' } },
      ],
    ],
  ])('is not known where the fullUrl is that of %s', (_, entries) => {
    expect(shifts(...entries, observation(URL)).at(-1)).toBeUndefined();
  });

  it('is not looked for in another Bundle', () => {
    const inner = {
      resource: {
        resourceType: 'Bundle',
        type: 'collection',
        entry: [{ fullUrl: URL, resource: { ...patient, id: 'p' } }],
      },
    };
    expect(shifts(inner, observation(URL)).at(-1)).toBeUndefined();
  });
});
