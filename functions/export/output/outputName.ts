import { createHash } from 'node:crypto';

/**
 * Name of a job's own container, or of its folder in a given one. Where callers are not distinguished, who knows the id of
 * a job may use it, and names of blobs are in SAS links and in logs of the storage: the id does not follow from it.
 * @param startedAt ISO 8601, of which the name begins with the digits down to seconds
 */
export function outputName(startedAt: string, jobId: string): string {
  return `${startedAt.replace(/\D/g, '').slice(0, 14)}-${outputNameEnd(jobId)}`;
}

/** What `outputName` ends with: 32 hexadecimal digits that distinguish the outputs of jobs. */
export function outputNameEnd(jobId: string): string {
  return createHash('sha256').update(`output of ${jobId}`).digest('hex').slice(0, 32);
}
