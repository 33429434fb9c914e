import { Level } from '../../export/plan/level.js';
import type { PlannedPartition, SliceRecord, Waiting } from '../../export/records/job.js';
import { ClassCollector } from '../../export/risk/classCollector.js';
import { ReferenceCollector } from '../../export/slice/referenceCollector.js';
import type { ActivityLog } from '../activity.js';
import { AttemptFiles } from './attemptFiles.js';
import type { ActivityDependencies } from '../dependencies.js';
import { blockSlice } from './blockSlice.js';
import { deletionFileSlice, fileSlice } from './fileSlice.js';
import type { Part } from './part.js';
import { searchSlice } from './searchSlice.js';
import type { ExportSliceInput } from '../sliceRunner.js';
import { ProgressReports } from '../waiting.js';

/** What an attempt needs besides its part. */
export interface AttemptSurroundings {
  log: ActivityLog;
  isStopped: () => Promise<boolean>;
  /** Makes sure that files may be written into the job's container. */
  confirmContainer: () => Promise<void>;
}

/** What an attempt has written, and what is to be recorded of it. */
export interface Attempt {
  files: AttemptFiles;
  record: SliceRecord;
  /** Resources read so far in the partition. */
  resources: number;
  isDone: boolean;
}

/**
 * Makes an attempt at a slice, into files of its own. It counts once its record is written and the runtime has recorded
 * its name.
 * @throws what made it fail; where that is reading or writing, with its files discarded
 */
export function makeAttempt(
  dependencies: ActivityDependencies,
  part: Part,
  input: ExportSliceInput,
  surroundings: AttemptSurroundings,
): Promise<Attempt> {
  return dependencies.cpu.during((cpuShare) => attempt(dependencies, part, input, surroundings, cpuShare));
}

async function attempt(
  dependencies: ActivityDependencies,
  part: Part,
  input: ExportSliceInput,
  { log, isStopped, confirmContainer }: AttemptSurroundings,
  cpuShare: () => number | undefined,
): Promise<Attempt> {
  const { jobs, cache, settings, now } = dependencies;
  const startedAt = performance.now();
  let sourceRequests = 0;
  const { jobId, partition, previous } = input;
  const { request, plan, planned, before } = part;
  const references =
    plan.referenced && new ReferenceCollector(plan.referenced, plan.compartment?.bases ?? []);
  const files = new AttemptFiles(dependencies, part, input, confirmContainer);
  const members = plan.compartment?.hasMembers === true ? await cache.members(jobId, plan.first) : undefined;
  const lineMaker = await cache.lineMaker(request, plan.transactionTime);
  const classes =
    lineMaker.patientDigests &&
    new ClassCollector(lineMaker.patientDigests, (nth, table) =>
      jobs.putClasses(jobId, partition, files.attempt, nth, table),
    );
  const reports = new ProgressReports(jobs, jobId);
  let resources = before?.resources ?? 0;
  const report = (waiting?: Waiting): void => reports.add({ partition, resources, isDone: false }, waiting);
  const { read, ...recorded } = await runOf(planned)(part, {
    dependencies,
    references,
    classes,
    files,
    level: new Level(plan, settings.fhirVersion, members),
    members,
    lineMaker,
    log,
    onRequest: () => void sourceRequests++,
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
  const cpuSeconds = cpuShare();
  const record = {
    previous: previous ?? undefined,
    ...recorded,
    ...(classRecord === undefined ? {} : { classes: classRecord }),
    resources,
    seconds: (performance.now() - startedAt) / 1000,
    cost: { sourceRequests, ...(cpuSeconds === undefined ? {} : { cpuSeconds }) },
  };
  return { files, record, resources, isDone: recorded.cursor === undefined };
}

/** What exports a part, by what is read and how it is written. */
function runOf({ file, blocks, isOfDeletions }: PlannedPartition): typeof searchSlice {
  if (file !== undefined) return isOfDeletions === true ? deletionFileSlice : fileSlice;
  return blocks === undefined ? searchSlice : blockSlice;
}
