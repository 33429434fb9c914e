import { quantity } from '../../common/counts.js';
import { oldestOf, planFileParts } from '../../export/plan/filePlan.js';
import { hiddenGroup, resolveMembers } from '../../export/plan/jobMembers.js';
import { transactionInstant } from '../../export/plan/partitions.js';
import type { JobPlan, JobRequest } from '../../export/records/job.js';
import type { SourceFiles } from '../../adapters/storage/sourceFiles.js';
import type { ActivityDependencies } from '../dependencies.js';
import { groupsOf } from '../groupFiles.js';
import { knownMembership } from '../membership.js';

/** What to export of files: who, and the parts of the files, whose lines show the rest. */
export async function planFiles(
  { jobs, settings }: Pick<ActivityDependencies, 'jobs' | 'settings'>,
  sourceFiles: SourceFiles,
  request: JobRequest,
): Promise<Omit<JobPlan, 'source'>> {
  const { files, others } = await sourceFiles.list();
  const partitions = planFileParts(files, request);
  const transactionTime = transactionInstant(oldestOf(files), 0, request.until);
  const notes = [...fileNotes(request), ...(others === 0 ? [] : [othersNote(others)])];
  const plan = { transactionTime, partitions, notes };
  if (request.level.kind === 'system') return plan;
  const bases = [settings.fhirServerUrl];
  // Which patients there are, only the whole of the files shows.
  const resolving = resolveMembers(request, {
    source: groupsOf(sourceFiles, files),
    transactionTime,
    bases,
    notes,
    known: await knownMembership({ jobs, settings }, request),
  });
  const resolved = await (request.isGroupHidden === true ? resolving.catch(hiddenGroup) : resolving);
  if (resolved !== undefined) await jobs.putMembers(request.jobId, resolved.stored);
  return { ...plan, compartment: { hasMembers: resolved !== undefined, bases, includesProvenance: false } };
}

function fileNotes({ level, types, since, patients }: JobRequest): string[] {
  return [
    'transactionTime is when the oldest of the files was written: what changed at the source since may be missing.',
    ...(since === undefined ? [] : ['Deletions are not reported: files do not show them.']),
    ...(patients === undefined ? [] : ['Whether the files hold all patients asked for was not looked at.']),
    ...(types === undefined
      ? ['Lines of Binary and OperationOutcome are left out unless they are asked for: name them in _type.']
      : []),
    ...(level.kind === 'system'
      ? []
      : ['Provenance: only those are exported that name a patient themselves, as files are read once.']),
  ];
}

function othersNote(count: number): string {
  return `${quantity(count, 'file was', 'files were')} not read, with a name that does not end with .ndjson, .jsonl, .ndjson.gz or .jsonl.gz.`;
}
