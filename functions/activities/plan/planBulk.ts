import pMap from 'p-map';
import type { BulkClient } from '../../adapters/source/bulkClient.js';
import { ExportError } from '../../common/errors.js';
import {
  bulkNotes,
  filesToRead,
  type NumberedFile,
  planBulkParts,
  reachedFile,
  tooFewLines,
  type ReadFile,
} from '../../export/plan/bulkPlan.js';
import { hiddenGroup, resolveMembers } from '../../export/plan/jobMembers.js';
import { transactionInstant } from '../../export/plan/partitions.js';
import type { JobPlan, JobRequest } from '../../export/records/job.js';
import type { SourceExport, TakenExport } from '../../export/records/sourceExport.js';
import { Members } from '../../export/selection/members.js';
import type { BulkManifest } from '../../export/source/bulkManifest.js';
import { mayTry } from '../../export/source/refusals.js';
import { requesterOf } from '../../export/source/requestLimiter.js';
import { countIssues, type SourceIssue } from '../../export/source/sourceOutcomes.js';
import { stateMissing } from '../../jobs/model/state.js';
import type { ActivityLog } from '../activity.js';
import type { ActivityDependencies } from '../dependencies.js';
import { knownMembership } from '../membership.js';

/** What to export of the source's own export: who, and the parts of its files. */
export async function planBulk(
  dependencies: ActivityDependencies,
  request: JobRequest,
  { start, first, taken }: SourceExport,
  log: ActivityLog,
): Promise<Omit<JobPlan, 'source'>> {
  const { bulkOf, jobs, settings, isResourceType } = dependencies;
  const client = bulkOf?.(requesterOf(request), log);
  if (client === undefined || taken === undefined) throw stateMissing();
  const manifest = await jobs.sourceManifest(request.jobId, start);
  const { output, deleted, unknown } = filesToRead(manifest, request, settings.fhirVersion, isResourceType);
  const probe = async (file: NumberedFile): Promise<ReadFile> => ({
    ...file,
    ...(await client.probe(reachedFile(manifest, file.number), file.number)),
  });
  const read = await pMap(output, probe, { concurrency: settings.sourceMaxRequests });
  // Of an empty file there is no part that could show that lines are missing.
  for (const { number, bytes, count = 0 } of read)
    if (bytes === 0 && count > 0) throw tooFewLines(number, 0, count);
  // Some sources give the time at which their export ended: what changed while it was made may be missing in it.
  const begun = Math.min(taken.date ?? Infinity, Date.parse(manifest.transactionTime));
  const transactionTime = transactionInstant(begun, 0, request.until);
  const notes = bulkNotes(request, taken, manifest, read, unknown);
  const sourceIssues = await issuesOf(client, manifest);
  const plan = {
    transactionTime,
    first,
    start,
    partitions: planBulkParts(read, deleted, request),
    ...(sourceIssues.length === 0 ? {} : { sourceIssues }),
    notes,
  };
  if (request.level.kind === 'system') return plan;
  const members = await membersOf(dependencies, request, taken, transactionTime, notes, log);
  if (members !== undefined) await jobs.putMembers(request.jobId, members.stored);
  else if (mayHaveJoined(request)) {
    notes.push(WHATEVER_IT_HAS);
    plan.partitions = planBulkParts(read, deleted, { ...request, since: undefined });
  }
  const bases = [settings.fhirServerUrl];
  return { ...plan, compartment: { hasMembers: members !== undefined, bases, includesProvenance: false } };
}

/** What the source reports beside its files, by code. */
async function issuesOf(client: BulkClient, manifest: BulkManifest): Promise<SourceIssue[]> {
  const counts = new Map<string, number>();
  const before = manifest.output.length + manifest.deleted.length;
  for (const index of manifest.error.keys()) {
    const number = before + index + 1;
    const blocks = client.small(reachedFile(manifest, number), number);
    for await (const { bytes } of blocks) countIssues(bytes, counts);
  }
  return [...counts].map(([code, count]) => ({ code, count }));
}

/** The members whose compartments are exported; `undefined`: whoever is in the source's export. */
async function membersOf(
  { sourceOf, jobs, settings }: ActivityDependencies,
  request: JobRequest,
  taken: TakenExport,
  transactionTime: string,
  notes: string[],
  log: ActivityLog,
): Promise<Members | undefined> {
  const { level, patients, isGroupHidden } = request;
  const given = patients === undefined ? undefined : new Members(patients);
  if (level.kind !== 'group') return given;
  try {
    const source = sourceOf(requesterOf(request), log);
    const bases = [settings.fhirServerUrl];
    const found: string[] = [];
    const known = await knownMembership({ jobs, settings }, request);
    // Whether the source has all patients is not looked at.
    const members = await resolveMembers(request, { source, transactionTime, bases, notes: found, known });
    // A source may know the members of a group that does not list them.
    if (members?.ids.length === 0 && taken.level === 'group') return given;
    notes.push(...found);
    return members;
  } catch (error) {
    const isUnknown =
      mayTry('leave out', error) || (error instanceof ExportError && error.code === 'not-found');
    if (isUnknown && taken.level === 'group') {
      if (isGroupHidden !== true) notes.push(MEMBERS_UNKNOWN);
      return given;
    }
    if (isGroupHidden === true) return hiddenGroup(error);
    throw error;
  }
}

/** Whether somebody of a group whose members are not known may have joined after `_since`, and may be alone in that. */
function mayHaveJoined({ level, since, minPatients = 0 }: JobRequest): boolean {
  return level.kind === 'group' && since !== undefined && minPatients === 0;
}

const WHATEVER_IT_HAS =
  "Group: who joined it after _since is not known, so all that the source's own export by _since has is exported, also what was not changed since.";

const MEMBERS_UNKNOWN =
  'Group: the source does not let it be read, so its members are those whose resources its own export has.';
