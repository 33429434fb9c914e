import { randomUUID } from 'node:crypto';
import { ExportError } from '../errors.js';
import {
  addReport,
  emptyReport,
  type JobRequest,
  type OutputFile,
  type PartitionRecord,
  type SliceReport,
} from '../export/job.js';
import { buildManifest, MANIFEST_FILE, REPORT_FILE } from '../export/manifest.js';
import { buildReport } from '../export/report.js';
import { failureOutcomes } from '../export/errorFile.js';
import { mapConcurrently } from '../mapConcurrently.js';
import type { ActivityDependencies } from './dependencies.js';
import { discardOutput } from './discardOutput.js';

export interface FinishExportInput {
  jobId: string;
}

export interface FinishExportOutput {
  state: 'completed' | 'failed' | 'cancelled';
}

const PARALLEL_READS = 8;
/** Of the private state, what status and deletion need later; cursors, secret and configuration go. */
const KEPT_STATE = ['request.json', 'plan.json', 'outcome.json', 'manifest.json', 'stop.json'];

/**
 * Ends a job: manifest and outcome where it is complete, no file where it failed. Safe to repeat: whatever a
 * call before has written is written again or found.
 */
export function finishExport(dependencies: ActivityDependencies) {
  const { jobs, files, engines, now } = dependencies;
  return async ({ jobId }: FinishExportInput): Promise<FinishExportOutput> => {
    const [request, stop, known] = await Promise.all([
      jobs.request(jobId),
      jobs.stop(jobId),
      jobs.outcome(jobId),
    ]);
    if (request === undefined) throw new ExportError('job-state-missing', 'The state of the job is gone.');
    let state = known?.state;
    if (state === undefined) {
      const at = new Date(now()).toISOString();
      if (stop === undefined) {
        await complete(request);
        await jobs.putOutcome(jobId, { state: 'completed', at });
        state = 'completed';
      } else {
        await discardOutput(files, request);
        await jobs.putOutcome(
          jobId,
          stop.reason === 'failed'
            ? { state: 'failed', at, failure: stop.failure }
            : { state: 'cancelled', at },
        );
        state = stop.reason;
      }
    }
    engines.forget(jobId);
    await jobs.destroySecrets(jobId);
    await jobs.deleteAll(jobId, KEPT_STATE);
    return { state };
  };

  async function complete(request: JobRequest): Promise<void> {
    const { jobId, container, folder } = request;
    const plan = await jobs.plan(jobId);
    if (plan === undefined) throw new ExportError('job-state-missing', 'The plan of the job is gone.');
    const output: OutputFile[] = [];
    const report = emptyReport();
    const records = await mapConcurrently([...plan.partitions.keys()], PARALLEL_READS, (partition) =>
      jobs.partition(jobId, partition),
    );
    const partitions: PartitionRecord[] = [];
    for (const record of records) {
      if (record === undefined) throw new ExportError('internal', 'A partition of the job is not complete.');
      partitions.push(record);
      output.push(...record.files);
      addReport(report, record.report);
    }
    await files.ensureContainer(container);
    const errors = await writeErrors(request, report);
    const kept = new Set([...output, ...errors].map(({ name }) => name));
    await files.deleteFiles(container, folder, (name) => !kept.has(name));
    const manifest = buildManifest({ request, plan, output, errors, report });
    const summary = buildReport(request, plan, partitions, new Date(now()).toISOString());
    await files.write(
      container,
      `${folder}${REPORT_FILE}`,
      JSON.stringify(summary, undefined, 2),
      'application/json',
    );
    await files.write(
      container,
      `${folder}${MANIFEST_FILE}`,
      JSON.stringify(manifest, undefined, 2),
      'application/json',
    );
    await jobs.putManifest(jobId, manifest);
  }

  async function writeErrors(request: JobRequest, report: SliceReport): Promise<OutputFile[]> {
    if (report.failures.length === 0) return [];
    const name = `${request.folder}OperationOutcome-${randomUUID()}.ndjson`;
    const file = await files.create(request.container, name);
    for (const outcome of failureOutcomes(report.failures)) await file.writeLine(JSON.stringify(outcome));
    await file.close();
    return [{ type: 'OperationOutcome', name, count: file.lines, bytes: file.bytes }];
  }
}
