import { arraySink } from '../export/arraySink.js';
import { UNWATCHED } from '../export/exportRaw.js';
import { WHOLE_SCOPE } from '../export/requests.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../functions/json/json.js';
import {
  addPatients,
  checkPatientCount,
  PatientCounter,
} from '../../functions/export/output/patientCount.js';
import { rawLines } from '../../functions/export/rawLines.js';
import { EVERYTHING } from '../../functions/export/selection/selection.js';
import { runSlice } from '../../functions/export/slice.js';
import { ExportError } from '../../functions/errors.js';
import { mayBeOfPatient } from '../../functions/fhir/patientsOf.js';

const SECRET = Buffer.alloc(32, 7);
type Request = Parameters<typeof checkPatientCount>[0];
const whole: Request = { ...WHOLE_SCOPE, level: { kind: 'system' }, minPatients: 10 };
const digests = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, index) => `d${from + index}`);
const isOfPatients = (type: string): boolean => type !== 'Organization';

function isRefused(
  ...[request, partitions]: [Parameters<typeof checkPatientCount>[0], Parameters<typeof checkPatientCount>[1]]
): string {
  try {
    checkPatientCount(request, partitions, isOfPatients);
    return '';
  } catch (thrown) {
    if (!(thrown instanceof ExportError)) throw thrown;
    expect(thrown).toMatchObject({ code: 'forbidden', retryable: false });
    return thrown.message;
  }
}

describe('a job over few patients ends without data:', () => {
  it('fewer than it has to be over, but not as many', () => {
    expect(isRefused(whole, [{ type: 'Patient', patients: digests(9) }])).toMatch(
      /fewer than 10 patients.*MIN_PATIENTS/,
    );
    expect(isRefused(whole, [{ type: 'Patient', patients: digests(10) }])).toBe('');
  });

  it('patients in several types count once, and all of them together', () => {
    const types = (...counts: string[][]): Array<{ type: string; patients: string[] }> =>
      counts.map((patients, index) => ({ type: `Type${index}`, patients }));
    expect(isRefused(whole, types(digests(6), digests(6), digests(6)))).not.toBe('');
    expect(isRefused(whole, types(digests(6), digests(6, 4)))).toBe('');
  });

  it('one that nothing narrows may be over none', () => {
    expect(isRefused(whole, [])).toBe('');
    expect(isRefused(whole, [{ type: 'Organization', patients: [] }])).toBe('');
  });

  it.each(['since', 'until'])(
    'one of what changed in a time (%s) may not, in the same words as for few',
    (bound) => {
      const changed: Request = { ...whole, [bound]: '2026-01-01T00:00:00Z' };
      const none = isRefused(changed, [{ type: 'Patient', patients: [] }]);
      expect(none).toMatch(/fewer than 10 patients/);
      expect(isRefused(changed, [{ type: 'Patient', patients: digests(1) }])).toBe(none);
      expect(isRefused({ ...changed, level: { kind: 'patient' } }, [])).toBe(none);
      expect(isRefused(changed, [{ type: 'Organization', patients: [] }])).toBe('');
    },
  );

  it('one of a group may not, in the same words as for few', () => {
    const group: Request = { ...whole, level: { kind: 'group', groupId: 'g' } };
    const none = isRefused(group, []);
    expect(none).not.toBe('');
    expect(isRefused(group, [{ type: 'Patient', patients: digests(1) }])).toBe(none);
  });

  it('a narrow search does not hide behind a wide one, and none tells no more than few', () => {
    const filtered: Request = { ...whole, typeFilters: [{ type: 'Condition', search: [['code', 'x']] }] };
    const wide = { type: 'Observation', patients: digests(10) };
    const few = isRefused(filtered, [wide, { type: 'Condition', patients: digests(1) }]);
    expect(few).toMatch(/in Condition/);
    expect(isRefused(filtered, [wide, { type: 'Condition', patients: [] }])).toBe(few);
    expect(isRefused(filtered, [wide, { type: 'Condition', patients: digests(10) }])).toBe('');
    const noPatients: Request = {
      ...whole,
      typeFilters: [{ type: 'Organization', search: [['type', 'x']] }],
    };
    expect(isRefused(noPatients, [{ type: 'Organization', patients: [] }])).toBe('');
  });

  it('no limit, no refusal', () => {
    expect(isRefused({ ...whole, minPatients: 0 }, [{ type: 'Patient', patients: digests(1) }])).toBe('');
  });
});

describe('patients are counted', () => {
  it('exactly, and with no more kept than has to be known', () => {
    const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
    console.log(`SEED=${seed}`);
    const slices = fc.array(fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 40 }), { maxLength: 8 });
    fc.assert(
      fc.property(slices, fc.integer({ min: 1, max: 20 }), (written, most) => {
        const sum = new Set<string>();
        for (const ids of written) {
          const counter = new PatientCounter(most, 'R4');
          for (const id of ids) {
            counter.add(
              counter.look(() => ({ resourceType: 'Observation', subject: { reference: `Patient/${id}` } })),
            );
          }
          const kept = counter.digests(SECRET);
          expect(kept.length).toBeLessThanOrEqual(most);
          addPatients(sum, kept, most);
        }
        expect(sum.size).toBe(Math.min(most, new Set(written.flat()).size));
      }),
      { seed, numRuns: 500 },
    );
  });

  it('each of those that a resource is of, by whatever reference names them', () => {
    const counter = new PatientCounter(10, 'R4');
    counter.add(counter.look(() => ({ resourceType: 'Patient', id: 'a' })));
    counter.add(counter.look(() => ({ resourceType: 'Condition', subject: { reference: 'Patient/a' } })));
    counter.add(
      counter.look(() => ({
        resourceType: 'Condition',
        subject: { reference: 'https://fhir.example.org/r4/Patient/b/_history/2' },
      })),
    );
    counter.add(
      counter.look(() => ({
        resourceType: 'Appointment',
        participant: [
          { actor: { reference: 'Patient/c' } },
          { actor: { reference: 'Patient/d' } },
          { actor: { reference: 'Practitioner/e' } },
        ],
      })),
    );
    counter.add(counter.look(() => ({ resourceType: 'Organization', id: 'f' })));
    expect(counter.digests(SECRET)).toHaveLength(4);
  });

  it.each<[string, object, number]>([
    ['a Task, for whom it is', { resourceType: 'Task', for: { reference: 'Patient/a' } }, 1],
    [
      'a document, what is in it',
      {
        resourceType: 'Bundle',
        entry: [
          { resource: { resourceType: 'Patient', id: 'a' } },
          { resource: { resourceType: 'Observation', subject: { reference: 'Patient/b' } } },
        ],
      },
      2,
    ],
    ['a letter', { resourceType: 'Binary', securityContext: { reference: 'Patient/a' } }, 1],
    [
      'what only a later version names patients by',
      {
        resourceType: 'Observation',
        subject: { reference: 'Patient/a' },
        patient: { reference: 'Patient/b' },
      },
      1,
    ],
  ])('by what tells of them without being in a compartment: %s', (_what, resource, count) => {
    const counter = new PatientCounter(10, 'R4');
    counter.add(counter.look(() => resource as JsonObject));
    expect(counter.digests(SECRET)).toHaveLength(count);
  });

  it('in the resources that were asked for, not in what comes along with them', async () => {
    const targets = Array.from({ length: 10 }, (_, index) => ({ reference: `Patient/p${index}` }));
    const provenance = { resourceType: 'Provenance', id: 'v', target: targets };
    const condition = {
      resourceType: 'Condition',
      id: 'c',
      meta: { lastUpdated: '2025-01-01T00:00:00Z' },
      subject: { reference: 'Patient/p0' },
    };
    const page = JSON.stringify({
      resourceType: 'Bundle',
      type: 'searchset',
      link: [{ relation: 'self', url: 'http://source.example/Condition' }],
      total: 1,
      entry: [
        { resource: condition, search: { mode: 'match' } },
        { resource: provenance, search: { mode: 'include' } },
      ],
    });
    const answer = { body: Buffer.from(page), date: 0 };
    const unexpected = (): Promise<never> => Promise.reject(new Error('not asked for here'));
    const patients = new PatientCounter(10, 'R4');
    const written: string[] = [];
    const result = await runSlice(
      { type: 'Condition', from: undefined, until: '2026-01-01T00:00:00Z' },
      EVERYTHING,
      { pageSize: 10, cursor: undefined },
      { pages: 10, bytes: Infinity, milliseconds: Infinity },
      {
        ...UNWATCHED,
        source: {
          search: () => Promise.resolve(answer),
          follow: unexpected,
          read: unexpected,
          typeHistory: unexpected,
          capabilities: unexpected,
        },
        lineMaker: rawLines,
        patients,
        companions: {
          type: 'Provenance',
          parameters: [],
          exportedWith: (ids, included) => Promise.resolve(ids.length > 0 ? included : []),
        },
        openFile: () => Promise.resolve(arraySink(written)),
      },
    );
    expect(result.companions.report.read).toBe(1);
    expect(written).toHaveLength(2);
    expect(patients.digests(SECRET)).toHaveLength(1);
  });

  it('by digests that are of one job alone and do not hold the id', () => {
    const kept = (secret: Uint8Array): string[] => {
      const counter = new PatientCounter(10, 'R4');
      counter.add(counter.look(() => ({ resourceType: 'Patient', id: 'patient-1' })));
      return counter.digests(secret);
    };
    expect(kept(SECRET)).toEqual(kept(SECRET));
    expect(kept(SECRET)).not.toEqual(kept(Buffer.alloc(32, 8)));
    expect(JSON.stringify(kept(SECRET))).not.toContain('patient-1');
  });
});

it.each(['STU3', 'R4', 'R4B', 'R5'] as const)('%s: which types can be of patients', (version) => {
  for (const type of [
    'Patient',
    'Observation',
    'Encounter',
    'Condition',
    'ImagingStudy',
    'Appointment',
    'Coverage',
    'Task',
    'Bundle',
    'Binary',
  ]) {
    expect(`${type} ${mayBeOfPatient(type, version)}`).toBe(`${type} true`);
  }
  for (const type of ['Organization', 'Practitioner', 'Location', 'Medication', 'ValueSet']) {
    expect(`${type} ${mayBeOfPatient(type, version)}`).toBe(`${type} false`);
  }
});
