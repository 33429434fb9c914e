import type { Answer } from '../answer.js';
import type { SourceContext } from '../context.js';
import { OutcomeError } from '../outcome.js';
import { has, notThere, PATHS, type BulkCall } from './call.js';
import type { ExportLevel } from './exportRequest.js';
import { answerFile, answerSignedFile } from './files.js';
import type { Job } from './jobs.js';
import { kickOff } from './kickOff.js';
import type { FileServer } from './signature.js';
import { answerStatus } from './status.js';

/** A step of an export, and the type that it is for. */
export interface ExportStep {
  /** `redirect`: a file at its URL below the base, where that leads to another server. */
  at: 'kickOff' | 'status' | 'redirect' | 'file';
  type: string | undefined;
}

/** Which step of an export a path below the base, or of the server of files, belongs to, if any. */
export function exportStep(
  context: SourceContext,
  path: readonly string[],
  fileServer: FileServer | undefined,
): ExportStep | undefined {
  if (levelOf(path)) return { at: 'kickOff', type: undefined };
  if (path[0] === PATHS.status || path[0] === PATHS.poll) return { at: 'status', type: undefined };
  if (path[0] !== PATHS.files) return undefined;
  const isRedirect = !fileServer && has(context, 'export-redirected-files');
  return { at: isRedirect ? 'redirect' : 'file', type: path[2]?.split('.')[1] };
}

/**
 * Answers a request of the export operation (Bulk Data Access 2.0), or one to the server of files. Jobs are kept in
 * memory. @throws OutcomeError
 */
export function answerExport(
  context: SourceContext,
  call: BulkCall,
  step: ExportStep,
  fileServer: FileServer | undefined,
): Answer {
  if (fileServer) return answerSignedFile(context, call, jobOf(context, call), fileServer);
  if (step.at === 'kickOff') return kickOff(context, call, levelOf(call.path)!);
  const job = jobOf(context, call);
  if (job.isProtected && call.headers.authorization === undefined) {
    throw new OutcomeError(401, 'forbidden', 'A token is missing', { 'WWW-Authenticate': 'Bearer' });
  }
  return step.at === 'status' ? answerStatus(context, call, job) : answerFile(context, call, job);
}

function levelOf(path: readonly string[]): ExportLevel | undefined {
  if (path.at(-1) !== '$export') return undefined;
  if (path.length === 1) return { kind: 'system' };
  if (path.length === 2 && path[0] === 'Patient') return { kind: 'patient' };
  return path.length === 3 && path[0] === 'Group' ? { kind: 'group', id: path[1]! } : undefined;
}

function jobOf({ state }: SourceContext, { path, query }: BulkCall): Job {
  const job = state.jobs.get((path[0] === PATHS.poll ? query.get('_jobId') : path[1]) ?? '');
  if (!job || path.length > 3) throw notThere();
  return job;
}
