import pMap from 'p-map';
import { isRunning, stateMissing, stateOf } from '../jobs/model/state.js';
import { deletionSentences, listed as listedFew } from '../export/output/manifest.js';
import { planDeletions } from '../export/plan/deletionPlan.js';
import { choiceNotes, ofBulk, ofTypes } from '../export/plan/bulkPlan.js';
import { isUnsteady } from '../export/selection/filtered.js';
import {
  type BlockType,
  type JobPlan,
  type JobRequest,
  PLANNING,
  type PlannedPartition,
} from '../export/records/job.js';
import {
  type PatientPlan,
  planPatientSearches,
  refusalWithoutPatient,
  refuseSeveralFilters,
} from '../export/plan/patientPlan.js';
import { planPartitions, transactionInstant } from '../export/plan/partitions.js';
import type { SourceExport } from '../export/records/sourceExport.js';
import { count } from '../export/source/count.js';
import { keptFilters } from '../export/plan/keptFilters.js';
import type { TypeFilter } from '../export/request/typeFilter.js';
import { Level } from '../export/plan/level.js';
import type { Members } from '../export/selection/members.js';
import { EVERYTHING } from '../export/selection/selection.js';
import { OWN_ID } from '../export/selection/compartment.js';
import { selectionOf } from '../export/selection/selectionOf.js';
import {
  boundsOf,
  earlierBounds,
  earlierWindow,
  jobWindow,
  spanOf,
  type Window,
} from '../export/walk/window.js';
import type { ActivityLog } from './activity.js';
import type { ActivityDependencies } from './dependencies.js';
import { type CompartmentPlan, planCompartment } from './planCompartment.js';
import { outOfTimeFromNow, type Planning } from './planning.js';
import { planBulk } from './planBulk.js';
import { planFiles } from './planFiles.js';
import { BINARY, inCompartment, listedTypes, readSource, typesOf } from './sourceTypes.js';
import { ProgressReports, watchedSource } from './waiting.js';

export interface PlanExportInput {
  jobId: string;
}

export interface PlanExportOutput {
  /** The number of the first partition. */
  first: number;
  partitions: number;
  /** Whether they are parts of files, among which lines of one resource are looked for when all are read. */
  isOfFiles?: true;
  /** Whether what exported resources refer to is read, when all are read. */
  followsReferences?: true;
}

/** Smaller partitions are not worth what it costs to begin one. */
const MIN_PARTITION = 5000;
/** Fixes the transaction time by the source's clock and what there is to export. */
export function planExport(dependencies: ActivityDependencies) {
  const { jobs, settings } = dependencies;
  return async ({ jobId }: PlanExportInput, log: ActivityLog): Promise<PlanExportOutput> => {
    const asked = await jobs.request(jobId);
    if (asked === undefined) throw stateMissing();
    const own =
      asked.sourceMode === 'bulk' || asked.sourceMode === 'auto' ? await jobs.sourceExport(jobId) : undefined;
    const first = own?.first ?? 0;
    const source = { url: settings.fhirServerUrl, fhirVersion: settings.fhirVersion };
    let held = await jobs.plan(jobId);
    for (let made: MadePlan | undefined; held === undefined || (held.first ?? 0) < first;) {
      // Of an export before, by an attempt that came late.
      if (held !== undefined) await jobs.dropPlan(jobId, first);
      made ??= await planOf(dependencies, asked, own, log);
      held = await jobs.putPlan(jobId, { ...made, source });
    }
    return outputOf(held);
  };
}

function outputOf({ partitions, first = 0, referenced }: JobPlan): PlanExportOutput {
  const isOfFiles = partitions.some(({ file }) => file !== undefined);
  return {
    first,
    partitions: partitions.length,
    ...(isOfFiles ? { isOfFiles } : {}),
    ...(referenced === undefined ? {} : { followsReferences: true }),
  };
}

type MadePlan = Omit<JobPlan, 'source'>;

/** What to export, by the way in which the source is read. */
async function planOf(
  dependencies: ActivityDependencies,
  asked: JobRequest,
  own: SourceExport | undefined,
  log: ActivityLog,
): Promise<MadePlan> {
  const { sourceFiles } = dependencies;
  switch (asked.sourceMode ?? 'search') {
    case 'search':
      return planSearches(dependencies, asked, log);
    case 'files':
      if (sourceFiles === undefined) throw stateMissing();
      return planFiles(dependencies, sourceFiles, asked);
    case 'bulk':
    case 'auto': {
      if (own === undefined) throw stateMissing();
      const { choice } = own;
      const notes = choiceNotes(choice);
      if (choice?.bulk?.length === 0) return withNotes(await planSearches(dependencies, asked, log), notes);
      const bulk = await planBulk(dependencies, ofBulk(asked, choice), own, log);
      if (choice?.bulk === undefined || choice.search.length === 0) return withNotes(bulk, notes);
      // What was read of both is of one moment.
      const searched = { ...ofTypes(asked, choice.search), until: bulk.transactionTime };
      return joinedPlan(bulk, await planSearches(dependencies, searched, log), choice.bulk, notes);
    }
  }
}

function withNotes(plan: MadePlan, notes: readonly string[]): MadePlan {
  return { ...plan, notes: [...notes, ...(plan.notes ?? [])] };
}

/** The plan of an export that is read by the source's own export and by searches. */
function joinedPlan(
  bulk: MadePlan,
  search: MadePlan,
  bulkTypes: string[],
  notes: readonly string[],
): MadePlan {
  return {
    ...bulk,
    ...search,
    bulkTypes,
    partitions: [...bulk.partitions, ...search.partitions],
    notes: [...notes, ...(bulk.notes ?? []), ...(search.notes ?? [])],
  };
}

/** What to export of a source that is searched. */
async function planSearches(
  dependencies: ActivityDependencies,
  asked: JobRequest,
  log: ActivityLog,
): Promise<MadePlan> {
  const { jobs, settings, isResourceType } = dependencies;
  const reports = new ProgressReports(jobs, asked.jobId);
  const progress = { partition: PLANNING, resources: 0, isDone: false };
  const source = watchedSource(dependencies, asked, log, (waiting) => reports.add(progress, waiting));
  const { referencedTypes = [] } = asked;
  const { capabilities, date } = await readSource(settings, source, asked);
  const transactionTime = transactionInstant(date, settings.transactionTimeMarginSeconds, asked.until);
  const listed = listedTypes(capabilities, asked, isResourceType);
  const typesAsked = typesOf(asked, listed);
  const refusal = await refusalWithoutPatient(source, inCompartment(settings, typesAsked));
  const isPatientByPatient = refusal !== undefined;
  if (isPatientByPatient && asked.level.kind !== 'group' && asked.patients === undefined) throw refusal;
  const planningAll: Planning = {
    ...dependencies,
    source,
    request: asked,
    capabilities,
    transactionTime,
    isPatientByPatient,
  };
  const below = asked.level.kind === 'system' ? undefined : await planCompartment(planningAll, typesAsked);
  if (isPatientByPatient) refuseSeveralFilters(asked, 'the source has to be read patient by patient');
  const filters = await countFilters(planningAll, below);
  const request = filters === undefined ? asked : { ...asked, typeFilters: filters.kept };
  const isLeft = (type: string): boolean =>
    !asked.typeFilters.some((filter) => filter.type === type) ||
    request.typeFilters.some((filter) => filter.type === type);
  const types = (below?.types ?? typesAsked).filter(isLeft);
  const planning: Planning = { ...planningAll, request };
  const parts = await planParts(planning, below, types);
  const deletions = planDeletions({
    request,
    types,
    transactionTime,
    historyTypes: capabilities.historyTypes,
    lastingTypes: await lastingTypes(planning, types),
  });
  await reports.settled();
  return {
    transactionTime,
    partitions: [...parts.partitions, ...deletions.partitions],
    ...(below === undefined ? {} : { compartment: below.compartment }),
    ...(filters === undefined ? {} : { typeFilters: filters.kept, withheld: filters.withheld }),
    ...(parts.refused === undefined ? {} : { refused: parts.refused }),
    ...(below === undefined || referencedTypes.length === 0 ? {} : { referenced: referencedTypes }),
    notes: [
      ...planNotes(request),
      ...unusedFilters(asked, below === undefined ? typesAsked : inCompartment(settings, typesAsked)),
      ...(asked.types === undefined && listed.includes(BINARY) ? [BINARY_LEFT_OUT] : []),
      ...(below?.notes ?? []),
      ...(parts.notes ?? []),
      ...deletionSentences(deletions.notes),
    ],
  };
}

/** Where a type has several filters and patients are counted, those of enough patients; `undefined` elsewhere. */
async function countFilters(
  { jobs, settings, now, source, request, transactionTime }: Planning,
  below: CompartmentPlan | undefined,
): Promise<{ kept: TypeFilter[]; withheld: string[] } | undefined> {
  const { jobId, typeFilters, minPatients = 0 } = request;
  if (minPatients === 0 || typeFilters.length < 2) return undefined;
  const members = below?.members;
  const level = new Level(
    { transactionTime, partitions: [], ...(below === undefined ? {} : { compartment: below.compartment }) },
    settings.fhirVersion,
    members,
  );
  return keptFilters({
    most: minPatients,
    typeFilters,
    fhirVersion: settings.fhirVersion,
    pageSize: request.pageSize ?? settings.pageSize,
    source,
    placesOf: (type) => [
      { window: jobWindow(type, request, transactionTime), base: level.compartment(type, {}) ?? EVERYTHING },
      ...(members?.joined === undefined
        ? []
        : [
            {
              window: earlierWindow(type, request, transactionTime),
              base: level.compartment(type, { isOfJoined: true }) ?? EVERYTHING,
            },
          ]),
    ],
    isCounted: members === undefined ? undefined : (id) => members.indexOf(id) >= 0,
    isStopped: async () => !isRunning(stateOf(await jobs.records(jobId))),
    isOutOfTime: outOfTimeFromNow(now),
  });
}

/** What is exported of the types, in parts. */
type Parts = { partitions: PlannedPartition[] } & Partial<Pick<PatientPlan, 'notes' | 'refused'>>;

/** Splits the types by how the source and the level let them be read. */
async function planParts(
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
    return (await count(source, type, bounds).catch(() => undefined)) !== 0;
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
    const estimate = isOutOfTime() ? undefined : await count(source, type, bounds).catch(() => undefined);
    if (estimate === 0 && (request.minPatients ?? 0) === 0) return [];
    const parts = await below.searchesFor(members, type, bounds, estimate, pageSize, isOutOfTime);
    if (parts === undefined) walked.push(type);
    return (parts ?? []).map((part) => ({ window, ...part }));
  };
  const planned = await pMap(below.types, plan, { concurrency: settings.parallelPartitions });
  const windows = await planWindows(planning, walked, isOutOfTime);
  return [...planned.flat(), ...windows].sort(byEstimate);
}

/** The types whose ids stay the same from one export to the next. */
async function lastingTypes(
  { cache, request, transactionTime }: Planning,
  types: readonly string[],
): Promise<ReadonlySet<string>> {
  if (request.since === undefined) return new Set();
  const lineMaker = await cache.lineMaker(request, transactionTime);
  const lasting = types.filter((type) => lineMaker.lastingIds?.(type) !== undefined);
  // Slices may run on other threads, which forget its keys at the end of the job.
  cache.forget(request.jobId);
  return new Set(lasting);
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

const PATIENT_TYPE = 'Patient';
const BY_PATIENT =
  'The files have one patient after the other (organizeOutputBy), each with the resources of the Patient compartment: they show which resources are of one patient, also where the configuration removes what says so. One that names several patients is in the block of one of them alone, and what names only patients whom the source does not have is left out. The source was read patient by patient, so such an export is not of one moment: what was changed or deleted while it ran may be as it was before or after, or missing.';
/** Of an export that names no types, the filters of types that it does not have. */
function unusedFilters({ types, typeFilters }: JobRequest, exported: readonly string[]): string[] {
  const unused = new Set(typeFilters.map(({ type }) => type).filter((type) => !exported.includes(type)));
  if (types !== undefined || unused.size === 0) return [];
  return [
    `_typeFilter: filters have no effect for types that the source does not list or that this level does not export: ${listedFew([...unused])}.`,
  ];
}

const BINARY_LEFT_OUT = 'Binary is left out unless it is asked for: name it in _type to have it.';

function planNotes({ typeFilters, elements }: JobRequest): string[] {
  const notes: string[] = [];
  const types = new Set(typeFilters.map(({ type }) => type));
  for (const type of types) {
    if (!isUnsteady(typeFilters.filter((filter) => filter.type === type))) continue;
    notes.push(
      `More than one filter for ${type} looks at other resources than ${type}. Where such a resource was changed during the export, a ${type} that matches several filters may be missing or come twice. Export by one such filter at a time to rule that out.`,
    );
  }
  if (elements.length > 0) {
    notes.push(
      'Of types that _elements names elements of, resources hold these, resourceType, id, meta and mandatory elements alone, and have the tag SUBSETTED.',
    );
  }
  return notes;
}
