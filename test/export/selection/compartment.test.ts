import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../functions/json/json.js';
import { CompartmentSelection, coveringParameters } from '../../../functions/export/selection/compartment.js';
import { splitSearches } from '../../../functions/export/selection/memberPlan.js';
import { Members } from '../../../functions/export/selection/members.js';
import { ProvenanceCompanions } from '../../../functions/export/selection/provenance.js';
import { readSearchPage } from '../../../functions/export/source/searchPage.js';
import type { SearchParameters, Source } from '../../../functions/export/source/source.js';
import { patientCompartment } from '../../../functions/fhir/patientCompartment.js';
import { randomly, SEED } from '../../random.js';

const BASE = 'https://source.example/fhir';
const LINKS = patientCompartment('R4');

/** How a resource names a patient, and which of the source's patients it means. */
const reference = fc
  .record({
    id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', '1', '10', '2', 'a.b', 'x-y'),
    form: fc.constantFrom('relative', 'relative', 'absolute', 'version', 'foreign', 'device', 'identifier'),
  })
  .map(({ id, form }) => {
    switch (form) {
      case 'relative':
        return { patient: id, json: { reference: `Patient/${id}` } };
      case 'absolute':
        return { patient: id, json: { reference: `${BASE}/Patient/${id}` } };
      case 'version':
        return { patient: id, json: { reference: `Patient/${id}/_history/7` } };
      case 'foreign':
        return { patient: undefined, json: { reference: `https://else.example/fhir/Patient/${id}` } };
      case 'device':
        return { patient: undefined, json: { reference: `Device/${id}` } };
      default:
        return { patient: undefined, json: { identifier: { value: id } } };
    }
  });

const toPatient = (id: string, base = ''): { reference: string } => ({ reference: `${base}Patient/${id}` });

const observation = fc.record({
  subject: fc.option(reference, { nil: undefined }),
  performer: fc.array(reference, { maxLength: 4 }),
});
const members = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', '1', '10', '2', 'a.b', 'x-y', 'gone'), {
  minLength: 1,
});

describe(`the members' resources of a type (TEST_SEED=${SEED})`, () => {
  it('are exported once each, by whichever batches and parameters they are found', () => {
    fc.assert(
      fc.property(
        fc.array(observation, { maxLength: 30 }),
        members,
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 5 }),
        fc.boolean(),
        (observations, ids, batch, workers, bySearch) => {
          const links = LINKS.get('Observation') ?? [];
          const parameters = coveringParameters('Observation', links, () => true) ?? [];
          expect(parameters).toEqual(['subject', 'performer']);
          const of = {
            type: 'Observation',
            fhirVersion: 'R4' as const,
            links,
            bases: [BASE],
            members: new Members(ids),
          };
          const end = Math.ceil(ids.length / batch) * parameters.length;
          const memberSearch = { parameters, batch, first: 0, end };
          const parts = bySearch
            ? splitSearches({ memberSearch, estimate: undefined }, workers).map((part) => part.memberSearch)
            : [undefined];
          const patientsOf = (index: number, parameter: string): string[] => {
            const { subject, performer } = observations[index] ?? { performer: [] };
            const all = parameter === 'subject' ? [subject] : performer;
            return all.map((each) => each?.patient).filter((patient) => patient !== undefined);
          };
          const exported: number[] = [];
          const selections = parts.map((part) => new CompartmentSelection(of, part));
          const searches = selections.flatMap((selection) => {
            return Array.from({ length: selection.searches }, (_, search) => ({ selection, search }));
          });
          expect(searches).toHaveLength(bySearch ? end : 1);
          for (const { selection, search } of searches) {
            const asked = selection.parameters(search);
            for (const [index, { subject, performer }] of observations.entries()) {
              const isFound = asked.every(([name, value]) =>
                patientsOf(index, name).some((patient) => value.split(',').includes(`Patient/${patient}`)),
              );
              const resource = {
                resourceType: 'Observation',
                id: String(index),
                subject: subject?.json,
                performer: performer.map(({ json }) => json),
              } as unknown as JsonObject;
              if (isFound && selection.isExported(search, () => resource)) exported.push(index);
            }
          }
          const isMember = (id: string): boolean => (ids as string[]).includes(id);
          const named = (index: number): string[] => {
            const { subject, performer } = observations[index] ?? { performer: [] };
            const texts = [subject, ...performer].map((each) => each?.json.reference ?? '');
            return texts.flatMap((text) => /\bPatient\/([^/]+)/.exec(text)?.[1] ?? []);
          };
          const isTheirs = (index: number): boolean =>
            parameters.some((parameter) => patientsOf(index, parameter).some(isMember));
          // What belongs also to another patient, on whatever server, is left out, and counted once.
          const expected = [...observations.keys()].filter(
            (index) => isTheirs(index) && named(index).every(isMember),
          );
          const left = [...observations.keys()].filter(
            (index) => isTheirs(index) && !named(index).every(isMember),
          );
          expect(selections.reduce((sum, { ofOthers }) => sum + ofOthers, 0)).toBe(left.length);
          expect(exported.sort((a, b) => a - b)).toEqual(expected);
        },
      ),
      randomly(500),
    );
  });

  it('are refused where the source gives what is of no patient asked for', () => {
    const of = {
      type: 'Observation',
      fhirVersion: 'R4' as const,
      links: LINKS.get('Observation') ?? [],
      bases: [BASE],
      members: new Members(['a']),
    };
    const selection = new CompartmentSelection(of, {
      parameters: ['subject', 'performer'],
      batch: 9,
      first: 0,
      end: 2,
    });
    const give = (subject: string): boolean =>
      selection.isExported(0, () => ({
        resourceType: 'Observation',
        id: 'o',
        subject: { reference: subject },
      }));
    expect(give('Patient/a')).toBe(true);
    expect(() => give('Patient/b')).toThrow(expect.objectContaining({ code: 'source-ignored-parameter' }));
    expect(() => give('Group/a')).toThrow(expect.objectContaining({ code: 'source-ignored-parameter' }));
    // A namesake elsewhere is in doubt: it is left out, and reported.
    expect(give('https://else.example/fhir/Patient/a')).toBe(false);
    expect(selection.foreign).toBe(1);
  });

  it.each<[string, string, object, boolean]>([
    [
      'Group',
      'a list of members with others',
      { member: [{ entity: toPatient('a') }, { entity: toPatient('x') }] },
      false,
    ],
    [
      'Group',
      'a list of members',
      { member: [{ entity: toPatient('a') }, { entity: toPatient('b') }] },
      true,
    ],
    [
      'Appointment',
      'several participants',
      {
        participant: [
          { actor: toPatient('a') },
          { actor: toPatient('x') },
          { actor: { reference: 'Location/l' } },
        ],
      },
      false,
    ],
    ['Appointment', 'one participant', { participant: [{ actor: toPatient('a') }] }, true],
    ['Patient', 'a link to another', { id: 'a', link: [{ other: toPatient('x') }] }, true],
    ['Patient', 'a link to a member', { id: 'x', link: [{ other: toPatient('a') }] }, false],
    [
      'Condition',
      'an asserter of another server',
      { subject: toPatient('a'), asserter: toPatient('x', 'https://e/r4/') },
      false,
    ],
  ])('%s with %s: exported, or not, as it is of others', (type, _what, content, isExported) => {
    const of = { type, fhirVersion: 'R4' as const, links: LINKS.get(type) ?? [], bases: [BASE] };
    const resource = { resourceType: type, id: '1', ...content } as JsonObject;
    const selection = new CompartmentSelection({ ...of, members: new Members(['a', 'b']) });
    expect(selection.isExported(0, () => resource)).toBe(isExported);
    expect(selection.ofOthers).toBe(isExported ? 0 : 1);
    // Of all patients of the source, no patient is another.
    expect(new CompartmentSelection({ ...of, members: undefined }).isExported(0, () => resource)).toBe(true);
  });

  it('are asked for by the fewest parameters that the source knows', () => {
    const parametersOf = (type: string, ...unknown: string[]): string[] | undefined =>
      coveringParameters(type, LINKS.get(type) ?? [], (name) => !unknown.includes(name));
    expect(parametersOf('MedicationDispense')).toEqual(['subject', 'receiver']);
    expect(parametersOf('MedicationDispense', 'subject')).toEqual(['patient', 'receiver']);
    expect(parametersOf('MedicationDispense', 'receiver')).toBeUndefined();
    expect(parametersOf('Patient')).toEqual(['_id', 'link']);
    expect(parametersOf('Patient', 'link')).toBeUndefined();
  });
});

interface Stored {
  resourceType: string;
  id: string;
  [element: string]: unknown;
}

function bundleOf(resources: readonly object[], included: readonly object[] = []): Buffer {
  const entry = [
    ...resources.map((resource) => ({ resource, search: { mode: 'match' } })),
    ...included.map((resource) => ({ resource, search: { mode: 'include' } })),
  ];
  return Buffer.from(JSON.stringify({ resourceType: 'Bundle', type: 'searchset', entry }));
}

/** A source that finds by `_id`. */
function sourceOf(stored: readonly Stored[]): Source {
  const refuse = (): never => {
    throw new Error('not asked for');
  };
  return {
    search: async (type: string, parameters: SearchParameters) => {
      const ids = new Map(parameters).get('_id')?.split(',') ?? [];
      const found = stored.filter(({ resourceType, id }) => resourceType === type && ids.includes(id));
      return { body: bundleOf(found), date: undefined };
    },
    follow: refuse,
    read: refuse,
    typeHistory: refuse,
    capabilities: refuse,
  };
}

describe(`Provenance that comes along (TEST_SEED=${SEED})`, () => {
  const window = { from: '2026-01-01T00:00:00.000Z', until: '2026-02-01T00:00:00.000Z' };
  const day = fc.constantFrom('2025-12-31', '2026-01-01', '2026-01-15', '2026-01-31', '2026-02-01');
  const isIn = (lastUpdated: string): boolean => lastUpdated >= window.from && lastUpdated < window.until;
  const target = fc.constantFrom(
    ...['Encounter', 'Observation', 'Location', 'Patient'].flatMap((type) =>
      ['0', '1', '2', '3', '4'].map((id) => `${type}/${id}`),
    ),
  );

  it('is exported once, with the first of its exported targets, and only inside the window', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ day, subject: fc.constantFrom('0', '1', '2') }), {
          minLength: 10,
          maxLength: 10,
          size: 'max',
        }),
        fc.array(fc.record({ day, targets: fc.uniqueArray(target, { minLength: 1, maxLength: 6 }) }), {
          maxLength: 15,
        }),
        fc.integer({ min: 1, max: 4 }),
        async (records, provenances, pageSize) => {
          const stored: Stored[] = records.map((record, index) => ({
            resourceType: index < 5 ? 'Encounter' : 'Observation',
            id: String(index % 5),
            meta: { lastUpdated: `${record.day}T00:00:00.000Z` },
            subject: { reference: `Patient/${record.subject}` },
          }));
          const all: Stored[] = provenances.map((provenance, index) => ({
            resourceType: 'Provenance',
            id: String(index),
            meta: { lastUpdated: `${provenance.day}T00:00:00.000Z` },
            target: provenance.targets.map((text) => ({ reference: text })),
          }));
          // Patients 0 and 1 are members; Locations are in no compartment.
          const ids = new Members(['0', '1']);
          const selectionOf = (type: string): CompartmentSelection =>
            new CompartmentSelection({
              type,
              fhirVersion: 'R4',
              links: LINKS.get(type) ?? [],
              bases: [BASE],
              members: ids,
            });
          const types = ['Encounter', 'Observation'];
          const targetsOf = ({ target: targets }: Stored): string[] =>
            (targets as Array<{ reference: string }>).map(({ reference: text }) => text);
          const lastUpdated = ({ meta }: Stored): string => (meta as { lastUpdated: string }).lastUpdated;
          const isExported = (resource: Stored): boolean =>
            isIn(lastUpdated(resource)) &&
            ['Patient/0', 'Patient/1'].includes((resource['subject'] as { reference: string }).reference);

          const exported: string[] = [];
          for (const type of types) {
            const companions = new ProvenanceCompanions({
              window: { ...window, type },
              bases: [BASE],
              source: sourceOf([...stored, ...all]),
              selectionOf: (name) => (types.includes(name) ? selectionOf(name) : undefined),
              own: selectionOf('Provenance'),
            });
            const rows = stored.filter(
              (resource) => resource.resourceType === type && isIn(lastUpdated(resource)),
            );
            for (let start = 0; start < rows.length; start += pageSize) {
              const page = rows.slice(start, start + pageSize);
              const keys = page.map(({ id }) => `${type}/${id}`);
              const along = all.filter((each) => targetsOf(each).some((text) => keys.includes(text)));
              const { included } = readSearchPage(bundleOf(page, along), type, 'Provenance');
              const ofPage = page.filter(isExported).map(({ id }) => id);
              for (const row of await companions.exportedWith(ofPage, included)) exported.push(row.id ?? '');
            }
          }
          const keys = new Set(
            stored.filter(isExported).map(({ resourceType, id }) => `${resourceType}/${id}`),
          );
          const expected = all.filter((each) => {
            const targets = targetsOf(each);
            // One that names a patient is exported as of its compartment, or is another patient's.
            const isOfPatients = targets.some((text) => text.startsWith('Patient/'));
            return isIn(lastUpdated(each)) && !isOfPatients && targets.some((text) => keys.has(text));
          });
          expect(exported.sort()).toEqual(expected.map(({ id }) => id).sort());
        },
      ),
      randomly(500),
    );
  });
});
