import type { PlannedCompartment, PlannedPartition } from '../../export/records/job.js';
import {
  countPresent,
  type KnownLists,
  planMemberSearch,
  sendsProvenance,
  splitSearches,
} from '../../export/selection/memberPlan.js';
import { countReadable } from '../../export/plan/patientPlan.js';
import { allPatients } from '../../export/plan/allPatients.js';
import { isRunning, stateOf } from '../../jobs/model/state.js';
import { hiddenGroup, resolveMembers } from '../../export/plan/jobMembers.js';
import { Members } from '../../export/selection/members.js';
import { PROVENANCE } from '../../export/selection/provenance.js';
import type { SearchParameters } from '../../export/source/source.js';
import { patientCompartment } from '../../fhir/patientCompartment.js';
import { knownMembership } from '../membership.js';
import { outOfTimeFromNow, type Planning } from './planning.js';

/** What is exported below the system level. */
export interface CompartmentPlan {
  compartment: PlannedCompartment;
  /** Of the types asked for, those that can be in a Patient compartment. */
  types: string[];
  /** The patients whose resources are exported; `undefined`: all of the source. */
  members: Members | undefined;
  notes: string[];
  /**
   * The searches for members' resources of a type in a window, partition by partition; `undefined` where the whole type
   * is to be walked. `bounds` are the window's, as search parameters.
   */
  searchesFor(
    members: Members,
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
  planning: Planning,
  asked: readonly string[],
): Promise<CompartmentPlan> {
  const { jobs, settings, source, request, capabilities, transactionTime, isPatientByPatient, now } =
    planning;
  const isOutOfTime = outOfTimeFromNow(now);
  const compartmentTypes = patientCompartment(settings.fhirVersion);
  const bases = [...new Set([settings.fhirServerUrl, capabilities.url ?? settings.fhirServerUrl])];
  const notes: string[] = [];
  const present = (members: Members): Promise<number | undefined> =>
    !isPatientByPatient
      ? countPresent(members, source, isOutOfTime)
      : request.patients === undefined
        ? Promise.resolve(undefined)
        : countReadable(members.ids, source, settings.sourceMaxRequests, isOutOfTime);
  const known = await knownMembership({ jobs, settings }, request);
  const input = { source, transactionTime, bases, notes, countOf: present, known };
  const resolving = resolveMembers(request, input);
  const resolved = await (request.isGroupHidden === true ? resolving.catch(hiddenGroup) : resolving);
  const listsAll = resolved === undefined && request.organizedBy !== undefined;
  const stored = listsAll ? await listAll(planning) : resolved?.stored;
  const members = stored === undefined ? undefined : Members.of(await jobs.putMembers(request.jobId, stored));
  const types = asked.filter((type) => compartmentTypes.has(type));
  const others = asked.filter(
    (type) => !compartmentTypes.has(type) && request.referencedTypes?.includes(type) !== true,
  );
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
    request.organizedBy === undefined &&
    (await sendsProvenance(source, bases));
  if (types.includes(PROVENANCE) && !comesAlong && types.length > 1) {
    const isOrganized = request.organizedBy !== undefined;
    notes.push(provenanceNote(isFiltered, isOrganized));
  }
  const lists: KnownLists = {};
  return {
    compartment: {
      hasMembers: members !== undefined,
      ...(listsAll ? { hasAllPatients: true } : {}),
      bases,
      includesProvenance: comesAlong,
    },
    // Where patients are counted, a group without members must look like one of few.
    types: members?.ids.length === 0 && (request.minPatients ?? 0) === 0 ? [] : types,
    members,
    notes,
    searchesFor: async (among, type, bounds, typeCount, pageSize, isPlanOutOfTime) => {
      const links = compartmentTypes.get(type) ?? [];
      const { memberSearch, estimate } = await planMemberSearch({
        type,
        links,
        members: among,
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

/** All patients of the source, where files are by patient. */
function listAll({ jobs, settings, source, request, transactionTime, now }: Planning): Promise<string[]> {
  return allPatients({
    source,
    transactionTime,
    fhirVersion: settings.fhirVersion,
    pageSize: request.pageSize ?? settings.pageSize,
    clock: now,
    isStopped: async () => !isRunning(stateOf(await jobs.records(request.jobId))),
  });
}

function provenanceNote(isFiltered: boolean, isOrganized: boolean): string {
  if (isOrganized)
    return 'Provenance: only those are exported that name a patient themselves, since files have one patient after the other (organizeOutputBy).';
  const why = isFiltered
    ? 'there is a filter for them in _typeFilter'
    : 'the source does not send others along with their targets (_revinclude=Provenance:target), or has none';
  return `Provenance: only those are exported that name a patient themselves, as ${why}.`;
}
