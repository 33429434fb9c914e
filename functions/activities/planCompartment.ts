import { isJsonObject, parseJson, type JsonObject } from '../json/json.js';
import { decodeUtf8 } from '../json/utf8.js';
import { ExportError } from '../common/errors.js';
import type { Capabilities } from '../export/source/capabilities.js';
import type { JobRequest, PlannedCompartment, PlannedPartition } from '../export/records/job.js';
import {
  countPresent,
  type KnownLists,
  planMemberSearch,
  sendsProvenance,
  splitSearches,
} from '../export/selection/memberPlan.js';
import { countReadable } from '../export/plan/patientPlan.js';
import { groupNotes, Members, resolveGroup } from '../export/selection/members.js';
import { PROVENANCE } from '../export/selection/provenance.js';
import type { SearchParameters, Source } from '../export/source/source.js';
import { patientCompartment } from '../fhir/patientCompartment.js';
import type { ActivityDependencies } from './dependencies.js';

/** What is exported below the system level. */
export interface CompartmentPlan {
  compartment: PlannedCompartment;
  /** Of the types asked for, those that can be in a Patient compartment. */
  types: string[];
  notes: string[];
  /**
   * The searches for a type's resources in a window, partition by partition; `undefined` where the whole type is to be
   * walked. `bounds` are the window's, as search parameters.
   */
  searchesFor(
    type: string,
    bounds: SearchParameters,
    typeCount: number | undefined,
    pageSize: number,
    isOutOfTime: () => boolean,
  ): Promise<Array<Pick<PlannedPartition, 'estimate' | 'memberSearch'>> | undefined>;
}

/**
 * Fixes whose compartments a job exports, and from which types. The members are written down once, in the job's
 * state, and are the same for all of its slices.
 */
export async function planCompartment(
  {
    jobs,
    settings,
    source,
    isPatientByPatient,
    isOutOfTime,
  }: Pick<ActivityDependencies, 'jobs' | 'settings'> & {
    source: Source;
    /** Whether the source refuses searches without a patient. */
    isPatientByPatient: boolean;
    /** Whether what can be done without is not asked for any more. */
    isOutOfTime: () => boolean;
  },
  request: JobRequest,
  capabilities: Capabilities,
  transactionTime: string,
  asked: readonly string[],
): Promise<CompartmentPlan> {
  const compartmentTypes = patientCompartment(settings.fhirVersion);
  const bases = [...new Set([settings.fhirServerUrl, capabilities.url ?? settings.fhirServerUrl])];
  const notes: string[] = [];
  const present = (members: Members): Promise<number | undefined> =>
    !isPatientByPatient
      ? countPresent(members, source, isOutOfTime)
      : request.patients === undefined
        ? Promise.resolve(undefined)
        : countReadable(members.ids, source, settings.sourceMaxRequests, isOutOfTime);
  const resolved = await resolveMembers(request, source, transactionTime, bases, notes, present);
  const members =
    resolved === undefined ? undefined : new Members(await jobs.putMembers(request.jobId, resolved.ids));
  const types = asked.filter((type) => compartmentTypes.has(type));
  const others = asked.filter((type) => !compartmentTypes.has(type));
  if (request.types !== undefined && others.length > 0) {
    notes.push(
      `_type: ${others.join(', ')} cannot be in a Patient compartment, so there is nothing to export of it at this level.`,
    );
  }
  // What comes along is not asked for by a search, so no filter would have any effect on it.
  const isFiltered = request.typeFilters.some(({ type }) => type === PROVENANCE);
  const comesAlong =
    types.includes(PROVENANCE) &&
    !isFiltered &&
    !isPatientByPatient &&
    (await sendsProvenance(source, bases));
  if (types.includes(PROVENANCE) && !comesAlong && types.length > 1) {
    notes.push(
      isFiltered
        ? 'Provenance: only those are exported that name a patient themselves, as there is a filter for them in _typeFilter.'
        : 'Provenance: only those are exported that name a patient themselves, as the source does not send others along with their targets (_revinclude=Provenance:target), or has none.',
    );
  }
  const lists: KnownLists = {};
  return {
    compartment: { hasMembers: members !== undefined, bases, includesProvenance: comesAlong },
    types: members?.ids.length === 0 ? [] : types,
    notes,
    searchesFor: async (type, bounds, typeCount, pageSize, isPlanOutOfTime) => {
      if (members === undefined) return undefined;
      const links = compartmentTypes.get(type) ?? [];
      const { memberSearch, estimate } = await planMemberSearch({
        type,
        links,
        members,
        bounds,
        typeCount,
        pageSize,
        capabilities,
        source,
        lists,
        isOutOfTime: isPlanOutOfTime,
      });
      return memberSearch === undefined
        ? undefined
        : splitSearches({ memberSearch, estimate }, request.workers);
    },
  };
}

/** The patients asked for; `undefined`: all of the source. Notes hold numbers only. */
async function resolveMembers(
  { level, patients }: JobRequest,
  source: Source,
  transactionTime: string,
  bases: readonly string[],
  notes: string[],
  countOf: (members: Members) => Promise<number | undefined>,
): Promise<Members | undefined> {
  if (level.kind !== 'group') {
    if (patients === undefined) return undefined;
    const members = new Members(patients);
    const present = await countOf(members);
    if (present !== undefined && present < members.ids.length) {
      throw new ExportError(
        'invalid-request',
        `patient: ${members.ids.length - present} of the ${members.ids.length} patients asked for do not exist at the source. Ask for those only that do.`,
      );
    }
    return members;
  }
  const group = await resolveGroup(level.groupId, readGroup(source), transactionTime, bases);
  notes.push(...groupNotes(group));
  if (patients !== undefined) {
    const strangers = patients.filter((id) => !group.patients.has(id));
    if (strangers.length > 0) {
      throw new ExportError(
        'invalid-request',
        `patient: ${strangers.length} of the ${patients.length} patients asked for are no members of the Group. Ask for members only, or leave patient out.`,
      );
    }
  }
  const members = new Members(patients ?? group.patients);
  if (members.ids.length === 0) notes.push('Group: it has no patients, so there is nothing to export.');
  const present = await countOf(members);
  if (present !== undefined && present < members.ids.length) {
    notes.push(`Group: ${members.ids.length - present} members do not exist at the source.`);
  }
  return members;
}

function readGroup(source: Source): (id: string) => Promise<JsonObject | undefined> {
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
