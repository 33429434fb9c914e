import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../functions/json/json.js';
import { groupNotes, Members, resolveGroup } from '../../../functions/export/selection/members.js';

const AT = '2026-06-15T12:00:00.000Z';
const BASES = ['https://source.example/fhir', 'https://public.example/r4'];

/** Patients and notes of group `g` among these groups; also, which groups were read. */
async function resolve(
  groups: Record<string, JsonObject[]>,
): Promise<{ patients: string[]; notes: string[]; read: string[] }> {
  const read: string[] = [];
  const found = await resolveGroup(
    'g',
    (id) => {
      read.push(id);
      const member = groups[id];
      return Promise.resolve(member === undefined ? undefined : { resourceType: 'Group', id, member });
    },
    AT,
    BASES,
  );
  return { patients: [...found.patients], notes: groupNotes(found), read };
}

const of = (reference: string, more: JsonObject = {}): JsonObject => ({ entity: { reference }, ...more });

describe('a membership', () => {
  it.each([
    ['plain', of('Patient/a'), true],
    ['by a version of the patient', of('Patient/a/_history/3'), true],
    ['by the URL the source is reached by', of('https://source.example/fhir/Patient/a'), true],
    ['by the URL the source gives as its own', of('https://public.example/r4/Patient/a'), true],
    ['by a URL elsewhere', of('https://else.example/fhir/Patient/a'), false],
    ['by a URL that only begins like the source', of('https://source.example/fhir2/Patient/a'), false],
    ['with an id that no resource can have', of('Patient/a,b'), false],
    ['with a path in the id', of('Patient/../Group/a'), false],
    ['by a search', of('Patient?identifier=a'), false],
    ['contained', of('#a'), false],
    ['by an identifier alone', { entity: { type: 'Patient', identifier: { value: 'a' } } }, false],
    ['that is not inactive', of('Patient/a', { inactive: false }), true],
    ['that is inactive', of('Patient/a', { inactive: true }), false],
    ['whose inactive is a text', of('Patient/a', { inactive: 'false' }), false],
    ['without an end', of('Patient/a', { period: { start: '2020' } }), true],
    ['that ends today', of('Patient/a', { period: { end: '2026-06-15' } }), true],
    ['that ends this month', of('Patient/a', { period: { end: '2026-06' } }), true],
    ['that ends this year', of('Patient/a', { period: { end: '2026' } }), true],
    ['that never ends', of('Patient/a', { period: { end: '9999-12-31' } }), true],
    ['that ended yesterday', of('Patient/a', { period: { end: '2026-06-14' } }), false],
    ['that ended a minute ago', of('Patient/a', { period: { end: '2026-06-15T13:59:00+02:00' } }), false],
    ['that ends in a minute', of('Patient/a', { period: { end: '2026-06-15T12:01Z' } }), true],
    ['that begins tomorrow', of('Patient/a', { period: { start: '2026-06-16' } }), false],
    ['whose end cannot be read', of('Patient/a', { period: { end: 'soon' } }), false],
  ] satisfies Array<[string, JsonObject, boolean]>)('%s', async (_name, member, counts) => {
    const { patients, notes } = await resolve({ g: [member] });
    expect(patients).toEqual(counts ? ['a'] : []);
    expect(notes).toHaveLength(counts ? 0 : 1);
  });

  it('that has ended does not end another of the same patient', async () => {
    const { patients } = await resolve({ g: [of('Patient/a', { inactive: true }), of('Patient/a')] });
    expect(patients).toEqual(['a']);
  });
});

describe('groups in groups', () => {
  it('are read once each, though they hold each other', async () => {
    const { patients, read } = await resolve({
      g: [of('Group/h'), of('Patient/a'), of('Group/g')],
      h: [of('Group/g'), of('Patient/b'), of('Group/i')],
      i: [of('Group/h'), of('Patient/a')],
    });
    expect(patients.sort()).toEqual(['a', 'b']);
    expect(read.sort()).toEqual(['g', 'h', 'i']);
  });

  it('that are missing, inactive, or no groups and patients, are counted', async () => {
    const { patients, notes } = await resolve({
      g: [
        of('Group/gone'),
        of('Group/h', { inactive: true }),
        of('Device/a'),
        of('Practitioner/a'),
        { entity: { type: 'Device', identifier: { value: 'x' } } },
        {},
      ],
      h: [of('Patient/a')],
    });
    expect(patients).toEqual([]);
    expect(notes).toEqual([
      'Group: 1 membership is inactive and was left out.',
      'Group: 3 members are neither patients nor groups and were ignored.',
      expect.stringMatching(/^Group: 1 member is not named by a reference/),
      'Group: 1 group in the group does not exist at the source and was ignored.',
    ]);
  });

  it('without end are refused', async () => {
    const endless = (id: string): Promise<JsonObject> =>
      Promise.resolve({ resourceType: 'Group', id, member: [of(`Group/${id}x`)] });
    await expect(resolveGroup('g', endless, AT, BASES)).rejects.toMatchObject({ code: 'invalid-request' });
    let next = 0;
    const wide = (id: string): Promise<JsonObject> =>
      Promise.resolve({
        resourceType: 'Group',
        id,
        member: Array.from({ length: 40 }, () => of(`Group/${next++}`)),
      });
    await expect(resolveGroup('g', wide, AT, BASES)).rejects.toMatchObject({
      code: 'invalid-request',
      message: expect.stringContaining('1000 groups') as string,
    });
  });

  it('that begin with one that is not there are not found', async () => {
    await expect(resolve({})).rejects.toMatchObject({ code: 'not-found' });
  });
});

it('members are found by their ids, whatever these look like', () => {
  const ids = ['b', 'a', '10', '9', '007', 'A', 'a.b', 'a-b', 'a', '__proto__', 'constructor'];
  const members = new Members(ids);
  for (const id of ids) expect(members.ids[members.indexOf(id)], id).toBe(id);
  for (const id of ['', 'c', '1', 'a.', 'toString']) expect(members.indexOf(id), id).toBe(-1);
  expect(members.ids).toHaveLength(10);
});
