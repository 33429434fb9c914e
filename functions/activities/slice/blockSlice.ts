import { type BlockSearches, inOrderOfBlocks, runBlockSlice } from '../../export/slice/blockSlice.js';
import { type BlockType, emptyReport, type TypeRecord } from '../../export/records/job.js';
import type { CompartmentSelection } from '../../export/selection/compartment.js';
import { patientSearches } from '../../export/selection/patientSearches.js';
import { earlierWindow, jobWindow } from '../../export/walk/window.js';
import { stateMissing } from '../../jobs/model/state.js';
import { watchedSource } from '../waiting.js';
import { limitsOf, patientCounters, type Recorded, type SliceContext } from './context.js';
import type { Part } from './part.js';

/** A slice of a part that is written patient by patient. */
export async function blockSlice(part: Part, shared: SliceContext): Promise<Recorded> {
  const { request, planned, plan, before } = part;
  const { dependencies, files, level, members, log, report, onRequest } = shared;
  const { jobs, settings } = dependencies;
  const { blocks } = planned;
  if (blocks === undefined || members === undefined) throw stateMissing();
  const source = watchedSource(dependencies, request, log, report, onRequest);
  const compartments: Array<[type: string, compartment: CompartmentSelection]> = [];
  const searchesOf = ({ type, parameters, isOfJoined }: BlockType, id: string): BlockSearches | undefined => {
    const first = (isOfJoined === true ? members.joined : members)?.indexOf(id) ?? -1;
    if (first < 0) return undefined;
    const patientByPatient = { takesNoCount: false };
    const memberSearch = { parameters, batch: 1, first, end: first + 1, patientByPatient };
    const chosen = { memberSearch, ...(isOfJoined === true ? { isOfJoined } : {}) };
    const compartment = level.compartment(type, chosen);
    if (compartment === undefined) throw stateMissing();
    compartments.push([type, compartment]);
    const filters = request.typeFilters.filter((filter) => filter.type === type);
    const windowOf = isOfJoined === true ? earlierWindow : jobWindow;
    return {
      searches: patientSearches(compartment, filters),
      window: windowOf(type, request, plan.transactionTime),
    };
  };
  const cursor = before?.cursor !== undefined && 'block' in before.cursor ? before.cursor : undefined;
  const result = await runBlockSlice(
    {
      part: blocks,
      cursor,
      ids: inOrderOfBlocks(members.ids, await jobs.secret(request.jobId)),
      searchesOf,
      pageSize: request.pageSize ?? settings.pageSize,
      concurrency: settings.sourceMaxRequests,
      hasPatients: (request.types ?? request.permittedTypes)?.includes('Patient') !== false,
    },
    limitsOf(settings, request),
    {
      ...shared,
      source,
      patients: (await patientCounters(part, shared))(),
      openFile: (type) => files.open(type),
    },
  );
  const byType: Record<string, TypeRecord> = { Patient: { files: [], report: emptyReport() } };
  for (const [type, sum] of result.byType) byType[type] = { files: [], report: sum };
  for (const [type, compartment] of compartments) {
    const sum = byType[type];
    if (sum === undefined) continue;
    sum.foreign = (sum.foreign ?? 0) + compartment.foreign;
    sum.ofOthers = (sum.ofOthers ?? 0) + compartment.ofOthers;
  }
  const of = { of: result.written, ...(result.isContinued ? { isContinued: true as const } : {}) };
  // Of all types: where they are listed, they are in the order of slices.
  const patient = byType['Patient'];
  if (patient !== undefined) patient.files = files.named('Patient', result.lines, result.bytes, of);
  return { files: [], cursor: result.cursor, report: emptyReport(), byType, read: result.read };
}
