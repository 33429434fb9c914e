import { stateMissing } from '../jobs/model/state.js';
import { addReport, type DeletionNote, emptyReport, type OutputFile } from '../export/records/job.js';
import { addPartCounts, emptyCounts } from '../export/selection/patientCount.js';
import type { ActivityDependencies } from './dependencies.js';

export interface CompletePartitionInput {
  jobId: string;
  partition: number;
  /** The attempt of the last slice. */
  last: string;
}

/** Follows the chain of slices that counted back from the last one and records the partition's files. */
export function completePartition({ jobs }: ActivityDependencies) {
  return async ({ jobId, partition, last }: CompletePartitionInput): Promise<null> => {
    const files: OutputFile[] = [];
    const report = emptyReport();
    let deletionNote: DeletionNote | undefined;
    let walked: number | undefined;
    const provenance = emptyReport();
    const mostPatients = (await jobs.request(jobId))?.minPatients ?? 0;
    const counts = emptyCounts();
    let seconds = 0;
    let foreign = 0;
    let ofOthers = 0;
    let resources = 0;
    for (let attempt: string | undefined = last; attempt !== undefined;) {
      const slice = await jobs.slice(jobId, partition, attempt);
      if (slice === undefined) throw stateMissing();
      deletionNote ??= slice.deletionNote;
      walked ??= slice.walked;
      // The chain leads back: the files of a slice come in their order once all are turned round.
      files.push(...[...slice.files].reverse());
      addReport(report, slice.report);
      if (slice.provenance !== undefined) addReport(provenance, slice.provenance);
      foreign += slice.foreign ?? 0;
      ofOthers += slice.ofOthers ?? 0;
      if (slice.counts !== undefined) addPartCounts(counts, slice.counts, mostPatients);
      seconds += slice.seconds;
      resources = Math.max(resources, slice.resources);
      attempt = slice.previous;
    }
    if (mostPatients > 0) await jobs.putPartCounts(jobId, partition, counts);
    await jobs.putPartition(jobId, partition, {
      files: files.reverse(),
      seconds,
      report,
      ...(deletionNote === undefined ? {} : { deletionNote }),
      ...(walked === undefined ? {} : { walked }),
      provenance,
      foreign,
      ofOthers,
    });
    await jobs.putProgress(jobId, { partition, resources, isDone: true });
    return null;
  };
}
