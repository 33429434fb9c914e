import { expect, it } from 'vitest';
import {
  changeNotes,
  type KnownMembership,
  membershipChange,
  membershipRecord,
  newcomersOf,
} from '../../../functions/export/plan/membership.js';
import { BEGAN } from '../../../functions/export/selection/members.js';
import { earlierWindow, isInWindow, jobWindow } from '../../../functions/export/walk/window.js';
import { parseInstant } from '../../../functions/fhir/instant.js';
import { jobRequest } from '../requests.js';

const SOURCE = 'https://ehr.example/fhir';
const AT = '2026-05-10T12:00:00Z';
const KEY = 'the key of a deployment, as long as it has to be';
const GROUP = {
  jobId: 'a',
  level: { kind: 'group', groupId: 'g' },
  owner: 'o',
} as const;

it('a record is found again by exports of the same chain as of the same instant alone', () => {
  const own = membershipRecord(KEY, jobRequest(GROUP), SOURCE, AT);
  for (const at of ['2026-05-10T12:00:00.000Z', '2026-05-10T14:00:00+02:00']) {
    const again = membershipRecord(KEY, jobRequest({ ...GROUP, jobId: 'b', types: ['Patient'] }), SOURCE, at);
    expect([again.chain, again.name, again.digest('a')]).toEqual([own.chain, own.name, own.digest('a')]);
  }
  const configuration = { name: 'c', digest: 'd', keysDigest: 'k' };
  const others = [
    membershipRecord(`${KEY}.`, jobRequest(GROUP), SOURCE, AT),
    membershipRecord(KEY, jobRequest({ ...GROUP, level: { kind: 'group', groupId: 'h' } }), SOURCE, AT),
    membershipRecord(KEY, jobRequest({ ...GROUP, owner: 'p' }), SOURCE, AT),
    membershipRecord(KEY, jobRequest({ ...GROUP, patients: ['a'] }), SOURCE, AT),
    membershipRecord(KEY, jobRequest({ ...GROUP, configuration }), SOURCE, AT),
    membershipRecord(KEY, jobRequest(GROUP), `${SOURCE}/other`, AT),
  ];
  const later = membershipRecord(KEY, jobRequest(GROUP), SOURCE, '2026-05-10T12:00:00.001Z');
  expect(new Set([own, ...others].map(({ chain }) => chain)).size).toBe(7);
  expect(later.chain).toBe(own.chain);
  // Nothing of one record is in another, so that they cannot be compared without the key.
  const names = [own, later, ...others].flatMap((record) => [record.name, record.digest('a')]);
  expect(new Set(names).size).toBe(16);
});

const knownOf = (...ids: string[]): KnownMembership => ({ size: ids.length, has: (id) => ids.includes(id) });
const groupOf = (
  began: Record<string, keyof typeof BEGAN>,
  ended: string[] = [],
  isUnchanged = false,
): Parameters<typeof membershipChange>[1] => ({
  patients: new Set(Object.keys(began)),
  began: new Map(Object.entries(began).map(([id, name]) => [id, BEGAN[name]])),
  ended: new Set(ended),
  isUnchanged,
});

it.each<
  [
    string,
    Parameters<typeof groupOf>,
    KnownMembership | undefined,
    joined: string[],
    unknown: number,
    left: number,
  ]
>([
  ['who was in the export before', [{ a: 'after' }], knownOf('a'), [], 0, 0],
  ['who was not, whatever the period says', [{ a: 'before' }], knownOf('b'), ['a'], 0, 1],
  ['of a group that had no members', [{ a: 'before', b: 'before' }], knownOf(), ['a', 'b'], 0, 0],
  ['whose period began before', [{ a: 'before' }], undefined, [], 0, 0],
  ['whose period began after', [{ a: 'after' }], undefined, ['a'], 0, 0],
  ['of whom nothing is known', [{ a: 'unknown', b: 'after' }], undefined, ['a', 'b'], 1, 0],
  ['beside one whose membership has ended', [{ a: 'before' }, ['b']], undefined, [], 0, 1],
  ['with a membership that has ended, and another one', [{ a: 'before' }, ['a']], undefined, [], 0, 0],
])('a member %s', (_name, group, known, joined, unknown, left) => {
  const found = groupOf(...group);
  const change = membershipChange([...found.patients], found, known);
  expect(change).toEqual({ joined, unknown, left, mayHaveLeft: known === undefined });
});

it('where patients are counted, few newcomers come later, and what is said of few and of none is the same', () => {
  const change = (joined: string[], left: number): Parameters<typeof changeNotes>[0] => ({
    joined,
    unknown: 0,
    left,
    mayHaveLeft: false,
  });
  expect(newcomersOf(change(['a', 'b'], 0), 3)).toEqual({ joined: [], pending: ['a', 'b'] });
  expect(newcomersOf(change(['a', 'b'], 0), 2)).toEqual({ joined: ['a', 'b'], pending: [] });
  expect(newcomersOf(change(['a'], 0))).toEqual({ joined: ['a'], pending: [] });
  const none = changeNotes(change([], 0), 3);
  expect(none).toHaveLength(2);
  expect(none.join()).not.toMatch(/[012]/);
  expect(changeNotes(change(['a', 'b'], 2), 3)).toEqual(none);
  expect(changeNotes({ ...change(['a', 'b'], 2), unknown: 2 }, 3)).toEqual(none);
  expect(changeNotes(change([], 0))).toEqual([]);
});

it('no moment is in the window of what changed since and in that of before, and each before the end is in one', () => {
  for (const since of [AT, '2026-05-10T11:00:00.0005Z', '2030-01-01T00:00:00Z']) {
    const windows = [
      jobWindow('Patient', { since, until: undefined }, '2026-05-10T13:00:00Z'),
      earlierWindow('Patient', { since }, '2026-05-10T13:00:00Z'),
    ];
    for (const at of ['1970-01-01T00:00:00Z', '2026-05-10T11:00:00.0004Z', since, '2026-05-10T12:59:59.9Z']) {
      if (at > '2026-05-10T13') continue;
      expect(
        windows.filter((window) => isInWindow(parseInstant(at), window)),
        at,
      ).toHaveLength(1);
    }
    // What has no time is in neither: bounds of time are asked for.
    expect(windows.some((window) => isInWindow(undefined, window))).toBe(false);
  }
});
