import { arraySink } from '../arraySink.js';
import { UNWATCHED } from '../exportRaw.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FhirVersion } from '../../../functions/fhir/fhirVersion.js';
import type { JsonObject } from '../../../functions/json/json.js';
import {
  addPartCounts,
  emptyCounts,
  type PartCounts,
  partOf,
  PatientCounter,
  withheldNote,
  withheldTypes,
} from '../../../functions/export/selection/patientCount.js';
import { rawLines } from '../../../functions/export/output/rawLines.js';
import { EVERYTHING } from '../../../functions/export/selection/selection.js';
import { runSlice } from '../../../functions/export/slice/slice.js';
import { randomly } from '../../random.js';

const SECRET = Buffer.alloc(32, 7);
const MOST = 10;
const PART = partOf('Observation');
const digests = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, index) => `d${from + index}`);
const counted = (more: Partial<PartCounts>): PartCounts => ({ ...emptyCounts(), ...more });

function counterOf(
  more: Partial<ConstructorParameters<typeof PatientCounter>[0]> = {},
  fhirVersion: FhirVersion = 'R4',
): PatientCounter {
  return new PatientCounter({ most: MOST, fhirVersion, secret: SECRET, ...more });
}

function write(counter: PatientCounter, part: string, ...resources: JsonObject[]): void {
  for (const resource of resources) {
    const { id } = resource;
    counter.add(
      part,
      counter.look(part, () => [resource]),
      typeof id === 'string' ? id : undefined,
    );
  }
}

interface Alternatives {
  [type: string]: string[][];
}

/** The types that are withheld of a job whose types have alternatives of these patients. */
function withheldOf(types: Alternatives, more: Record<string, Partial<PartCounts>> = {}): string[] {
  const all = Object.entries(types).map(([type, alternatives]) => {
    const patients = Object.fromEntries(alternatives.map((some, index) => [partOf(type, index), some]));
    return [
      type,
      { alternatives: Math.max(1, alternatives.length), counts: counted({ patients, ...more[type] }) },
    ] as const;
  });
  return [...withheldTypes(new Map(all), MOST)].sort();
}

describe('a part of few patients is withheld as a whole', () => {
  it('where it is of fewer than it has to be, or of none, but not of as many', () => {
    expect(withheldOf({ Condition: [digests(9)], Observation: [digests(10)], Procedure: [[]] })).toEqual([
      'Condition',
      'Procedure',
    ]);
  });

  it('whatever other types and alternatives are padded with', () => {
    expect(withheldOf({ Condition: [digests(1)], Encounter: [digests(10)] })).toEqual(['Condition']);
    expect(withheldOf({ Condition: [digests(10), digests(1)], Encounter: [digests(10)] })).toEqual([
      'Condition',
    ]);
    expect(withheldOf({ Condition: [digests(10), digests(10)] })).toEqual([]);
  });

  it('in the same words for few patients and for none', () => {
    expect(withheldNote(['Condition'], MOST)).toMatch(/fewer than 10 patients or of none .*: Condition\./);
  });

  it('a type outside of the compartment counts by the patients whose exported resources refer to it', () => {
    const referred = (target: string, count: number): PartCounts['referred'] => ({
      Location: { [target]: digests(count) },
    });
    const types = { Location: [[]], Encounter: [digests(10)] };
    const written = { Location: { written: { Location: ['home'] } } };
    expect(withheldOf(types, { ...written, Encounter: { referred: referred('home', 10) } })).toEqual([]);
    expect(withheldOf(types, { ...written, Encounter: { referred: referred('home', 9) } })).toEqual([
      'Location',
    ]);
    // References to others than those that are exported are no reason to export these.
    expect(withheldOf(types, { ...written, Encounter: { referred: referred('ward', 10) } })).toEqual([
      'Location',
    ]);
    // Nor are references from what is withheld itself.
    const few = { Location: [[]], Encounter: [digests(9)], Observation: [digests(10)] };
    expect(withheldOf(few, { ...written, Encounter: { referred: referred('home', 10) } })).toEqual([
      'Encounter',
      'Location',
    ]);
  });
});

describe('patients are counted', () => {
  it('exactly, across slices and partitions, and with no more kept than has to be known', () => {
    const slices = fc.array(fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 40 }), { maxLength: 8 });
    fc.assert(
      fc.property(slices, fc.integer({ min: 1, max: 20 }), (written, most) => {
        const sum = emptyCounts();
        for (const ids of written) {
          const counter = counterOf({ most });
          write(
            counter,
            PART,
            ...ids.map((id) => ({ resourceType: 'Observation', subject: { reference: `Patient/${id}` } })),
          );
          const counts = counter.counts();
          expect(counts.patients[PART]?.length ?? 0).toBeLessThanOrEqual(most);
          addPartCounts(sum, counts, most);
        }
        expect(sum.patients[PART]?.length ?? 0).toBe(Math.min(most, new Set(written.flat()).size));
      }),
      randomly(500),
    );
  });

  it('who refer to other types, in memory that does not grow with the resources', () => {
    const outside = new Set(['Location', 'Medication']);
    const sum = emptyCounts();
    for (let slice = 0; slice < 5; slice++) {
      const counter = counterOf({ outside });
      const numbers = Array.from({ length: 1500 }, (_, index) => slice * 1500 + index);
      write(
        counter,
        PART,
        ...numbers.map((n) => ({
          resourceType: 'Observation',
          subject: { reference: `Patient/${n % 50}` },
          contained: [
            { resourceType: 'Encounter', location: [{ location: { reference: `Location/${n}` } }] },
          ],
        })),
      );
      write(
        counter,
        partOf('Location'),
        ...numbers.map((n) => ({ resourceType: 'Location', id: String(n) })),
      );
      const counts = counter.counts();
      expect(JSON.stringify(counts).length).toBeLessThan(20_000);
      addPartCounts(sum, counts, MOST);
    }
    expect(JSON.stringify(sum).length).toBeLessThan(20_000);
    const types = new Map([['Location', { alternatives: 1, counts: sum }]]);
    expect([...withheldTypes(types, MOST)]).toEqual([]);
  });

  it('each of those that a resource is of, by whatever reference names them', () => {
    const counter = counterOf();
    write(counter, PART, { resourceType: 'Patient', id: 'a' });
    write(counter, PART, { resourceType: 'Condition', subject: { reference: 'Patient/a' } });
    write(counter, PART, {
      resourceType: 'Condition',
      subject: { reference: 'https://fhir.example.org/r4/Patient/b/_history/2' },
    });
    write(counter, PART, {
      resourceType: 'Appointment',
      participant: [
        { actor: { reference: 'Patient/c' } },
        { actor: { reference: 'Patient/d' } },
        { actor: { reference: 'Practitioner/e' } },
      ],
    });
    write(counter, PART, { resourceType: 'Organization', id: 'f' });
    expect(counter.counts().patients[PART]).toHaveLength(4);
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
  ])('by what identifies them without being in a compartment: %s', (_what, resource, count) => {
    const counter = counterOf();
    write(counter, PART, resource as JsonObject);
    expect(counter.counts().patients[PART]).toHaveLength(count);
  });

  it('in the resources that were asked for; what comes along counts by those of the page that it is about', async () => {
    const targets = Array.from({ length: 10 }, (_, index) => ({ reference: `Patient/p${index}` }));
    targets.push({ reference: 'Condition/c' });
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
    const patients = counterOf();
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
    expect(patients.counts().patients).toEqual({
      'Condition/0': [expect.any(String)],
      'Provenance/0': [expect.any(String)],
    });
  });

  it('by digests that are of one job alone and do not hold the id', () => {
    const kept = (secret: Uint8Array): PartCounts => {
      const counter = counterOf({ secret, outside: new Set(['Patient']) });
      write(counter, PART, { resourceType: 'Patient', id: 'patient-1' });
      return counter.counts();
    };
    expect(kept(SECRET)).toEqual(kept(SECRET));
    expect(kept(SECRET)).not.toEqual(kept(Buffer.alloc(32, 8)));
    expect(JSON.stringify(kept(SECRET))).not.toContain('patient-1');
  });
});
