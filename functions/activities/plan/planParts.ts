import pMap from 'p-map';
import { type PatientPlan, planPatientSearches } from '../../export/plan/patientPlan.js';
import { planPartitions } from '../../export/plan/partitions.js';
import type { BlockType, PlannedPartition } from '../../export/records/job.js';
import { OWN_ID } from '../../export/selection/compartment.js';
import type { Members } from '../../export/selection/members.js';
import { selectionOf } from '../../export/selection/selectionOf.js';
import { count, findsNothing } from '../../export/source/count.js';
import type { SearchParameters, Source } from '../../export/source/source.js';
import { boundsOf, earlierBounds, jobWindow, spanOf, type Window } from '../../export/walk/window.js';
import type { CompartmentPlan } from './planCompartment.js';
import { outOfTimeFromNow, type Planning } from './planning.js';

/** Smaller partitions are not worth what it costs to begin one. */
const MIN_PARTITION = 5000;

const PATIENT_TYPE = 'Patient';

const BY_PATIENT =
  'The files have one patient after the other (organizeOutputBy), each with the resources of the Patient compartment: they show which resources are of one patient, also where the configuration removes what says so. One that names several patients is in the block of one of them alone, and what names only patients whom the source does not have is left out. The source was read patient by patient, so such an export is not of one moment: what was changed or deleted while it ran may be as it was before or after, or missing.';

/** What is exported of the types, in parts. */
export type Parts = { partitions: PlannedPartition[] } & Partial<Pick<PatientPlan, 'notes' | 'refused'>>;

/** Splits the types by how the source and the level let them be read. */
export async function planParts(
  planning: Planning,
  below: CompartmentPlan | undefined,
  types: string[],
): Promise<Parts> {
  const { request, transactionTime } = planning;
  const isOutOfTime = outOfTimeFromNow(planning.now);
  const members = below?.members;
  if (request.organizedBy !== undefined && members !== undefined)
    return planBlocks(planning, types, members, isOutOfTime);
  if (members?.ids.length === 0) {
    return {
      partitions: types.map((type) => partitionWithoutPatients(jobWindow(type, request, transactionTime))),
    };
  }
  if (below === undefined || members === undefined) {
    return { partitions: await planWindows(planning, types, isOutOfTime) };
  }
  const parts = await planMembers(planning, { ...below, types }, members, isOutOfTime);
  if (members.joined === undefined) return parts;
  // What they had before: no moment is in both windows.
  const bounds = earlierBounds(request.since, transactionTime);
  const earlier = { ...planning, request: { ...request, ...bounds }, transactionTime: bounds.until };
  const more = await planMembers(earlier, { ...below, types }, members.joined, isOutOfTime);
  const ofJoined = more.partitions.map((part) => ({ ...part, isOfJoined: true as const }));
  return { ...parts, partitions: [...parts.partitions, ...ofJoined].sort(byEstimate) };
}

/** The largest first, so that none runs alone at the end. */
function byEstimate(a: PlannedPartition, b: PlannedPartition): number {
  return (b.estimate ?? 0) - (a.estimate ?? 0);
}

/** The resources of members, by the searches that the source answers. */
async function planMembers(
  planning: Planning,
  below: CompartmentPlan,
  members: Members,
  isOutOfTime: () => boolean,
): Promise<Parts> {
  return planning.isPatientByPatient
    ? planPatients(planning, below.types, members)
    : { partitions: await planSearchesFor(planning, below, members, isOutOfTime) };
}

/** Whole types, split by time. */
async function planWindows(
  { settings, source, request, transactionTime }: Planning,
  types: readonly string[],
  isOutOfTime: () => boolean,
): Promise<PlannedPartition[]> {
  const partitions = await planPartitions(
    source,
    {
      types,
      since: request.since,
      until: request.until,
      transactionTime,
      selectionOf: (type) => selectionOf(request, type),
      // Where patients are counted, a search is to go the same way when it finds nothing as when it finds few.
      keepsEmpty: (request.minPatients ?? 0) > 0,
    },
    {
      partitionResources: settings.partitionResources,
      leastResources: MIN_PARTITION,
      workers: request.workers,
      concurrency: settings.parallelPartitions,
      isOutOfTime,
    },
  );
  if (request.level.kind === 'system') return partitions;
  // Of most types, most sources have no patient's.
  return partitions.filter(({ estimate }) => estimate !== 0 || (request.minPatients ?? 0) > 0);
}

/** The resources of members, written patient by patient: each worker has a part of the members. */
async function planBlocks(
  planning: Planning,
  types: readonly string[],
  members: Members,
  isOutOfTime: () => boolean,
): Promise<Parts> {
  if (members.ids.length === 0) return { partitions: [] };
  const { source, request, transactionTime, settings, isPatientByPatient } = planning;
  const isThere = async (type: string): Promise<boolean> => {
    // Of members who joined, what is older counts, too.
    if (isPatientByPatient || members.joined !== undefined || isOutOfTime()) return true;
    const bounds = boundsOf(spanOf(jobWindow(type, request, transactionTime)));
    // What is wrong with the source, the searches will report.
    return (await counted(source, type, bounds)) !== 0;
  };
  const there = await pMap(types, isThere, { concurrency: settings.parallelPartitions });
  const found = types.filter((_, nth) => there[nth] === true);
  // A block begins with the Patient.
  found.sort((one, other) => Number(other === PATIENT_TYPE) - Number(one === PATIENT_TYPE));
  const whole = await planPatients({ ...planning, request: { ...request, workers: 1 } }, found, members);
  const { length } = members.ids;
  const parts = Math.min(length, request.workers);
  const at = (part: number): number => Math.floor((length * part) / parts);
  const searches = whole.partitions.flatMap(({ window: { type }, memberSearch }): BlockType[] => {
    const { parameters = [], patientByPatient } = memberSearch ?? {};
    const takesNoCount = patientByPatient?.takesNoCount === true;
    // By its own id alone: whom other Patients have links to, has a block, too.
    const search = { type, parameters: type === PATIENT_TYPE ? [OWN_ID] : parameters, takesNoCount };
    return members.joined === undefined ? [search] : [search, { ...search, isOfJoined: true }];
  });
  const window = jobWindow(PATIENT_TYPE, request, transactionTime);
  const partitions = Array.from(
    { length: searches.length === 0 ? 0 : parts },
    (_, part): PlannedPartition => ({
      window,
      estimate: undefined,
      blocks: { first: at(part), end: at(part + 1), types: searches },
    }),
  );
  return {
    ...whole,
    partitions,
    notes: [BY_PATIENT, ...(whole.notes ?? []).slice(isPatientByPatient ? 0 : 1)],
  };
}

/** The resources of members, read patient by patient. */
async function planPatients(
  { settings, source, request, capabilities, transactionTime }: Planning,
  types: readonly string[],
  members: Members,
): Promise<Parts> {
  if (types.length === 0) return { partitions: [], notes: [], refused: [] };
  const { searches, notes, refused } = await planPatientSearches({
    source,
    fhirVersion: settings.fhirVersion,
    capabilities,
    types,
    isNamed: request.types !== undefined,
    typeFilters: request.typeFilters,
    members,
    pageSize: request.pageSize ?? settings.pageSize,
    parallel: request.workers,
    concurrency: settings.sourceMaxRequests,
  });
  const partitions = searches.map(({ type, memberSearch }): PlannedPartition => {
    return { window: jobWindow(type, request, transactionTime), estimate: undefined, memberSearch };
  });
  return { partitions, notes, refused };
}

/** The resources of members, split by members; of types that are walked as a whole, by time. */
async function planSearchesFor(
  planning: Planning,
  below: CompartmentPlan,
  members: Members,
  isOutOfTime: () => boolean,
): Promise<PlannedPartition[]> {
  const { settings, source, request, transactionTime } = planning;
  const pageSize = request.pageSize ?? settings.pageSize;
  const walked: string[] = [];
  const plan = async (type: string): Promise<PlannedPartition[]> => {
    const window = jobWindow(type, request, transactionTime);
    const bounds = boundsOf(spanOf(window));
    // Estimates are for progress and order only; what is wrong with the source, the walk will report.
    const estimate = isOutOfTime() ? undefined : await counted(source, type, bounds);
    if (estimate === 0 && (request.minPatients ?? 0) === 0) return [];
    const parts = await below.searchesFor(members, type, bounds, estimate, pageSize, isOutOfTime);
    if (parts === undefined) walked.push(type);
    return (parts ?? []).map((part) => ({ window, ...part }));
  };
  const planned = await pMap(below.types, plan, { concurrency: settings.parallelPartitions });
  const windows = await planWindows(planning, walked, isOutOfTime);
  return [...planned.flat(), ...windows].sort(byEstimate);
}

/** How many resources a search finds, as far as the source says: 0 where it finds none. */
async function counted(
  source: Source,
  type: string,
  parameters: SearchParameters,
): Promise<number | undefined> {
  try {
    const found = await count(source, type, parameters);
    return found !== 0 || (await findsNothing(source, type, parameters)) ? found : undefined;
  } catch {
    return undefined;
  }
}

/** A partition of which nothing is read. */
function partitionWithoutPatients(window: Window): PlannedPartition {
  const patientByPatient = { takesNoCount: false };
  return {
    window,
    estimate: 0,
    memberSearch: { parameters: [], batch: 1, first: 0, end: 0, patientByPatient },
  };
}
