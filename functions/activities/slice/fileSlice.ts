import { reasonAgainst } from '../../export/plan/deletionPlan.js';
import { reachedFile } from '../../export/plan/bulkPlan.js';
import { isAsked } from '../../export/plan/filePlan.js';
import {
  emptyReport,
  type FileCursor,
  type FilePart,
  type PlannedPartition,
} from '../../export/records/job.js';
import type { CompartmentSelection } from '../../export/selection/compartment.js';
import { runBulkDeletions } from '../../export/slice/bulkDeletions.js';
import { LineIndex } from '../../export/slice/doubles.js';
import { runFileSlice } from '../../export/slice/fileSlice.js';
import type { LineBlock } from '../../export/source/fileLines.js';
import { requesterOf } from '../../export/source/requestLimiter.js';
import { DELETIONS_TYPE } from './attemptFiles.js';
import {
  isCounting,
  lastingIds,
  limitsOf,
  patientCounters,
  type Recorded,
  type SliceContext,
} from './context.js';
import { otherSource, type Part } from './part.js';

/** A slice of a part of a file. */
export async function fileSlice(part: Part, shared: SliceContext): Promise<Recorded> {
  const { request, planned, before, superseded } = part;
  const { dependencies, files, level } = shared;
  const { jobs, settings, isResourceType } = dependencies;
  const { file, window } = planned;
  if (file === undefined) throw otherSource();
  const { type: ofFile } = file.bulk ?? {};
  const cursor = before?.cursor !== undefined && 'place' in before.cursor ? before.cursor : undefined;
  const index = superseded === undefined ? new LineIndex(await jobs.secret(request.jobId)) : undefined;
  const newCounter = await patientCounters(part, shared);
  const result = await runFileSlice(file, window, limitsOf(settings, request), {
    ...shared,
    blocks: await blocksOf(part, file, cursor, shared),
    superseded: superseded ?? new Float64Array(),
    index,
    openFile: (type) => files.open(type),
    choiceOf: (type, refuse) => {
      if (ofFile !== undefined && type !== ofFile) refuse(true);
      if (!isResourceType(type)) refuse(false);
      if (!isAsked(request, type, settings.fhirVersion) || !isOfFiles(part, type)) return undefined;
      // Of what exported resources refer to, the source has decided what its own export has.
      const isReferenced = request.referencedTypes?.includes(type) === true;
      const compartmentOf = (
        chosen: Pick<PlannedPartition, 'isOfJoined'>,
      ): CompartmentSelection | undefined => (isReferenced ? undefined : level.compartment(type, chosen));
      return {
        compartment: compartmentOf({}),
        ...(level.hasJoined ? { earlier: { compartment: compartmentOf({ isOfJoined: true }) } } : {}),
        patients: newCounter(),
      };
    },
  });
  if (index !== undefined) await jobs.putIndex(request.jobId, part.partition, files.attempt, index.bytes);
  const byType = Object.fromEntries(
    [...result.byType].map(([type, { lines, bytes, counts, ...written }]) => [
      type,
      {
        files: files.named(type, lines, bytes),
        ...written,
        ...(isCounting(request) && counts !== undefined ? { counts } : {}),
      },
    ]),
  );
  const { cursor: next, lines, read } = result;
  return { files: [], cursor: next, report: emptyReport(), byType, lines, read };
}

/** A file of deletions of the source's own export. */
export async function deletionFileSlice(part: Part, shared: SliceContext): Promise<Recorded> {
  const { request, planned } = part;
  const { dependencies, files, lineMaker } = shared;
  const { settings, isResourceType } = dependencies;
  if (planned.file === undefined) throw otherSource();
  const { lines, bytes, types, notes } = await runBulkDeletions({
    blocks: await blocksOf(part, planned.file, undefined, shared),
    bases: [settings.fhirServerUrl],
    isKnown: isResourceType,
    isAsked: (type) => isAsked(request, type, settings.fhirVersion) && isOfFiles(part, type),
    reasonAgainst: (type) =>
      reasonAgainst(type, request, (name) => lineMaker.lastingIds?.(name) !== undefined),
    deletedIds: (type, ids) => lastingIds(lineMaker, type, ids),
    openFile: () => files.open(DELETIONS_TYPE),
  });
  return {
    files: files.named(DELETIONS_TYPE, lines, bytes, { of: types }),
    cursor: undefined,
    ...(notes.length === 0 ? {} : { deletionNotes: notes }),
    report: emptyReport(),
    read: 0,
  };
}

/** Whether a type is read from the files: the source may be searched for others. */
function isOfFiles({ plan: { bulkTypes } }: Part, type: string): boolean {
  return bulkTypes?.includes(type) !== false;
}

/** The lines of a part of a file, wherever it is. */
async function blocksOf(
  { request, plan }: Part,
  file: FilePart,
  cursor: FileCursor | undefined,
  { dependencies, log, onRequest }: SliceContext,
): Promise<AsyncIterable<LineBlock>> {
  const { cache, bulkOf, sourceFiles } = dependencies;
  if (file.bulk === undefined) {
    if (sourceFiles === undefined) throw otherSource();
    return sourceFiles.blocks(file, cursor, onRequest);
  }
  if (bulkOf === undefined || plan.start === undefined) throw otherSource();
  const manifest = await cache.sourceManifest(request.jobId, plan.start);
  return bulkOf(requesterOf(request), log, onRequest).blocks(
    file,
    reachedFile(manifest, file.number),
    cursor,
  );
}
