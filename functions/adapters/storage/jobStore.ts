import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { BlobServiceClient, ContainerClient } from '@azure/storage-blob';
import pMap from 'p-map';
import type {
  JobPlan,
  JobRequest,
  PartitionProgress,
  ReferencedRound,
  RepeatedPart,
  StoredPartition,
  StoredSlice,
} from '../../export/records/job.js';
import type { MembershipRecord } from '../../export/plan/membership.js';
import type { StoredMembers } from '../../export/selection/members.js';
import type { PartCounts } from '../../export/selection/patientCount.js';
import type { SourceExport } from '../../export/records/sourceExport.js';
import type { BulkManifest } from '../../export/source/bulkManifest.js';
import type { ExportManifest } from '../../export/output/manifest.js';
import type { ManifestPages } from '../../export/output/manifestPages.js';
import { admit, type RunningJob, type RunningLimits, toLookUp } from '../../jobs/model/runningJobs.js';
import {
  JOB_STATES,
  type JobOutcome,
  type JobRecords,
  stateMissing,
  stateOf,
  type StopReason,
} from '../../jobs/model/state.js';
import { JobIndex, type JobPage } from './jobIndex.js';
import { JobProgress } from './jobProgress.js';
import { guarding, storageStatus, unlessMissing } from './storage.js';

/** Container of the private state of the jobs, in the runtime's storage account. */
const JOB_STATE_CONTAINER = 'fhir-export-jobs';

/** What goes first at the end of a job, however it ends. */
const SECRET_BLOBS = ['secret', 'configuration.json'] as const;
/** What stays until the retention is over, for status and deletion. */
const KEPT_BLOBS = [
  'request.json',
  'plan.json',
  'referenced.json',
  'stop.json',
  'outcome.json',
  'manifest.json',
  'pages.json',
  // Until the source's own export is deleted, too.
  'source.json',
] as const;

const PARALLEL_DELETIONS = 16;

/** The list of the jobs that may be running, beside the folders of the jobs. */
const RUNNING_JOBS = 'running.json';
const PARALLEL_LOOK_UPS = 16;
const MAX_KICK_OFF_MS = 120_000;

/** What the names of records of members begin with: beside the folders of the jobs, which they outlive. */
const MEMBERSHIPS = 'membership-';
/** Records of one chain of exports, each of which has 10 MB at most. */
const MAX_MEMBERSHIPS = 32;

/** A blob, and when it was written. */
interface Stamped {
  name: string;
  at: number;
}

const guarded = guarding('AzureWebJobsStorage');
const IF_NEW = { ifNoneMatch: '*' };
type Conditions = typeof IF_NEW | { ifMatch: string };

/** By the number of the first partition of the plan. */
type ReferencedRounds = Record<number, ReferencedRound[]>;

interface Claims {
  /** The partition that the next claim gets. */
  next: number;
  /** What each worker claimed last, so that a repeated call gets the same. */
  workers: Record<string, { turn: number } & Claim>;
}

/** Partitions that a worker has. */
export interface Claim {
  /** The first of them. */
  partition: number;
  /** Absent: 1. */
  count?: number;
}

/**
 * The private state of the jobs: request, plan, cursors, the job's secret and its pinned configuration. It
 * lives in the runtime's storage account, which no export URL reaches; what passes through the Durable
 * history are only the numbers and attempt names under which it is found here.
 */
export class JobStore {
  readonly #container: ContainerClient;
  readonly #index: JobIndex;
  readonly #progress: JobProgress;
  #isCreated = false;

  constructor(service: BlobServiceClient) {
    this.#container = service.getContainerClient(JOB_STATE_CONTAINER);
    this.#index = new JobIndex(this.#container);
    this.#progress = new JobProgress(this.#container);
  }

  /** Writes everything a new job needs; `configuration` is absent in a raw export. */
  async create(request: JobRequest, secret: Uint8Array, configuration: string | undefined): Promise<void> {
    await this.#createContainer();
    const { jobId } = request;
    if (configuration !== undefined) await this.#write(`${jobId}/configuration.json`, configuration);
    await this.#write(`${jobId}/secret`, Buffer.from(secret).toString('base64'));
    await this.#writeJson(`${jobId}/request.json`, request);
    // Last: what is in the list has a request, by which it is found and removed.
    await this.#index.add(request);
  }

  /** A page of the jobs that a caller has started: see `JobIndex`. */
  startedBy(
    owner: string | undefined,
    cursor: string | undefined,
    most: number,
  ): Promise<JobPage | undefined> {
    return this.#index.page(owner, cursor, most);
  }

  /**
   * Enters a job in the list of those that run, unless there are too many. Jobs that have ended are taken off here, when
   * they keep another job out: nothing else has to.
   */
  async enterRunning(
    job: RunningJob,
    limits: RunningLimits,
    workers: number,
  ): Promise<{ workers: number } | { refusal: string }> {
    await this.#createContainer();
    return this.#update<RunningJob[], { workers: number } | { refusal: string }>(
      RUNNING_JOBS,
      async (stored = []) => {
        // Its own entry is there where the answer to the write of it was lost.
        const listed = stored.filter(({ jobId }) => jobId !== job.jobId);
        const ended = new Set<string>();
        const lookUp = async (other: RunningJob): Promise<void> => {
          if (await this.#hasEnded(other, job.at)) ended.add(other.jobId);
        };
        await pMap(toLookUp(listed, job, limits), lookUp, { concurrency: PARALLEL_LOOK_UPS });
        const running = listed.filter(({ jobId }) => !ended.has(jobId));
        const result = admit(running, job, limits, workers);
        if (!('refusal' in result)) return { next: [...running, job], result };
        return running.length === stored.length ? { result } : { next: running, result };
      },
    );
  }

  /** Takes a job off the list that was not started after all. */
  async leaveRunning(jobId: string): Promise<void> {
    await this.#update<RunningJob[], undefined>(RUNNING_JOBS, async (listed) => ({
      next: listed?.filter((job) => job.jobId !== jobId),
      result: undefined,
    }));
  }

  async #hasEnded({ jobId, at }: RunningJob, now: number): Promise<boolean> {
    const { name } = stateOf(await this.records(jobId));
    // Between the list and the request, a kick-off may take a while.
    return name === 'unknown' ? now - at > MAX_KICK_OFF_MS : JOB_STATES[name].hasEnded;
  }

  /** What `stateOf` takes. */
  async records(jobId: string): Promise<JobRecords> {
    const [request, stop, outcome] = await Promise.all([
      this.request(jobId),
      this.stop(jobId),
      this.outcome(jobId),
    ]);
    return { request, stop, outcome };
  }

  request(jobId: string): Promise<JobRequest | undefined> {
    return this.#readJson<JobRequest>(`${jobId}/request.json`);
  }

  /** @throws ExportError `job-state-missing` where the job has ended: its keys are gone for good */
  async secret(jobId: string): Promise<Uint8Array> {
    return Buffer.from(required(await this.#read(`${jobId}/secret`)), 'base64');
  }

  async configuration(jobId: string): Promise<string> {
    return required(await this.#read(`${jobId}/configuration.json`));
  }

  /** Destroys the secret and the pinned configuration: pseudonyms of the job cannot be made or undone after this. */
  async destroySecrets(jobId: string): Promise<void> {
    await Promise.all(SECRET_BLOBS.map((name) => this.#delete(`${jobId}/${name}`)));
  }

  /**
   * Destroys the secret, the pinned configuration, cursors and records: all that a job needs only while it runs.
   * @param signal ends it before all is gone
   */
  async destroyWorkingState(jobId: string, signal?: AbortSignal): Promise<void> {
    await this.destroySecrets(jobId);
    const kept = new Set<string>(KEPT_BLOBS.map((name) => `${jobId}/${name}`));
    await this.#deleteBlobs(jobId, (name) => !kept.has(name), signal);
  }

  /** Deletes all state of a job. The request goes last: as long as it is there, the job is found. */
  async deleteAll(jobId: string): Promise<void> {
    const name = `${jobId}/request.json`;
    const request = await this.request(jobId);
    await this.#deleteBlobs(jobId, (other) => other !== name);
    if (request !== undefined) await this.#index.remove(request);
    await this.#delete(name);
  }

  /** When the youngest part of a job's state was written, in milliseconds since the epoch. */
  async lastModified(jobId: string): Promise<number> {
    let last = 0;
    await guarded('the state of a job', async () => {
      for await (const { properties } of this.#container.listBlobsFlat({ prefix: `${jobId}/` })) {
        last = Math.max(last, properties.lastModified.getTime());
      }
    });
    return last;
  }

  plan(jobId: string): Promise<JobPlan | undefined> {
    return this.#readJson<JobPlan>(`${jobId}/plan.json`);
  }

  /** Writes the plan unless there is one; returns the one that holds. */
  putPlan(jobId: string, plan: JobPlan): Promise<JobPlan> {
    return this.#putOnce(`${jobId}/plan.json`, plan);
  }

  /**
   * Takes a plan away for another one.
   * @param first the number of the first partition of that one
   */
  async dropPlan(jobId: string, first: number): Promise<void> {
    const read = await this.#readBytes(`${jobId}/plan.json`);
    if (read === undefined) return;
    const plan = JSON.parse(read.bytes.toString('utf8')) as JobPlan;
    if ((plan.first ?? 0) < first) await this.#delete(`${jobId}/plan.json`, { ifMatch: read.etag });
  }

  /** Takes the failure away by which a job was to stop since a moment; a cancel, or another failure, holds. */
  async dropFailure(jobId: string, since: string): Promise<void> {
    const read = await this.#readBytes(`${jobId}/stop.json`);
    if (read === undefined) return;
    const { reason, at } = JSON.parse(read.bytes.toString('utf8')) as StopReason;
    if (reason === 'failed' && at === since) await this.#delete(`${jobId}/stop.json`, { ifMatch: read.etag });
  }

  /** How far the source's own export is; `undefined` where it was not asked for one. */
  sourceExport(jobId: string): Promise<SourceExport | undefined> {
    return this.#readJson<SourceExport>(`${jobId}/source.json`);
  }

  /** Changes it, unless `change` gives `undefined`; returns what holds. */
  changeSourceExport(
    jobId: string,
    change: (stored: SourceExport | undefined) => SourceExport | undefined,
  ): Promise<SourceExport | undefined> {
    return this.#update<SourceExport, SourceExport | undefined>(`${jobId}/source.json`, async (stored) => {
      const next = change(stored);
      return { next, result: next ?? stored };
    });
  }

  /** The manifest of an export of the source. @throws ExportError where the job has ended */
  async sourceManifest(jobId: string, start: number): Promise<BulkManifest> {
    return required(await this.#readJson<BulkManifest>(`${jobId}/source-manifest-${start}.json`));
  }

  /** Writes it unless it is known; returns the one that holds. */
  putSourceManifest(jobId: string, start: number, manifest: BulkManifest): Promise<BulkManifest> {
    return this.#putOnce(`${jobId}/source-manifest-${start}.json`, manifest);
  }

  /** The patients whose compartments are exported. @throws ExportError where the job has ended */
  async members(jobId: string): Promise<StoredMembers> {
    return required(await this.#readJson<StoredMembers>(`${jobId}/members.json`));
  }

  /** Writes the members unless they are known; returns those that hold. */
  putMembers(jobId: string, members: StoredMembers): Promise<StoredMembers> {
    return this.#putOnce(`${jobId}/members.json`, members);
  }

  /** Takes them away, for those of another plan. */
  async dropMembers(jobId: string): Promise<void> {
    await this.#delete(`${jobId}/members.json`);
  }

  /** The members that an export of a group had, by digests; `undefined` where they are not remembered. */
  membership(name: string): Promise<string[] | undefined> {
    return this.#readJson<string[]>(name);
  }

  /**
   * Remembers the members that an export had; of several exports of the chain as of the same instant, those that all had.
   * Of many records of a chain, the latest stay.
   */
  async putMembership({ chain, name }: MembershipRecord, digests: readonly string[]): Promise<void> {
    const own = new Set(digests);
    await this.#update<string[], undefined>(name, async (stored = [...own]) => ({
      next: stored.filter((digest) => own.has(digest)),
      result: undefined,
    }));
    await this.#dropMemberships(chain, (latestFirst) => latestFirst.slice(MAX_MEMBERSHIPS));
  }

  /** Deletes the records of members that were written before a moment, in milliseconds since the epoch. */
  dropMemberships(before: number): Promise<void> {
    return this.#dropMemberships(MEMBERSHIPS, (records) => records.filter(({ at }) => at < before));
  }

  async #dropMemberships(prefix: string, choose: (latestFirst: Stamped[]) => Stamped[]): Promise<void> {
    const found: Stamped[] = [];
    const list = async (): Promise<void> => {
      for await (const { name, properties } of this.#container.listBlobsFlat({ prefix }))
        found.push({ name, at: properties.lastModified.getTime() });
    };
    await guarded('what is remembered of members', () => unlessMissing(list()));
    const dropped = choose(found.sort((a, b) => b.at - a.at));
    await pMap(dropped, ({ name }) => this.#delete(name), { concurrency: PARALLEL_DELETIONS });
  }

  /**
   * The partitions that `worker` works on in its `turn`: the next ones from `first` on that no worker has, `undefined` when
   * all before `end` are taken. The same call again gives the same ones.
   * @param countFrom how many are taken together, by the first of them; not beyond `end`
   * @throws ExportError `job-state-missing` where claims of the worker are gone: its partition may be given again
   */
  claimPartition(
    jobId: string,
    { worker, turn }: { worker: number; turn: number },
    { first, end }: { first: number; end: number },
    countFrom: (partition: number) => number = () => 1,
  ): Promise<Claim | undefined> {
    return this.#update<Claims, Claim | undefined>(`${jobId}/claims.json`, async (claims) => {
      const { next: unclaimed, workers } = claims ?? { next: 0, workers: {} };
      const partition = Math.max(unclaimed, first);
      const held = workers[worker];
      if (held !== undefined && held.turn >= turn)
        return { result: held.turn === turn ? claimOf(held) : undefined };
      if (turn > (held === undefined ? 0 : held.turn + 1)) throw stateMissing();
      if (partition >= end) return { result: undefined };
      const count = countFrom(partition);
      const claim: Claim = { partition, ...(count > 1 ? { count } : {}) };
      const next = { next: partition + count, workers: { ...workers, [worker]: { turn, ...claim } } };
      return { next, result: claim };
    });
  }

  /** @throws ExportError `job-state-missing` where the claim of a partition is gone: it may be given to another worker */
  async checkClaim(jobId: string, partition: number): Promise<void> {
    const claims = await this.#readJson<Claims>(`${jobId}/claims.json`);
    if (claims === undefined || partition >= claims.next) throw stateMissing();
  }

  /** The partitions that workers are at, or were last. */
  async claimedPartitions(jobId: string): Promise<number[]> {
    const claims = await this.#readJson<Claims>(`${jobId}/claims.json`);
    return Object.values(claims?.workers ?? {}).flatMap(({ partition, count }) =>
      Array.from({ length: count ?? 1 }, (_, more) => partition + more),
    );
  }

  slice(jobId: string, partition: number, attempt: string): Promise<StoredSlice | undefined> {
    return this.#readJson<StoredSlice>(`${jobId}/slices/${partition}/${attempt}.json`);
  }

  async putSlice(jobId: string, partition: number, attempt: string, record: StoredSlice): Promise<void> {
    await this.#writeJson(`${jobId}/slices/${partition}/${attempt}.json`, record);
  }

  /** What an attempt at a part of a file saw, for finding doubles. @throws ExportError where it is gone */
  async index(jobId: string, partition: number, attempt: string): Promise<Buffer> {
    return required(await this.#readBytes(`${jobId}/indexes/${partition}/${attempt}`)).bytes;
  }

  async putIndex(jobId: string, partition: number, attempt: string, index: Buffer): Promise<void> {
    await this.#write(`${jobId}/indexes/${partition}/${attempt}`, index);
  }

  /** Places of the lines of a part of a file that others supersede, in order. @throws ExportError where they are gone */
  async superseded(jobId: string, partition: number): Promise<Float64Array> {
    const { bytes } = required(await this.#readBytes(`${jobId}/superseded/${partition}`));
    return new Float64Array(Uint8Array.from(bytes).buffer);
  }

  async putSuperseded(jobId: string, partition: number, places: readonly number[]): Promise<void> {
    const sorted = Float64Array.from(places).sort();
    await this.#write(`${jobId}/superseded/${partition}`, Buffer.from(sorted.buffer));
  }

  /**
   * The partitions that are read again without such lines, in the order of the partitions that replace them.
   * @throws ExportError where they are gone
   */
  async repeated(jobId: string, { first = 0 }: JobPlan): Promise<readonly RepeatedPart[]> {
    return required(await this.#readJson<RepeatedPart[]>(`${jobId}/repeated-${first}.json`));
  }

  /** Writes them unless they are known; returns those that hold. */
  putRepeated(
    jobId: string,
    { first = 0 }: JobPlan,
    parts: readonly RepeatedPart[],
  ): Promise<readonly RepeatedPart[]> {
    return this.#putOnce(`${jobId}/repeated-${first}.json`, parts);
  }

  /** A table of the classes of the Patients that an attempt wrote: see `ClassTable`. @throws ExportError where it is gone */
  async classes(jobId: string, partition: number, attempt: string, nth: number): Promise<Buffer> {
    return required(await this.#readBytes(`${jobId}/classes/${partition}/${attempt}-${nth}`)).bytes;
  }

  async putClasses(
    jobId: string,
    partition: number,
    attempt: string,
    nth: number,
    table: Buffer,
  ): Promise<void> {
    await this.#write(`${jobId}/classes/${partition}/${attempt}-${nth}`, table);
  }

  /** What an attempt wrote refers to: see `ReferenceCollector`. @throws ExportError where it is gone */
  async references(jobId: string, partition: number, attempt: string): Promise<string> {
    return required(await this.#read(`${jobId}/references/${partition}/${attempt}`));
  }

  async putReferences(jobId: string, partition: number, attempt: string, lines: string): Promise<void> {
    await this.#write(`${jobId}/references/${partition}/${attempt}`, lines);
  }

  /** Ids of the resources of a partition that exported ones refer to. @throws ExportError where they are gone */
  async referencedIds(jobId: string, partition: number): Promise<string[]> {
    const text = required(await this.#read(`${jobId}/referenced/${partition}`));
    return text === '' ? [] : text.split('\n');
  }

  /** Writes them; whoever repeats it writes the same. */
  async putReferencedIds(jobId: string, partition: number, ids: readonly string[]): Promise<void> {
    await this.#write(`${jobId}/referenced/${partition}`, ids.join('\n'));
  }

  /** What is read of what exported resources refer to, as far as that is planned. */
  async referencedRounds(jobId: string, { first = 0 }: JobPlan): Promise<readonly ReferencedRound[]> {
    return (await this.#readJson<ReferencedRounds>(`${jobId}/referenced.json`))?.[first] ?? [];
  }

  /** Adds a round unless it is known; returns the one that holds. */
  putReferencedRound(
    jobId: string,
    { first = 0 }: JobPlan,
    number: number,
    round: ReferencedRound,
  ): Promise<ReferencedRound> {
    return this.#update<ReferencedRounds, ReferencedRound>(`${jobId}/referenced.json`, async (stored) => {
      const rounds = stored?.[first] ?? [];
      const held = rounds[number];
      return held === undefined
        ? { next: { ...stored, [first]: [...rounds, round] }, result: round }
        : { result: held };
    });
  }

  partition(jobId: string, partition: number): Promise<StoredPartition | undefined> {
    return this.#readJson<StoredPartition>(`${jobId}/partitions/${partition}.json`);
  }

  async putPartition(jobId: string, partition: number, record: StoredPartition): Promise<void> {
    await this.#writeJson(`${jobId}/partitions/${partition}.json`, record);
  }

  /**
   * Whose data a partition wrote; `undefined` where it was not counted.
   * @param type of a part of a file
   */
  partCounts(jobId: string, partition: number, type = ''): Promise<PartCounts | undefined> {
    return this.#readJson<PartCounts>(`${jobId}/counts/${partition}${type}.json`);
  }

  async putPartCounts(jobId: string, partition: number, counts: PartCounts, type = ''): Promise<void> {
    await this.#writeJson(`${jobId}/counts/${partition}${type}.json`, counts);
  }

  /**
   * Reports how far a partition is, for people. It never goes back, whichever attempts report it at the same time.
   * @param following resources of the partitions after it, where these are done, too
   */
  putProgress(jobId: string, progress: PartitionProgress, following?: readonly number[]): Promise<void> {
    return this.#progress.put(jobId, progress, following);
  }

  /** The progress of all partitions that have begun, in one listing. */
  progress(jobId: string): Promise<PartitionProgress[]> {
    return this.#progress.all(jobId);
  }

  stop(jobId: string): Promise<StopReason | undefined> {
    return this.#readRare<StopReason>(`${jobId}/stop.json`);
  }

  /** Makes every slice of the job stop. The first reason holds, but a cancel replaces a failure. */
  async putStop(jobId: string, stop: StopReason): Promise<void> {
    await this.#writeJson(`${jobId}/stop.json`, stop, stop.reason === 'cancelled' ? undefined : IF_NEW);
  }

  outcome(jobId: string): Promise<JobOutcome | undefined> {
    return this.#readRare<JobOutcome>(`${jobId}/outcome.json`);
  }

  /** Writes how the job ended, unless that is decided; returns what holds. */
  putOutcome(jobId: string, outcome: JobOutcome): Promise<JobOutcome> {
    return this.#putOnce(`${jobId}/outcome.json`, outcome);
  }

  manifest(jobId: string): Promise<ExportManifest | undefined> {
    return this.#readJson<ExportManifest>(`${jobId}/manifest.json`);
  }

  /** Writes the manifest, unless there is one; returns the one that holds. */
  putManifest(jobId: string, manifest: ExportManifest): Promise<ExportManifest> {
    return this.#putOnce(`${jobId}/manifest.json`, manifest);
  }

  /** The pages of the manifest that were made while the job ran; `undefined` without any. */
  manifestPages(jobId: string): Promise<ManifestPages | undefined> {
    return this.#readJson<ManifestPages>(`${jobId}/pages.json`);
  }

  /** Changes them, unless `change` gives `undefined`; returns those that hold. */
  changeManifestPages(
    jobId: string,
    change: (stored: ManifestPages | undefined) => ManifestPages | undefined,
  ): Promise<ManifestPages> {
    return this.#update<ManifestPages, ManifestPages>(`${jobId}/pages.json`, async (stored) => {
      const next = change(stored);
      return { next, result: next ?? stored ?? { pages: [] } };
    });
  }

  /** Ids of all jobs that have any state. */
  async jobIds(): Promise<string[]> {
    const ids: string[] = [];
    const list = async (): Promise<void> => {
      for await (const item of this.#container.listBlobsByHierarchy('/')) {
        if (item.kind === 'prefix') ids.push(item.name.replace(/\/$/, ''));
      }
    };
    await guarded('the list of the jobs', () => unlessMissing(list()));
    return ids;
  }

  async #createContainer(): Promise<void> {
    if (this.#isCreated) return;
    await guarded('the state of the jobs', () => this.#container.createIfNotExists());
    this.#isCreated = true;
  }

  async #deleteBlobs(jobId: string, isToGo: (name: string) => boolean, signal?: AbortSignal): Promise<void> {
    await guarded('the state of a job', () =>
      pMap(
        this.#container.listBlobsFlat({ prefix: `${jobId}/` }),
        async ({ name }) => isToGo(name) && this.#container.getBlobClient(name).deleteIfExists(),
        { concurrency: PARALLEL_DELETIONS, signal },
      ),
    );
  }

  /** What is seldom there: to ask takes less than a failed read, whose error has to be parsed. */
  async #readRare<T>(name: string): Promise<T | undefined> {
    const isThere = await guarded('the state of a job', () => this.#container.getBlobClient(name).exists());
    return isThere ? this.#readJson<T>(name) : undefined;
  }

  async #readJson<T>(name: string): Promise<T | undefined> {
    const text = await this.#read(name);
    return text === undefined ? undefined : (JSON.parse(text) as T);
  }

  async #read(name: string): Promise<string | undefined> {
    return (await this.#readBytes(name))?.bytes.toString('utf8');
  }

  async #readBytes(name: string): Promise<{ bytes: Buffer; etag: string } | undefined> {
    return guarded('the state of a job', async () => {
      const found = await unlessMissing(this.#container.getBlobClient(name).download());
      if (found === undefined) return undefined;
      return { bytes: await buffer(found.readableStreamBody as Readable), etag: found.etag ?? '' };
    });
  }

  /**
   * Reads a blob and writes what follows from it, again where another writer was quicker. A write that took effect
   * although its answer was lost counts as another's.
   * @param change gives what is to be written, if anything, and the result
   */
  async #update<T, Result>(
    name: string,
    change: (stored: T | undefined) => Promise<{ next?: T | undefined; result: Result }>,
  ): Promise<Result> {
    for (;;) {
      const read = await this.#readBytes(name);
      const { next, result } = await change(read && (JSON.parse(read.bytes.toString('utf8')) as T));
      const condition = read === undefined ? IF_NEW : { ifMatch: read.etag };
      if (next === undefined || (await this.#writeJson(name, next, condition))) return result;
    }
  }

  /** Writes what there is to be one of, unless it is there; returns the one that holds. */
  async #putOnce<T>(name: string, value: T): Promise<T> {
    const isWritten = await this.#writeJson(name, value, IF_NEW);
    return isWritten ? value : required(await this.#readJson<T>(name));
  }

  #writeJson(name: string, value: unknown, conditions?: Conditions): Promise<boolean> {
    return this.#write(name, JSON.stringify(value), conditions);
  }

  /** Whether it was written: not, where the conditions forbid it. */
  #write(name: string, content: string | Buffer, conditions?: Conditions): Promise<boolean> {
    return guarded('the state of a job', async () => {
      const blob = this.#container.getBlockBlobClient(name);
      try {
        await blob.upload(content, Buffer.byteLength(content), conditions && { conditions });
        return true;
      } catch (error) {
        if (conditions !== undefined && [409, 412].includes(storageStatus(error))) return false;
        throw error;
      }
    });
  }

  /** @param conditions where they do not hold, it stays */
  async #delete(name: string, conditions?: Conditions): Promise<void> {
    await guarded('the state of a job', async () => {
      try {
        await this.#container.getBlobClient(name).deleteIfExists(conditions && { conditions });
      } catch (error) {
        if (conditions === undefined || storageStatus(error) !== 412) throw error;
      }
    });
  }
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw stateMissing();
  return value;
}

function claimOf({ partition, count }: Claim): Claim {
  return { partition, ...(count === undefined ? {} : { count }) };
}
