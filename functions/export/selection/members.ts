import { quantity } from '../../common/counts.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../json/json.js';
import { ExportError } from '../../common/errors.js';
import { readReference } from '../../fhir/reference.js';
import { compareInstants, type Instant, parseInstant } from '../../fhir/instant.js';

/** Members as the state of a job has them: ids alone, where all of them are exported alike. */
export type StoredMembers = readonly string[] | ({ ids: readonly string[] } & Newcomers);

/** Ids of members who joined after `_since`. */
export interface Newcomers {
  /** Those whose earlier resources are exported, too. */
  joined: readonly string[];
  /** Those whose earlier resources are left for another export. */
  pending: readonly string[];
}

const NO_NEWCOMERS: Newcomers = { joined: [], pending: [] };

/** The patients whose compartments are exported: sorted, so that a batch of them is the same in every slice. */
export class Members {
  readonly ids: readonly string[];
  /** Those whose resources are exported whatever `_since` says; `undefined`: none. */
  readonly joined: Members | undefined;
  readonly #newcomers: Newcomers;

  constructor(ids: Iterable<string>, newcomers = NO_NEWCOMERS) {
    // By code units: the same order on every machine.
    this.ids = [...new Set(ids)].sort();
    this.joined = newcomers.joined.length === 0 ? undefined : new Members(newcomers.joined);
    this.#newcomers = newcomers;
  }

  static of(stored: StoredMembers): Members {
    return 'ids' in stored ? new Members(stored.ids, stored) : new Members(stored);
  }

  get stored(): StoredMembers {
    const { joined, pending } = this.#newcomers;
    return joined.length + pending.length === 0 ? this.ids : { ids: this.ids, joined, pending };
  }

  /** Those of whom the export, with those before it, has all data. */
  get complete(): string[] {
    const pending = new Set(this.#newcomers.pending);
    return this.ids.filter((id) => !pending.has(id));
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

/**
 * Whether a membership began before or after `_since`. Along groups in groups the latest counts, of several memberships
 * of a patient the earliest.
 */
export const BEGAN = { before: 0, unknown: 1, after: 2 } as const;
type Began = (typeof BEGAN)[keyof typeof BEGAN];

/** What a group comes to, and how much of it was left out. */
export type GroupMembers = {
  patients: Set<string>;
  /** Of each patient, when membership began; empty without `_since`. */
  began: Map<string, Began>;
  /** Patients of whom a membership has ended since `_since`, by its period. */
  ended: Set<string>;
  /** Whether all groups say that they were not changed since `_since`, so that nobody was taken off their lists. */
  isUnchanged: boolean;
} & Record<LeftOut, number>;

/** The instants by which memberships are judged. */
interface Moments {
  at: Instant;
  since: Instant | undefined;
}

/** Bounds of what a group may come to: a mistake at the source is not to fill the memory. */
const MAX_GROUPS = 1000;
const MAX_DEPTH = 20;
const MAX_MEMBERS = 500_000;

/**
 * The patients of a group and of the groups in it, each group read once, so that groups that hold each other end.
 * https://hl7.org/fhir/R4/group.html
 * @param readGroup a Group by id; `undefined` where the source has none
 * @param at the instant at which a membership has to hold
 * @param since the instant after which a member is a newcomer; absent: nobody is
 * @throws ExportError `not-found` where the source does not have the group itself, `invalid-request` where the
 *   groups are more, deeper or larger than is taken
 */
export async function resolveGroup(
  groupId: string,
  readGroup: (id: string) => Promise<JsonObject | undefined>,
  at: string,
  bases: readonly string[],
  since?: string,
): Promise<GroupMembers> {
  const instant = parseInstant(at);
  if (instant === undefined) throw new TypeError('the transaction time is no instant');
  const moments = { at: instant, since: parseInstant(since) };
  const found: GroupMembers = {
    patients: new Set(),
    began: new Map(),
    ended: new Set(),
    isUnchanged: true,
    inactive: 0,
    outOfPeriod: 0,
    notPatients: 0,
    unresolved: 0,
    missingGroups: 0,
  };
  const known = new Set([groupId]);
  let level: NestedGroup[] = [{ id: groupId, began: BEGAN.before }];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth >= MAX_DEPTH) {
      throw tooLarge(`is of groups in groups, more than ${MAX_DEPTH} deep`);
    }
    const nested: NestedGroup[] = [];
    for (const { id, began } of level) {
      const group = await readGroup(id);
      if (group === undefined) {
        if (id === groupId) throw groupNotFound();
        found.missingGroups++;
        continue;
      }
      for (const member of addMembers(group, began, found, moments, bases)) {
        if (known.has(member.id)) continue;
        known.add(member.id);
        nested.push(member);
      }
      if (known.size > MAX_GROUPS) throw tooLarge(`holds more than ${MAX_GROUPS} groups`);
      if (found.patients.size > MAX_MEMBERS) throw tooLarge(`has more than ${MAX_MEMBERS} patients`);
    }
    level = nested;
  }
  return found;
}

interface NestedGroup {
  id: string;
  began: Began;
}

/** Adds the members of one group and returns the groups among them. */
function addMembers(
  group: JsonObject,
  groupBegan: Began,
  found: GroupMembers,
  { at, since }: Moments,
  bases: readonly string[],
): readonly NestedGroup[] {
  const groups: NestedGroup[] = [];
  const isUnchanged = since !== undefined && wasUnchanged(group, since);
  if (!isUnchanged) found.isUnchanged = false;
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
    const reference = readReference(entity['reference'], bases);
    const period = periodOf(member['period']);
    if (!holds(period, at)) {
      found.outOfPeriod++;
      if (since !== undefined && reference?.type === 'Patient' && hasEnded(period, { at, since }))
        found.ended.add(reference.id);
      continue;
    }
    const own = since === undefined ? BEGAN.before : beganAt(period, since, isUnchanged);
    const began = own > groupBegan ? own : groupBegan;
    if (reference?.type === 'Patient') {
      const other = found.began.get(reference.id) ?? BEGAN.after;
      found.patients.add(reference.id);
      if (since !== undefined) found.began.set(reference.id, began < other ? began : other);
    } else if (reference?.type === 'Group') groups.push({ id: reference.id, began });
    else if (reference !== undefined || isOfOtherType(entity)) found.notPatients++;
    else found.unresolved++;
  }
  return groups;
}

/** Whether `Reference.type` says that the member is no patient. */
function isOfOtherType({ type }: JsonObject): boolean {
  return typeof type === 'string' && type !== 'Patient' && type !== 'Group';
}

/** The spans in which a membership begins and ends, where it says; `undefined`: one of them cannot be read. */
type Period = { start: TimeSpan | undefined; end: TimeSpan | undefined } | undefined;

function periodOf(period: JsonValue | undefined): Period {
  if (period === undefined) return { start: undefined, end: undefined };
  if (!isJsonObject(period)) return undefined;
  const { start, end } = period;
  const first = start === undefined ? undefined : boundsOf(start);
  const last = end === undefined ? undefined : boundsOf(end);
  const isReadable =
    (start === undefined || first !== undefined) && (end === undefined || last !== undefined);
  return isReadable ? { start: first, end: last } : undefined;
}

/** Whether a period holds at an instant; one that cannot be read does not. */
function holds(period: Period, at: Instant): boolean {
  if (period === undefined) return false;
  const hasBegun = period.start === undefined || compareInstants(period.start.begin, at) <= 0;
  const isOver = period.end !== undefined && compareInstants(period.end.end, at) <= 0;
  return hasBegun && !isOver;
}

/** Whether a membership held at `since`, as far as its period says, and does not at `at`, since it has ended. */
function hasEnded(period: Period, { at, since }: Moments & { since: Instant }): boolean {
  return period?.end !== undefined && holds(period, since) && compareInstants(period.end.end, at) <= 0;
}

/** A date without a zone ends so many seconds later where it ends last on earth. */
const LATEST_ZONE_SECONDS = 12 * 3600;

/** When the membership that a period is of began. @param isUnchanged whether its group was not changed since */
function beganAt(period: Period, since: Instant, isUnchanged: boolean): Began {
  const { start } = period ?? {};
  if (start === undefined) return isUnchanged ? BEGAN.before : BEGAN.unknown;
  // The latest moment that it can mean: a patient taken for a newcomer loses nothing.
  const { begin, end } = start;
  const latest = begin === end ? end : { ...end, seconds: end.seconds + LATEST_ZONE_SECONDS };
  return compareInstants(latest, since) <= 0 ? BEGAN.before : BEGAN.after;
}

/** https://hl7.org/fhir/uv/bulkdata/STU3/StructureDefinition-members-refreshed.html */
const MEMBERS_REFRESHED = 'http://hl7.org/fhir/uv/bulkdata/StructureDefinition/members-refreshed';

/**
 * Whether a Group says that its list of members is as it was at `since`: by `meta.lastUpdated`, and where its members are
 * computed by when they were. One that filters its members says nothing of that.
 */
function wasUnchanged({ meta, extension, modifierExtension }: JsonObject, since: Instant): boolean {
  if (modifierExtension !== undefined) return false;
  const refreshed = (Array.isArray(extension) ? extension : []).filter(
    (each) => isJsonObject(each) && each['url'] === MEMBERS_REFRESHED,
  );
  const times = [
    isJsonObject(meta) ? meta['lastUpdated'] : undefined,
    ...refreshed.map((each) => (isJsonObject(each) ? each['valueDateTime'] : undefined)),
  ];
  return times.every((time) => {
    const at = parseInstant(time);
    return at !== undefined && compareInstants(at, since) < 0;
  });
}

interface TimeSpan {
  begin: Instant;
  end: Instant;
}

/** The span of a dateTime: a whole day, month or year where it has no time. In UTC without a zone. */
function boundsOf(value: JsonValue): TimeSpan | undefined {
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
