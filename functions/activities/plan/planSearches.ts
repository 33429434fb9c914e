import { deletionSentences, listed as listedFew } from '../../export/output/manifest.js';
import { planDeletions } from '../../export/plan/deletionPlan.js';
import { keptFilters } from '../../export/plan/keptFilters.js';
import { Level } from '../../export/plan/level.js';
import { transactionInstant } from '../../export/plan/partitions.js';
import { refusalWithoutPatient, refuseSeveralFilters } from '../../export/plan/patientPlan.js';
import { type JobPlan, type JobRequest, PLANNING } from '../../export/records/job.js';
import type { TypeFilter } from '../../export/request/typeFilter.js';
import { isUnsteady } from '../../export/selection/filtered.js';
import { EVERYTHING } from '../../export/selection/selection.js';
import { earlierWindow, jobWindow } from '../../export/walk/window.js';
import { isRunning, stateOf } from '../../jobs/model/state.js';
import type { ActivityLog } from '../activity.js';
import type { ActivityDependencies } from '../dependencies.js';
import { BINARY, inCompartment, listedTypes, readSource, typesOf } from '../sourceTypes.js';
import { ProgressReports, watchedSource } from '../waiting.js';
import { type CompartmentPlan, planCompartment } from './planCompartment.js';
import { outOfTimeFromNow, type Planning } from './planning.js';
import { planParts } from './planParts.js';

/** What to export of a source that is searched. */
export async function planSearches(
  dependencies: ActivityDependencies,
  asked: JobRequest,
  log: ActivityLog,
): Promise<Omit<JobPlan, 'source'>> {
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
