import { createHash } from 'node:crypto';
import type { HttpRequest, HttpResponseInit } from '@azure/functions';
import { downloadUrl, type ExportManifest, type FileLinks } from '../export/output/manifest.js';
import { shownManifest } from '../export/output/shownManifest.js';
import type { JobRequest } from '../export/records/job.js';
import { expiryOf } from '../jobs/model/state.js';
import { matchesETag } from './byteRange.js';
import type { HttpDependencies } from './dependencies.js';
import { unknownJob } from './jobOfPath.js';
import { baseUrlOfJob } from './publicUrls.js';

const MINUTE_MS = 60_000;

/** The links of a job's files, and where they lead. */
interface JobLinks extends FileLinks {
  baseUrl: string;
}

/** Answers with manifests of jobs, by the version of the guide of each. */
export class ManifestAnswers {
  readonly #dependencies: Pick<HttpDependencies, 'settings' | 'files' | 'now'>;

  constructor(dependencies: HttpDependencies) {
    this.#dependencies = dependencies;
  }

  /** The manifest, or a page of it, of a complete job. */
  async complete(
    request: HttpRequest,
    state: { request: JobRequest; at: string },
    { manifest, next }: LinkedManifest,
  ): Promise<HttpResponseInit> {
    const { settings, now } = this.#dependencies;
    const job = state.request;
    const over = expiryOf(state, settings.jobRetentionHours);
    if (over <= now()) throw unknownJob();
    const expires = this.#expiry(over);
    // Signed links are other ones each time; those a client has are good for half of their lifetime at least.
    const turn = settings.downloadLinks === 'sas' ? Math.floor(now() / (this.#lifetime / 2)) : 0;
    const baseUrl = baseUrlOfJob(request, job, settings);
    const etag = etagOf([
      manifest,
      settings.downloadLinks,
      baseUrl,
      turn,
      ...(next === undefined ? [] : [next]),
    ]);
    const headers = {
      etag,
      expires: new Date(expires).toUTCString(),
      'cache-control': 'private, no-cache',
    };
    if (matchesETag(request.headers.get('if-none-match'), etag)) return { status: 304, headers };
    const links = await this.#links(job, baseUrl, expires);
    return {
      status: 200,
      headers: { 'content-type': 'application/json', ...headers },
      body: bodyOf(job, { manifest, next }, links),
    };
  }

  /** The body of a page of a running job. */
  async running(request: HttpRequest, job: JobRequest, linked: LinkedManifest): Promise<string> {
    const { settings, now } = this.#dependencies;
    const links = await this.#links(job, baseUrlOfJob(request, job, settings), now() + this.#lifetime);
    return bodyOf(job, linked, links);
  }

  get #lifetime(): number {
    return this.#dependencies.settings.sasLifetimeMinutes * MINUTE_MS;
  }

  #expiry(over: number): number {
    const { settings, now } = this.#dependencies;
    return settings.downloadLinks === 'sas' ? Math.min(over, now() + this.#lifetime) : over;
  }

  async #links(job: JobRequest, baseUrl: string, expires: number): Promise<JobLinks> {
    const { settings, files, now } = this.#dependencies;
    const { jobId } = job;
    if (settings.downloadLinks !== 'sas')
      return { baseUrl, requiresAccessToken: true, urlOf: (file) => downloadUrl({ baseUrl, jobId }, file) };
    const linkTo = await files.readLinks(job.container, new Date(expires), now());
    return { baseUrl, requiresAccessToken: false, urlOf: (file) => linkTo(`${job.folder}${file}`) };
  }
}

/** A manifest, and the number of its next page. */
interface LinkedManifest {
  manifest: ExportManifest;
  next: number | undefined;
}

function bodyOf({ jobId, guide }: JobRequest, { manifest, next }: LinkedManifest, links: JobLinks): string {
  const url = `${links.baseUrl}/_operations/export/${jobId}/manifests/${next}`;
  const link = next === undefined ? {} : { link: [{ relation: 'next' as const, url }] };
  return JSON.stringify(shownManifest({ ...manifest, ...link }, links, guide));
}

/** Weak: the signatures in two answers differ. */
function etagOf(content: readonly unknown[]): string {
  const digest = createHash('sha256').update(JSON.stringify(content)).digest('base64url');
  return `W/"${digest.slice(0, 32)}"`;
}
