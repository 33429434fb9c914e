import { ExportError } from '../common/errors.js';
import { Level } from '../export/plan/level.js';
import { ClassCollector } from '../export/risk/classCollector.js';
import type { PlannedPartition, Waiting } from '../export/records/job.js';
import { ReferenceCollector } from '../export/slice/referenceCollector.js';
import { isRunning, stateOf } from '../jobs/model/state.js';
import type { ActivityLog } from './activity.js';
import { AttemptFiles } from './attemptFiles.js';
import type { ActivityDependencies } from './dependencies.js';
import { blockSlice } from './slice/blockSlice.js';
import { deletionFileSlice, fileSlice } from './slice/fileSlice.js';
import { readPart } from './slice/part.js';
import { searchSlice } from './slice/searchSlice.js';
import type { ExportSliceInput, ExportSliceOutput } from './sliceRunner.js';
import { ProgressReports } from './waiting.js';

/**
 * Exports a bounded part of a partition into a file of its own. The name of the file and of the record has a
 * random part made here, so attempts that run twice, or late, never touch each other's.
 */
export function exportSlice(dependencies: ActivityDependencies) {
  const { jobs, cache, settings, now } = dependencies;
  return async (input: ExportSliceInput, log: ActivityLog): Promise<ExportSliceOutput> => {
    const startedAt = performance.now();
    const { jobId, partition, previous } = input;
    const part = await readPart(dependencies, input);
    const { request, plan, planned, before } = part;
    const references =
      plan.referenced && new ReferenceCollector(plan.referenced, plan.compartment?.bases ?? []);
    const files = new AttemptFiles(dependencies, part, input);
    const members =
      plan.compartment?.hasMembers === true ? await cache.members(jobId, plan.first) : undefined;
    const lineMaker = await cache.lineMaker(request, plan.transactionTime);
    const classes =
      lineMaker.patientDigests &&
      new ClassCollector(lineMaker.patientDigests, (nth, table) =>
        jobs.putClasses(jobId, partition, files.attempt, nth, table),
      );
    const reports = new ProgressReports(jobs, jobId);
    let resources = before?.resources ?? 0;
    const report = (waiting?: Waiting): void => reports.add({ partition, resources, isDone: false }, waiting);
    const isStopped = async (): Promise<boolean> => !isRunning(stateOf(await jobs.records(jobId)));
    const { read, ...recorded } = await runOf(planned)(part, {
      dependencies,
      references,
      classes,
      files,
      level: new Level(plan, settings.fhirVersion, members),
      members,
      lineMaker,
      log,
      report,
      clock: now,
      isStopped,
      tellProgress: (readSoFar) => {
        resources = (before?.resources ?? 0) + readSoFar;
        report();
      },
    }).catch((error: unknown) => files.discard(error));
    const classRecord = await classes?.close();
    if (references !== undefined) await jobs.putReferences(jobId, partition, files.attempt, references.lines);
    await reports.settled();
    resources = (before?.resources ?? 0) + read;
    await jobs.putSlice(jobId, partition, files.attempt, {
      previous: previous ?? undefined,
      ...recorded,
      ...(classRecord === undefined ? {} : { classes: classRecord }),
      resources,
      seconds: (performance.now() - startedAt) / 1000,
    });
    // A cancel that came while the last page was written has deleted the job's files before this one was there.
    if (await isStopped()) await files.discard(new ExportError('job-stopped', 'The job was stopped.'));
    await jobs.putProgress(jobId, { partition, resources, isDone: recorded.cursor === undefined });
    return { attempt: files.attempt, isDone: recorded.cursor === undefined };
  };
}

/** What exports a part, by what is read and how it is written. */
function runOf({ file, blocks, isOfDeletions }: PlannedPartition): typeof searchSlice {
  if (file !== undefined) return isOfDeletions === true ? deletionFileSlice : fileSlice;
  return blocks === undefined ? searchSlice : blockSlice;
}
