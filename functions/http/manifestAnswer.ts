import { createHash } from 'node:crypto';
import type { HttpRequest, HttpResponseInit } from '@azure/functions';
import { downloadUrl, type ExportManifest, type FileLinks } from '../export/output/manifest.js';
import { shownManifest } from '../export/output/shownManifest.js';
import type { JobRequest } from '../export/records/job.js';
import { expiryOf } from '../jobs/model/state.js';
import { matchesETag } from './byteRange.js';
import type { HttpDependencies } from './dependencies.js';
import { unknownJob } from './jobOfPath.js';
import { baseUrlOf } from './publicUrls.js';

const MINUTE_MS = 60_000;

/** The answer with a manifest of a job, by the job's version of the guide. */
export type AnswerManifest = (
  request: HttpRequest,
  state: { request: JobRequest; at: string },
  manifest: ExportManifest,
) => Promise<HttpResponseInit>;

export function manifestAnswer({ settings, files, now }: HttpDependencies): AnswerManifest {
  return async (request, state, manifest) => {
    const job = state.request;
    const over = expiryOf(state, settings.jobRetentionHours);
    if (over <= now()) throw unknownJob();
    const lifetime = settings.sasLifetimeMinutes * MINUTE_MS;
    const isSigned = settings.downloadLinks === 'sas';
    const expires = isSigned ? Math.min(over, now() + lifetime) : over;
    // Signed links are other ones each time; those a client has are good for half of their lifetime at least.
    const turn = isSigned ? Math.floor(now() / (lifetime / 2)) : 0;
    // A job may be older than the setting, and its status asked for by another of the hosts than its kick-off.
    const baseUrl = settings.publicBaseUrls === undefined ? job.baseUrl : baseUrlOf(request, settings);
    const etag = etagOf([manifest, settings.downloadLinks, baseUrl, turn]);
    const headers = {
      etag,
      expires: new Date(expires).toUTCString(),
      'cache-control': 'private, no-cache',
    };
    if (matchesETag(request.headers.get('if-none-match'), etag)) return { status: 304, headers };
    const links = isSigned
      ? await signed(job, expires)
      : {
          requiresAccessToken: true,
          urlOf: (file: string) => downloadUrl({ baseUrl, jobId: job.jobId }, file),
        };
    return {
      status: 200,
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(shownManifest(manifest, links, job.guide)),
    };
  };

  async function signed(job: JobRequest, expires: number): Promise<FileLinks> {
    const linkTo = await files.readLinks(job.container, new Date(expires), now());
    return { requiresAccessToken: false, urlOf: (file) => linkTo(`${job.folder}${file}`) };
  }
}

/** Weak: the signatures in two answers differ. */
function etagOf(content: readonly unknown[]): string {
  const digest = createHash('sha256').update(JSON.stringify(content)).digest('base64url');
  return `W/"${digest.slice(0, 32)}"`;
}
