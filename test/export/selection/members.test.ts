import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../functions/json/json.js';
import {
  BEGAN,
  groupNotes,
  Members,
  resolveGroup,
  type StoredMembers,
} from '../../../functions/export/selection/members.js';

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

describe('since an instant, a member', () => {
  const SINCE = '2026-05-10T12:00:00Z';
  const [BEFORE, UNKNOWN, AFTER] = [BEGAN.before, BEGAN.unknown, BEGAN.after];
  const start = (text: string): JsonObject => of('Patient/a', { period: { start: text } });
  const changed = (at: string): JsonObject => ({ meta: { lastUpdated: at } });
  const refreshed = (at: string): JsonObject => ({
    ...changed('2026-01-01T00:00:00Z'),
    extension: [
      {
        url: 'http://hl7.org/fhir/uv/bulkdata/StructureDefinition/members-refreshed',
        valueDateTime: at,
      },
    ],
  });
  const [OLD, NEW] = [changed('2026-05-10T11:59:59.999Z'), changed('2026-05-10T12:00:00Z')];

  it.each<[string, Record<string, { member: JsonObject[] } & JsonObject>, number]>([
    ['whose period began before', { g: { member: [start('2026-05-10T11:00:00Z')] } }, BEFORE],
    ['whose period began just then', { g: { member: [start('2026-05-10T14:00:00+02:00')] } }, BEFORE],
    ['whose period began after', { g: { member: [start('2026-05-10T12:00:01Z')] } }, AFTER],
    ['whose period began on that day, at an unknown hour', { g: { member: [start('2026-05-10')] } }, AFTER],
    [
      'whose period began the day before, wherever that was',
      { g: { member: [start('2026-05-09')] } },
      BEFORE,
    ],
    ['whose period began in that month', { g: { member: [start('2026-05')] } }, AFTER],
    ['whose period began in an earlier year', { g: { member: [start('2025')] } }, BEFORE],
    [
      'without a start, in a group that was not changed',
      { g: { ...OLD, member: [of('Patient/a')] } },
      BEFORE,
    ],
    ['without a start, in a group that was changed', { g: { ...NEW, member: [of('Patient/a')] } }, UNKNOWN],
    ['without a start, in a group without a time', { g: { member: [of('Patient/a')] } }, UNKNOWN],
    [
      'with an end alone, in a group that was changed',
      { g: { ...NEW, member: [of('Patient/a', { period: { end: '2030' } })] } },
      UNKNOWN,
    ],
    [
      'that was computed before',
      { g: { ...refreshed('2026-05-01T00:00:00Z'), member: [of('Patient/a')] } },
      BEFORE,
    ],
    [
      'that was computed after',
      { g: { ...refreshed('2026-05-11T00:00:00Z'), member: [of('Patient/a')] } },
      UNKNOWN,
    ],
    ['that was computed on a day', { g: { ...refreshed('2026-05-01'), member: [of('Patient/a')] } }, UNKNOWN],
    [
      'that a filter lets through',
      { g: { ...OLD, modifierExtension: [{ url: 'x' }], member: [of('Patient/a')] } },
      UNKNOWN,
    ],
    [
      'of two memberships, the earlier of which counts',
      { g: { member: [start('2026-05-11'), start('2026-05-01'), start('2026-05-12')] } },
      BEFORE,
    ],
    [
      'of a group that joined after',
      {
        g: { ...NEW, member: [of('Group/h', { period: { start: '2026-05-11' } })] },
        h: { ...OLD, member: [of('Patient/a')] },
      },
      AFTER,
    ],
    [
      'of a group of which nothing shows when it joined',
      { g: { ...NEW, member: [of('Group/h')] }, h: { ...OLD, member: [start('2020')] } },
      UNKNOWN,
    ],
    [
      'who joined another group after',
      { g: { ...OLD, member: [of('Group/h')] }, h: { ...NEW, member: [start('2026-05-11')] } },
      AFTER,
    ],
  ])('%s', async (_name, groups, began) => {
    const read = (id: string): Promise<JsonObject> =>
      Promise.resolve({ resourceType: 'Group', id, ...groups[id] });
    const found = await resolveGroup('g', read, AT, BASES, SINCE);
    expect([...found.began]).toEqual([['a', began]]);
    // What a group without starts says of its list of members.
    if (!JSON.stringify(groups).includes('"start"')) expect(found.isUnchanged).toBe(began === BEFORE);
  });

  it.each<[string, JsonObject, string[]]>([
    ['that ended since', { start: '2026-01-01', end: '2026-06-01' }, ['a']],
    ['without a start, that ended since', { end: '2026-06-01' }, ['a']],
    ['that ended before', { end: '2026-05-01' }, []],
    ['that began and ended since', { start: '2026-05-20', end: '2026-06-01' }, []],
    ['that is still to begin', { start: '2026-06-20' }, []],
    ['that cannot be read', { end: 'soon' }, []],
  ])('of a membership %s', async (_name, period, ended) => {
    const read = (id: string): Promise<JsonObject> =>
      Promise.resolve({ resourceType: 'Group', id, member: [of('Patient/a', { period })] });
    const found = await resolveGroup('g', read, AT, BASES, SINCE);
    expect([...found.ended]).toEqual(ended);
  });
});

it('members are as they were after they were stored', () => {
  const plain = new Members(['b', 'a']);
  expect(plain.stored).toEqual(['a', 'b']);
  const changed = new Members(['c', 'a', 'b'], { joined: ['b'], pending: ['c'] });
  for (const members of [changed, Members.of(JSON.parse(JSON.stringify(changed.stored)) as StoredMembers)]) {
    expect(members.ids).toEqual(['a', 'b', 'c']);
    expect(members.joined?.ids).toEqual(['b']);
    expect(members.complete).toEqual(['a', 'b']);
  }
  expect(Members.of(['b', 'a'])).toMatchObject({ ids: ['a', 'b'], joined: undefined });
});

it('members are found by their ids, whatever these look like', () => {
  const ids = ['b', 'a', '10', '9', '007', 'A', 'a.b', 'a-b', 'a', '__proto__', 'constructor'];
  const members = new Members(ids);
  for (const id of ids) expect(members.ids[members.indexOf(id)], id).toBe(id);
  for (const id of ['', 'c', '1', 'a.', 'toString']) expect(members.indexOf(id), id).toBe(-1);
  expect(members.ids).toHaveLength(10);
});
