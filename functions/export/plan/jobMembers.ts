import { quantity } from '../../common/counts.js';
import { ExportError } from '../../common/errors.js';
import { isJsonObject, type JsonObject, parseJson } from '../../json/json.js';
import { decodeUtf8 } from '../../json/utf8.js';
import type { JobRequest } from '../records/job.js';
import { mayTry } from '../source/refusals.js';
import { groupNotes, Members, resolveGroup } from '../selection/members.js';
import type { Source } from '../source/source.js';
import { changeNotes, type KnownMembership, membershipChange, newcomersOf } from './membership.js';

/** With what the members of a job are found. */
export interface MembersInput {
  source: Pick<Source, 'read'>;
  transactionTime: string;
  bases: readonly string[];
  /** What was found out is added: numbers only. */
  notes: string[];
  /** How many of them the source has; absent: that is not looked at. */
  countOf?: (members: Members) => Promise<number | undefined>;
  /** Whom the export before had; absent: that is not known. */
  known?: KnownMembership | undefined;
}

/** The patients asked for; `undefined`: all of the source. */
export async function resolveMembers(
  request: Pick<JobRequest, 'level' | 'patients'> & Partial<Pick<JobRequest, 'since' | 'minPatients'>>,
  { source, transactionTime, bases, notes, countOf = notCounted, known }: MembersInput,
): Promise<Members | undefined> {
  const { level, patients, since, minPatients } = request;
  if (level.kind !== 'group') {
    if (patients === undefined) return undefined;
    const members = new Members(patients);
    const present = await countOf(members);
    const { length } = members.ids;
    if (present !== undefined && present < length) {
      throw new ExportError(
        'invalid-request',
        `patient: ${length - present} of the ${quantity(length, 'patient', 'patients')} asked for ${length - present === 1 ? 'does' : 'do'} not exist at the source. Ask for those only that do: patient takes ids of the source, not pseudonyms of an export.`,
      );
    }
    return members;
  }
  const group = await resolveGroup(level.groupId, readGroup(source), transactionTime, bases, since);
  notes.push(...groupNotes(group));
  if (patients !== undefined) {
    const strangers = patients.filter((id) => !group.patients.has(id));
    if (strangers.length > 0) {
      throw new ExportError(
        'invalid-request',
        `patient: ${strangers.length} of the ${quantity(patients.length, 'patient', 'patients')} asked for ${strangers.length === 1 ? 'is no member' : 'are no members'} of the Group. Ask for members only, or leave patient out.`,
      );
    }
  }
  const ids = patients ?? [...group.patients];
  const change = since === undefined ? undefined : membershipChange(ids, group, known);
  if (change !== undefined) notes.push(...changeNotes(change, minPatients));
  const members = new Members(ids, change && newcomersOf(change, minPatients));
  if (members.ids.length === 0) notes.push('Group: it has no patients, so there is nothing to export.');
  const present = await countOf(members);
  if (present !== undefined && present < members.ids.length) {
    notes.push(
      `Group: ${quantity(members.ids.length - present, 'member does', 'members do')} not exist at the source.`,
    );
  }
  return members;
}

const notCounted = async (): Promise<undefined> => undefined;

/**
 * What replaces a group that cannot be read, to a caller who may not learn whether it exists: a group without members, whose
 * export ends as that of a group of few patients.
 */
export function hiddenGroup(error: unknown): Members {
  if (mayTry('leave out', error) || (error instanceof ExportError && error.code === 'not-found')) {
    return new Members([]);
  }
  throw error;
}

function readGroup(source: Pick<Source, 'read'>): (id: string) => Promise<JsonObject | undefined> {
  return async (id) => {
    const answer = await source.read('Group', id);
    if (answer === undefined) return undefined;
    let group;
    try {
      group = parseJson(decodeUtf8(answer.body));
    } catch {
      throw new ExportError('source-not-fhir', 'The source answered with a Group that is not JSON.', true);
    }
    if (!isJsonObject(group) || group['resourceType'] !== 'Group' || group['id'] !== id) {
      throw new ExportError(
        'source-not-fhir',
        'The source answered with something else than the Group it was asked for. Check that FHIR_SERVER_URL is the FHIR base of the source.',
      );
    }
    return group;
  };
}
