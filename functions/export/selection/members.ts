import { quantity } from '../../common/counts.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../json/json.js';
import { ExportError } from '../../common/errors.js';
import { readReference } from '../../fhir/reference.js';
import { compareInstants, type Instant, parseInstant } from '../../fhir/instant.js';

/** The patients whose compartments are exported: sorted, so that a batch of them is the same in every slice. */
export class Members {
  readonly ids: readonly string[];

  constructor(ids: Iterable<string>) {
    // By code units: the same order on every machine.
    this.ids = [...new Set(ids)].sort();
  }

  /** The place of an id among the members; -1 where it is none. */
  indexOf(id: string): number {
    let low = 0;
    let high = this.ids.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const at = this.ids[middle] as string;
      if (at === id) return middle;
      if (at < id) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }
}

/** What of a group is left out, as its notes say it of one and of more: memberships, members, and groups in it. */
const LEFT_OUT = {
  inactive: ['membership is inactive and was left out', 'memberships are inactive and were left out'],
  /** At the transaction time. */
  outOfPeriod: [
    'membership has ended, or not begun, and was left out',
    'memberships have ended, or not begun, and were left out',
  ],
  /** Devices, practitioners and so on. */
  notPatients: [
    'member is neither a patient nor a group and was ignored',
    'members are neither patients nor groups and were ignored',
  ],
  /** Or on another server, or named in a way that cannot be read. */
  unresolved: [
    'member is not named by a reference to a resource of the source (an identifier alone, perhaps) and was ignored',
    'members are not named by a reference to a resource of the source (an identifier alone, perhaps) and were ignored',
  ],
  missingGroups: [
    'group in the group does not exist at the source and was ignored',
    'groups in the group do not exist at the source and were ignored',
  ],
} as const;
type LeftOut = keyof typeof LEFT_OUT;

/** What a group comes to, and how much of it was left out. */
export type GroupMembers = { patients: Set<string> } & Record<LeftOut, number>;

/** Bounds of what a group may come to: a mistake at the source is not to fill the memory. */
const MAX_GROUPS = 1000;
const MAX_DEPTH = 20;
const MAX_MEMBERS = 500_000;

/**
 * The patients of a group and of the groups in it, each group read once, so that groups that hold each other end.
 * https://hl7.org/fhir/R4/group.html
 * @param readGroup a Group by id; `undefined` where the source has none
 * @param at the instant at which a membership has to hold
 * @throws ExportError `not-found` where the source does not have the group itself, `invalid-request` where the
 *   groups are more, deeper or larger than is taken
 */
export async function resolveGroup(
  groupId: string,
  readGroup: (id: string) => Promise<JsonObject | undefined>,
  at: string,
  bases: readonly string[],
): Promise<GroupMembers> {
  const instant = parseInstant(at);
  if (instant === undefined) throw new TypeError('the transaction time is no instant');
  const found: GroupMembers = {
    patients: new Set(),
    inactive: 0,
    outOfPeriod: 0,
    notPatients: 0,
    unresolved: 0,
    missingGroups: 0,
  };
  const known = new Set([groupId]);
  let level = [groupId];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth >= MAX_DEPTH) {
      throw tooLarge(`is of groups in groups, more than ${MAX_DEPTH} deep`);
    }
    const nested: string[] = [];
    for (const id of level) {
      const group = await readGroup(id);
      if (group === undefined) {
        if (id === groupId) throw groupNotFound();
        found.missingGroups++;
        continue;
      }
      for (const nestedId of addMembers(group, found, instant, bases)) {
        if (known.has(nestedId)) continue;
        known.add(nestedId);
        nested.push(nestedId);
      }
      if (known.size > MAX_GROUPS) throw tooLarge(`holds more than ${MAX_GROUPS} groups`);
      if (found.patients.size > MAX_MEMBERS) throw tooLarge(`has more than ${MAX_MEMBERS} patients`);
    }
    level = nested;
  }
  return found;
}

/** Adds the members of one group and returns the ids of the groups among them. */
function addMembers(
  group: JsonObject,
  found: GroupMembers,
  at: Instant,
  bases: readonly string[],
): readonly string[] {
  const groups: string[] = [];
  const members = Array.isArray(group['member']) ? group['member'] : [];
  for (const member of members) {
    const entity = isJsonObject(member) ? member['entity'] : undefined;
    if (!isJsonObject(member) || !isJsonObject(entity)) {
      found.unresolved++;
      continue;
    }
    // Anything but a plain `false` is taken as what it may have meant.
    if (member['inactive'] !== undefined && member['inactive'] !== false) {
      found.inactive++;
      continue;
    }
    if (!holds(member['period'], at)) {
      found.outOfPeriod++;
      continue;
    }
    const reference = readReference(entity['reference'], bases);
    if (reference?.type === 'Patient') found.patients.add(reference.id);
    else if (reference?.type === 'Group') groups.push(reference.id);
    else if (reference !== undefined || isOfOtherType(entity)) found.notPatients++;
    else found.unresolved++;
  }
  return groups;
}

/** Whether `Reference.type` says that the member is no patient. */
function isOfOtherType({ type }: JsonObject): boolean {
  return typeof type === 'string' && type !== 'Patient' && type !== 'Group';
}

/** Whether a Period holds at an instant; one that cannot be read does not. */
function holds(period: JsonValue | undefined, at: Instant): boolean {
  if (period === undefined) return true;
  if (!isJsonObject(period)) return false;
  const { start, end } = period;
  const first = start === undefined ? undefined : boundsOf(start);
  const last = end === undefined ? undefined : boundsOf(end);
  if ((start !== undefined && first === undefined) || (end !== undefined && last === undefined)) return false;
  const hasBegun = first === undefined || compareInstants(first.begin, at) <= 0;
  const hasEnded = last !== undefined && compareInstants(last.end, at) <= 0;
  return hasBegun && !hasEnded;
}

/** The span of a dateTime: a whole day, month or year where it has no time. In UTC without a zone. */
function boundsOf(value: JsonValue): { begin: Instant; end: Instant } | undefined {
  if (typeof value !== 'string') return undefined;
  const [, year, month, day] = /^(\d{4})(?:-(\d\d)(?:-(\d\d))?)?$/.exec(value) ?? [];
  if (year === undefined) {
    const instant = parseInstant(/T\d\d:\d\d(Z|[+-])/.test(value) ? withSeconds(value) : value);
    return instant === undefined ? undefined : { begin: instant, end: instant };
  }
  const begin = parseInstant(`${year}-${month ?? '01'}-${day ?? '01'}T00:00:00Z`);
  if (begin === undefined) return undefined;
  const [y, m, d] = [Number(year), Number(month ?? 1) - 1, Number(day ?? 1)];
  const next =
    day !== undefined
      ? Date.UTC(y, m, d + 1)
      : month !== undefined
        ? Date.UTC(y, m + 1, 1)
        : Date.UTC(y + 1, 0, 1);
  // Not by its text: the year after 9999, which means for ever, has none.
  return { begin, end: { text: value, seconds: next / 1000, fraction: '' } };
}

/** Minutes are as far as some dateTimes go. */
function withSeconds(text: string): string {
  return text.replace(/(T\d\d:\d\d)(?=Z|[+-])/, '$1:00');
}

/** What was left out of a group, in words and numbers that are safe everywhere. */
export function groupNotes(group: GroupMembers): string[] {
  const some = Object.entries(LEFT_OUT).filter(([what]) => group[what as LeftOut] > 0);
  return some.map(([what, [one, more]]) => `Group: ${quantity(group[what as LeftOut], one, more)}.`);
}

export function groupNotFound(): ExportError {
  return new ExportError(
    'not-found',
    'The source has no such Group, or does not let the app read it. Check the id in [base]/Group/[id]/$export.',
  );
}

function tooLarge(what: string): ExportError {
  return new ExportError(
    'invalid-request',
    `The Group ${what}, the most that is taken. Export groups of its parts one by one.`,
  );
}
