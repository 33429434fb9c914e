import type { HttpRequest } from '@azure/functions';
import type { DurableClient } from 'durable-functions';
import pMap from 'p-map';
import { type ExportManifest, type ManifestFile, typesInManifest } from '../export/output/manifest.js';
import { isCalledDeidentified } from '../export/request/approval.js';
import type { JobRequest } from '../export/records/job.js';
import { lookAtInstance } from '../jobs/jobInstances.js';
import { expiryOf, isOpen, JOB_STATES, type KnownState, stateOf } from '../jobs/model/state.js';
import { type Caller, hasAccess, maySee } from './authorization/caller.js';
import { permitExportList } from './authorization/permitExportList.js';
import type { HttpDependencies } from './dependencies.js';
import type { Handler } from './handler.js';
import { baseUrlOf, baseUrlOfJob } from './publicUrls.js';
import { cursorLink, noCursor, readCursor } from './listCursor.js';

/** Of a page, each of which takes some reads of storage. */
const MAX_LISTED = 20;
const PARALLEL_JOBS = 4;
const NAME = 'the list of exports';

/** A job as the list has it: nothing of its data but counts, and nothing that its caller asked of whom. */
interface ListedExport {
  /** Of its status. */
  url: string;
  level: JobRequest['level']['kind'];
  /** Absent: all types. */
  types?: readonly string[];
  deidentified: boolean;
  configuration?: string;
  configurationDigest?: string;
  state: 'running' | 'completed' | 'failed';
  startedAt: string;
  finishedAt?: string;
  /** When it and its files go. */
  expiresAt?: string;
  counts?: ExportCounts;
}

/** What the files of a complete job have. */
interface ExportCounts {
  resources: number;
  deleted: number;
  /** Outcomes in files of errors. */
  errors: number;
  files: number;
}

/** Lists the exports that a caller has started, the latest first: `GET [base]/_operations/export`. */
export function exportList(dependencies: HttpDependencies): Handler {
  const { settings, jobs } = dependencies;
  return async (request, client, _context, caller) => {
    permitExportList(caller, request, settings.authorization);
    const owner = caller.kind === 'known' ? caller.owner : undefined;
    const page = await jobs.startedBy(owner, readCursor(request.url, NAME), MAX_LISTED);
    if (page === undefined) throw noCursor(NAME);
    const listed = await pMap(page.jobIds, (jobId) => listedExport(dependencies, { request, client, caller }, jobId), { concurrency: PARALLEL_JOBS }); // prettier-ignore
    const url = `${baseUrlOf(request, settings)}/_operations/export`;
    return {
      status: 200,
      headers: { 'content-type': 'application/json', 'cache-control': 'private, no-store' },
      body: JSON.stringify({
        exports: listed.filter((entry) => entry !== undefined),
        ...cursorLink(url, page.cursor),
      }),
    };
  };
}

interface Asked {
  request: HttpRequest;
  client: DurableClient;
  caller: Caller;
}

/** `undefined` for one that is unknown by now, as its status is. */
async function listedExport(
  { settings, jobs, now }: HttpDependencies,
  { request, client, caller }: Asked,
  jobId: string,
): Promise<ListedExport | undefined> {
  const recorded = stateOf(await jobs.records(jobId));
  if (recorded.name === 'unknown' || !maySee(caller, recorded.request)) return undefined;
  const state = isOpen(recorded) ? await lookAtInstance(jobs, client, recorded, now()) : recorded;
  if (state.name === 'unknown' || !JOB_STATES[state.name].isVisible) return undefined;
  const { request: job } = state;
  const ended = endOf(state, settings.jobRetentionHours);
  if (ended !== undefined && ended.expires <= now()) return undefined;
  const manifest = state.name === 'completed' ? await jobs.manifest(jobId) : undefined;
  const isPermitted = manifest !== undefined && hasAccess(caller, job, typesInManifest(manifest));
  return {
    url: `${baseUrlOfJob(request, job, settings)}/_operations/export/${jobId}`,
    ...askedOf(job),
    state: shownState(state),
    startedAt: job.startedAt,
    ...(ended === undefined
      ? {}
      : { finishedAt: ended.at, expiresAt: new Date(ended.expires).toISOString() }),
    ...(isPermitted ? { counts: countsOf(manifest) } : {}),
  };
}

/** What was asked for, but for ids and searches, which may be about a person. */
function askedOf({
  level,
  types,
  permittedTypes,
  configuration,
}: JobRequest): Pick<
  ListedExport,
  'level' | 'types' | 'deidentified' | 'configuration' | 'configurationDigest'
> {
  const exported = types ?? permittedTypes;
  return {
    level: level.kind,
    ...(exported === undefined ? {} : { types: exported }),
    deidentified: isCalledDeidentified(configuration?.approval),
    ...(configuration === undefined
      ? {}
      : { configuration: configuration.name, configurationDigest: configuration.digest }),
  };
}

function endOf(state: KnownState, retentionHours: number): { at: string; expires: number } | undefined {
  if (state.name !== 'completed' && state.name !== 'failed') return undefined;
  return { at: state.at, expires: expiryOf(state, retentionHours) };
}

/** As the status answers: a job whose step has failed runs until its end is decided. */
function shownState({ name }: KnownState): ListedExport['state'] {
  if (name === 'completed') return name;
  return name === 'failed' || name === 'lost' ? 'failed' : 'running';
}

function countsOf({ output, deleted, error }: ExportManifest): ExportCounts {
  return {
    resources: linesOf(output),
    deleted: linesOf(deleted),
    errors: linesOf(error),
    files: output.length,
  };
}

function linesOf(files: readonly ManifestFile[]): number {
  return files.reduce((total, { count }) => total + count, 0);
}
