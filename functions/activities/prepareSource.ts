import type { BulkClient } from '../adapters/source/bulkClient.js';
import { ExportError } from '../common/errors.js';
import {
  type BulkKickOff,
  bulkKickOffs,
  isMissing,
  isRefused,
  refusedAtKickOff,
} from '../export/plan/bulkKickOffs.js';
import { type JobRequest, PLANNING, type Waiting } from '../export/records/job.js';
import type { SourceExport, TakenExport } from '../export/records/sourceExport.js';
import { groupNotFound } from '../export/selection/members.js';
import { allWithheld } from '../export/selection/patientCount.js';
import { ofBulk } from '../export/plan/bulkPlan.js';
import { refuseSeveralFilters } from '../export/plan/patientPlan.js';
import { joinPages, readManifestPage } from '../export/source/bulkManifest.js';
import { type BulkAnswer, readStatus, waitOf } from '../export/source/bulkStatus.js';
import { onRefusal, refusalOf } from '../export/source/refusals.js';
import { requesterOf } from '../export/source/requestLimiter.js';
import { MAX_STARTS } from '../jobs/model/instanceIds.js';
import { isRunning, stateMissing, stateOf } from '../jobs/model/state.js';
import type { ActivityLog } from './activity.js';
import { chooseSource } from './chooseSource.js';
import type { ActivityDependencies } from './dependencies.js';
import { proveFilters } from './proveFilters.js';
import { ProgressReports } from './waiting.js';

export interface PrepareSourceOutput {
  /** Which export of the source it is: see `SourceExport`. */
  start: number;
  /** In milliseconds, until the source is to be asked again; `null`: it is known what it gives. */
  waitMs: number | null;
}

/** A source that does not answer for so long is given up. */
const MAX_SILENCE_MS = 3_600_000;
const HOUR_MS = 3_600_000;
/** A job has no more files. */
const MAX_PAGES = 10_000;

/**
 * One step towards the source's own export: asks for it, or how far it is. What is known is in the job's state, so that a
 * step that is made again goes on from there. Of two exports that were asked for at once, one is deleted at the source.
 */
export function prepareSource(dependencies: ActivityDependencies) {
  const { jobs, now } = dependencies;
  return async ({ jobId }: { jobId: string }, log: ActivityLog): Promise<PrepareSourceOutput> => {
    const state = stateOf(await jobs.records(jobId));
    if (state.name === 'unknown') throw stateMissing();
    if (!isRunning(state)) throw new ExportError('job-stopped', 'The job was stopped.');
    const { request } = state;
    const at = now();
    let known = await jobs.changeSourceExport(jobId, (stored) =>
      stored === undefined
        ? { start: 1, first: 0, askedAt: at, answeredAt: at, formerUrls: [], isComplete: false }
        : undefined,
    );
    if (request.sourceMode === 'auto' && known !== undefined && known.choice === undefined) {
      const choice = await chooseSource(dependencies, request, log);
      known = await jobs.changeSourceExport(jobId, (stored) =>
        stored === undefined || stored.choice !== undefined
          ? undefined
          : { ...stored, choice, isComplete: choice.bulk?.length === 0 },
      );
    }
    if (known === undefined) throw stateMissing();
    if (known.isComplete) return { start: known.start, waitMs: null };
    return new SourcePreparation(dependencies, request, known, log).step();
  };
}

/** A step of one export of the source. */
class SourcePreparation {
  readonly #dependencies: ActivityDependencies;
  readonly #request: JobRequest;
  readonly #known: SourceExport;
  readonly #client: BulkClient;
  readonly #maxHours: number;
  readonly #log: ActivityLog;

  constructor(
    dependencies: ActivityDependencies,
    request: JobRequest,
    known: SourceExport,
    log: ActivityLog,
  ) {
    const { bulkOf, settings } = dependencies;
    const { mode } = settings.source;
    if (bulkOf === undefined || !('maxHours' in mode)) throw otherMode();
    this.#dependencies = dependencies;
    this.#request = request;
    this.#known = known;
    this.#client = bulkOf(requesterOf(request), log);
    this.#maxHours = mode.maxHours;
    this.#log = log;
  }

  async step(): Promise<PrepareSourceOutput> {
    const { start, taken, askedAt, answeredAt } = this.#known;
    const now = this.#dependencies.now();
    if (now - askedAt > this.#maxHours * HOUR_MS) throw tooLate(this.#maxHours);
    try {
      return { start, waitMs: await (taken === undefined ? this.#kickOff() : this.#poll(taken)) };
    } catch (error) {
      if (!(error instanceof ExportError) || !error.retryable || !error.code.startsWith('source-'))
        throw error;
      if (now - answeredAt > MAX_SILENCE_MS) throw new ExportError(error.code, error.message);
      await this.#report(error);
      return { start, waitMs: waitOf({ retryAfterMs: 0 }, now - answeredAt) };
    }
  }

  /** Asks for an export, in one way after the other. */
  async #kickOff(): Promise<number | null> {
    const { askedAt, choice } = this.#known;
    const { level } = this.#request;
    const request = ofBulk(this.#request, choice);
    const client = {
      kickOff: (kickOff: BulkKickOff) => this.#client.kickOff(kickOff),
      remove: (url: string) => this.#remove(url),
    };
    const busy = request.typeFilters.length === 0 ? undefined : await proveFilters(client, request);
    if (busy !== undefined) return this.#notNow(busy, this.#dependencies.now() - askedAt);
    refuseSeveralFilters(request, 'the own export of the source says of no resource which filter it matches');
    let refusal: BulkAnswer | undefined;
    let isGroupKnown = level.kind !== 'group';
    const missing: string[] = [];
    for (const kickOff of bulkKickOffs(request)) {
      // By either method: the source has no export of that level, whatever the parameters.
      if (missing.filter((kind) => kind === kickOff.level.kind).length > 1) continue;
      if (!isGroupKnown && kickOff.level.kind !== 'group') {
        // Before the data of others is asked for on its behalf.
        await this.#requireGroup(level);
        isGroupKnown = true;
      }
      const answer = await this.#client.kickOff(kickOff);
      const { statusUrl } = answer;
      if (statusUrl !== undefined)
        return this.#taken({ statusUrl, level: kickOff.level.kind, ...dateOf(answer) });
      // Asked again, the source would begin another export each time.
      const isOnlyTried = choice !== undefined && answer.status === 403;
      if (!isRefused(answer) && !isOnlyTried) return this.#notNow(answer, this.#dependencies.now() - askedAt);
      if (isMissing(answer)) missing.push(kickOff.level.kind);
      // The first refusal is of what was asked for; those of what is wider say less.
      refusal ??= answer;
    }
    if (choice !== undefined) {
      // Then the searches show what can be had.
      await this.#change((stored) => ({ ...stored, choice: { ...choice, bulk: [] }, isComplete: true }));
      return null;
    }
    const refused = refusedAtKickOff(request, refusal);
    if (request.isGroupHidden !== true) throw refused;
    // Of a group that is not there, it would be another error.
    this.#log({ code: refused.code, message: refused.message });
    throw allWithheld(request.minPatients ?? 0);
  }

  async #taken(taken: Omit<TakenExport, 'at'>): Promise<number> {
    const held = await this.#change((stored) => ({
      ...stored,
      taken: { ...taken, at: stored.answeredAt },
    }));
    // Another attempt was quicker, or the job has ended.
    if (held?.taken?.statusUrl !== taken.statusUrl) await this.#remove(taken.statusUrl);
    return waitOf({ retryAfterMs: 0 }, 0);
  }

  /** Deletes an export that is not read, at the latest at the end of the job. */
  async #remove(statusUrl: string): Promise<void> {
    const isGone = await this.#client.remove(statusUrl).catch(() => false);
    if (isGone) return;
    await this.#dependencies.jobs.changeSourceExport(this.#request.jobId, (stored) =>
      stored === undefined ? undefined : { ...stored, formerUrls: [...stored.formerUrls, statusUrl] },
    );
  }

  /** @throws ExportError where the source has no such Group, or does not let it be read */
  async #requireGroup(level: JobRequest['level']): Promise<void> {
    if (level.kind !== 'group') return;
    const { isGroupHidden, minPatients = 0 } = this.#request;
    const source = this.#dependencies.sourceOf(requesterOf(this.#request), this.#log);
    const group = await source.read('Group', level.groupId).catch(onRefusal('leave out', () => undefined));
    if (group === undefined) throw isGroupHidden === true ? allWithheld(minPatients) : groupNotFound();
  }

  /** A kick-off that the source may take later. */
  async #notNow(answer: BulkAnswer, elapsedMs: number): Promise<number> {
    const status = readStatus(answer, elapsedMs, (code) => this.#denied(code));
    // One that is taken without a word where is not asked for again and again: each would be another export.
    if (status.kind !== 'waiting' || answer.status < 400) throw noKickOff(answer.status);
    await this.#change((stored) => stored);
    await this.#report(status.error);
    return status.waitMs;
  }

  async #poll({ statusUrl, at }: TakenExport): Promise<number | null> {
    const { start } = this.#known;
    const { jobs, now } = this.#dependencies;
    const answer = await this.#client.status(statusUrl);
    const status = readStatus(answer, now() - at, (code) => this.#denied(code));
    if (status.kind === 'complete') {
      const manifest = await readManifest(this.#client, statusUrl, answer.body);
      await jobs.putSourceManifest(this.#request.jobId, start, manifest);
      await this.#change((stored) => ({ ...stored, isComplete: true }));
      return null;
    }
    if (status.kind === 'waiting') {
      await this.#change((stored) => stored);
      await this.#report(status.error, status.progress);
      return status.waitMs;
    }
    if (start >= MAX_STARTS) throw failedAtSource(start);
    await this.#change((stored) => nextStart(stored, stored.first));
    return waitOf({ retryAfterMs: 0 }, now() - at);
  }

  /** Writes what follows from an answer, unless another attempt has gone on. */
  #change(change: (stored: SourceExport) => SourceExport): Promise<SourceExport | undefined> {
    const { start, taken } = this.#known;
    const { jobs, now } = this.#dependencies;
    return jobs.changeSourceExport(this.#request.jobId, (stored) =>
      stored === undefined || stored.start !== start || stored.taken?.statusUrl !== taken?.statusUrl
        ? undefined
        : change({ ...stored, answeredAt: now() }),
    );
  }

  async #report(error: ExportError | undefined, source?: string): Promise<void> {
    const { jobs } = this.#dependencies;
    const reports = new ProgressReports(jobs, this.#request.jobId);
    const since = new Date(this.#known.answeredAt).toISOString();
    const waiting: Waiting | undefined = error && { since, code: error.code };
    const progress = { partition: PLANNING, resources: 0, isDone: false };
    reports.add(source === undefined ? progress : { ...progress, source }, waiting);
    await reports.settled();
  }

  #denied(status: number): ExportError {
    return refusalOf(status, this.#client.remedy);
  }
}

/** All pages of a manifest. @param body of the first page */
export async function readManifest(
  client: Pick<BulkClient, 'manifestPage'>,
  statusUrl: string,
  body: Buffer = Buffer.alloc(0),
): Promise<ReturnType<typeof joinPages>> {
  const pages = [readManifestPage(body, statusUrl)];
  const seen = new Set<string>();
  for (let next = pages[0]?.next; next !== undefined; next = pages.at(-1)?.next) {
    if (seen.has(next) || pages.length >= MAX_PAGES) throw endlessManifest();
    seen.add(next);
    pages.push(readManifestPage(await client.manifestPage(next), next));
  }
  return joinPages(pages);
}

/** Another export of the source, in place of one that failed or whose files are gone. */
export function nextStart({ taken, ...stored }: SourceExport, first: number): SourceExport {
  const former = taken === undefined ? [] : [taken.statusUrl];
  return {
    ...stored,
    start: stored.start + 1,
    first,
    formerUrls: [...stored.formerUrls, ...former],
    isComplete: false,
  };
}

function dateOf({ date }: BulkAnswer): Pick<TakenExport, 'date'> {
  return date === undefined ? {} : { date };
}

function otherMode(): ExportError {
  return new ExportError(
    'source-unverifiable',
    'SOURCE_MODE was changed since the export began. Start the export again.',
  );
}

function tooLate(hours: number): ExportError {
  return new ExportError(
    'source-export-failed',
    `The source's own export was not complete ${hours} hours after it was asked for (SOURCE_EXPORT_MAX_HOURS). Ask for fewer types or patients, or raise the setting.`,
  );
}

function noKickOff(status: number): ExportError {
  return new ExportError(
    'source-export-failed',
    `The source answered ${status} to the kick-off of its own export, without a status URL in Content-Location. Look for the cause in its own log.`,
    status >= 500,
  );
}

function failedAtSource(starts: number): ExportError {
  return new ExportError(
    'source-export-failed',
    `The source's own export failed, or was gone before it was complete, ${starts} times. Look for the cause in its own log.`,
  );
}

function endlessManifest(): ExportError {
  return new ExportError(
    'source-link-loop',
    "The manifest of the source's own export has pages without end. Look for the cause at the source.",
  );
}
