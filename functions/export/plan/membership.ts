import { createHmac } from 'node:crypto';
import { parseInstant } from '../../fhir/instant.js';
import type { JobRequest } from '../records/job.js';
import { BEGAN, type GroupMembers, type Newcomers } from '../selection/members.js';

/** The members of a group that the export before had, by digests. */
export interface KnownMembership {
  readonly size: number;
  has(id: string): boolean;
}

/** Under which name the members that an export of a group had are remembered, and how. */
export interface MembershipRecord {
  /** Begins the names of the records of all exports of the chain. */
  readonly chain: string;
  readonly name: string;
  /** Names a member within this record, and says nothing without the key. */
  digest(id: string): string;
}

/** Of 32. */
const NAME_BYTES = 16;
const DIGEST_BYTES = 12;

/**
 * The record of the export of a group as of an instant. Exports are of one chain if they are of the same group of the
 * same source, for the same caller, by the same configuration.
 * @param key of the deployment: names and digests say nothing without it
 * @param at `transactionTime` of the export, which is `_since` of the next one
 */
export function membershipRecord(
  key: string,
  { level, patients, owner, configuration }: JobRequest,
  source: string,
  at: string,
): MembershipRecord {
  const hmac = (...texts: readonly unknown[]): Buffer =>
    createHmac('sha256', key).update(JSON.stringify(texts)).digest();
  const groupId = level.kind === 'group' ? level.groupId : '';
  const asked = patients?.toSorted() ?? null;
  const chain = hmac('chain', source, groupId, asked, owner ?? null, configuration?.digest ?? null);
  const { seconds, fraction } = parseInstant(at) ?? { seconds: at, fraction: '' };
  const own = hmac('record', chain.toString('hex'), seconds, fraction).toString('hex', 0, NAME_BYTES);
  const prefix = `membership-${chain.toString('hex', 0, NAME_BYTES)}-`;
  return {
    chain: prefix,
    name: `${prefix}${own}.json`,
    digest: (id) => hmac('member', own, id).toString('base64url', 0, DIGEST_BYTES),
  };
}

/** How the members of a group have changed since `_since`. */
export interface MembershipChange {
  joined: readonly string[];
  /** How many of them are taken for newcomers since nothing shows that they are not. */
  unknown: number;
  /** Patients who are members no more, as far as that is known. */
  left: number;
  /** Whether others may have left. */
  mayHaveLeft: boolean;
}

/**
 * Who joined a group after `_since`: those whom the export before did not have; where that is not known, those whose
 * period says so, and those of whom nothing shows that they were members before. One who is taken for a newcomer comes
 * again; one who is not, but is one, would be lost.
 * @param ids members whose resources are exported
 */
export function membershipChange(
  ids: readonly string[],
  { patients, began, ended, isUnchanged }: Pick<GroupMembers, 'patients' | 'began' | 'ended' | 'isUnchanged'>,
  known: KnownMembership | undefined,
): MembershipChange {
  if (known !== undefined) {
    const joined = ids.filter((id) => !known.has(id));
    return { joined, unknown: 0, left: known.size - (ids.length - joined.length), mayHaveLeft: false };
  }
  const joined = ids.filter((id) => began.get(id) !== BEGAN.before);
  const unknown = joined.filter((id) => began.get(id) !== BEGAN.after).length;
  const left = [...ended].filter((id) => !patients.has(id)).length;
  return { joined, unknown, left, mayHaveLeft: !isUnchanged };
}

/** What is exported of newcomers: where patients are counted, the earlier data of too few would be that of few. */
export function newcomersOf({ joined }: MembershipChange, minPatients = 0): Newcomers {
  return joined.length < minPatients ? { joined: [], pending: joined } : { joined, pending: [] };
}

/** What a caller should know of such a change. Numbers only; below the limit, one sentence for few and for none. */
export function changeNotes(
  { joined, unknown, left, mayHaveLeft }: MembershipChange,
  minPatients = 0,
): string[] {
  const areFew = joined.length < minPatients;
  const some = (count: number): string | undefined =>
    count >= Math.max(1, minPatients)
      ? `${count} patients`
      : minPatients > 0
        ? `fewer than ${minPatients} patients, or none,`
        : undefined;
  const [newcomers, gone] = [some(joined.length), some(left)];
  return [
    ...(newcomers === undefined
      ? []
      : [
          areFew
            ? `Group: ${newcomers} joined it after _since. Of them, too, only what was changed since is exported, since their earlier data would be that of few (MIN_PATIENTS). An export without _since has it.`
            : `Group: ${newcomers} joined it after _since, as far as is known: all their data is exported, and not only what was changed since.`,
        ]),
    ...(areFew || unknown < Math.max(1, minPatients)
      ? []
      : [
          `Group: of ${unknown} of them nothing shows when they joined, so that they may come again with what earlier exports have. What would show it: period.start of the memberships, a Group that says that it was not changed since, or MEMBERSHIP_KEY and a _since that is the transactionTime of the export before, of the same Group, caller and configuration.`,
        ]),
    ...(gone === undefined
      ? []
      : [
          `Group: ${gone} left it after _since${mayHaveLeft ? ', as far as is known' : ''}. What earlier exports have of them is not in deleted, since it was not deleted at the source.`,
        ]),
    ...(mayHaveLeft
      ? ['Group: it may have been changed since _since. Who was taken off its list of members is not known.']
      : []),
  ];
}
