import { isRunning, stateMissing, stateOf } from '../jobs/model/state.js';
import { referencedParts } from '../export/plan/referencedPlan.js';
import type { JobPlan, JobRequest, PlannedPartition, ReferencedRound } from '../export/records/job.js';
import { namesReferredTo } from '../export/slice/referenceCollector.js';
import { jobWindow } from '../export/walk/window.js';
import type { JobStore } from '../adapters/storage/jobStore.js';
import { partitionRecords } from '../jobs/partitionRecords.js';
import type { ActivityDependencies } from './dependencies.js';
import { type CountedPart, countedParts, nextPartition } from './countedParts.js';
import { readParts, withheldOf } from './withheldParts.js';

export interface PlanReferencedInput {
  jobId: string;
  /** What the partitions of the plan refer to, in round 0; then what those of the round before refer to. */
  round: number;
}

export interface PlanReferencedOutput {
  /** The number of the first partition. */
  first: number;
  partitions: number;
}

/** Resources of a partition. */
const MAX_IDS = 5000;

/**
 * Plans what is read of what exported resources refer to, once all that may refer to it is read. Safe to repeat, and to
 * run twice at once: the lists of the attempts that count stay as they are.
 */
export function planReferenced({ jobs }: Pick<ActivityDependencies, 'jobs'>) {
  return async ({ jobId, round }: PlanReferencedInput): Promise<PlanReferencedOutput> => {
    if (!isRunning(stateOf(await jobs.records(jobId)))) return { first: 0, partitions: 0 };
    const [request, plan] = await Promise.all([jobs.request(jobId), jobs.plan(jobId)]);
    if (request === undefined || plan === undefined) throw stateMissing();
    const rounds = await jobs.referencedRounds(jobId, plan);
    const held = rounds[round] ?? (await planRound(jobs, request, plan, rounds.slice(0, round)));
    return { first: held.first, partitions: held.partitions.length };
  };
}

/** @param rounds those before */
async function planRound(
  jobs: JobStore,
  request: JobRequest,
  plan: JobPlan,
  rounds: readonly ReferencedRound[],
): Promise<ReferencedRound> {
  const { jobId, minPatients = 0 } = request;
  const all = await countedParts(jobs, jobId, plan, rounds);
  const last = rounds.at(-1);
  const referring = last === undefined ? all : all.filter(({ index }) => index >= last.first);
  const known = all.filter(({ planned }) => planned.isReferenced === true);
  const withheld = await withheldTypesOf(jobs, request, plan, all);
  const first = await nextPartition(jobs, jobId, plan, rounds);
  const partitions: PlannedPartition[] = [];
  const add = async (type: string, ids: readonly string[]): Promise<void> => {
    await jobs.putReferencedIds(jobId, first + partitions.length, ids);
    const window = jobWindow(type, request, plan.transactionTime);
    partitions.push({ window, estimate: ids.length, isReferenced: true });
  };
  const parts = referencedParts(
    () => foundBy(jobs, jobId, plan, referring, withheld),
    () => namesOf(jobs, jobId, known),
    MAX_IDS,
  );
  for await (const { type, ids } of parts) await add(type, ids);
  // Where patients are counted, a type that nothing refers to must look like one of few.
  const isCounting = rounds.length === 0 && minPatients > 0;
  for (const type of isCounting ? (plan.referenced ?? []) : []) {
    if (!partitions.some(({ window }) => window.type === type)) await add(type, []);
  }
  return jobs.putReferencedRound(jobId, plan, rounds.length, { first, partitions });
}

/**
 * The types that are withheld, by what was read so far: what they refer to would show what few patients have. Of a type
 * in a Patient compartment, what is read later changes nothing.
 */
async function withheldTypesOf(
  jobs: JobStore,
  request: JobRequest,
  plan: JobPlan,
  counted: readonly CountedPart[],
): Promise<ReadonlySet<string>> {
  if ((request.minPatients ?? 0) === 0) return new Set();
  const { parts } = await readParts(jobs, request.jobId, plan, counted);
  return (await withheldOf(jobs, request, plan, parts)).types;
}

/** What partitions refer to, attempt by attempt, but for what only withheld types refer to. */
async function* foundBy(
  jobs: JobStore,
  jobId: string,
  plan: JobPlan,
  parts: readonly CountedPart[],
  withheld: ReadonlySet<string>,
): AsyncGenerator<string> {
  const numbers = parts
    .filter(({ planned }) => planned.isOfDeletions !== true)
    .map(({ partition }) => partition);
  const records = await partitionRecords(jobs, jobId, plan, numbers);
  for (const partition of numbers) {
    const record = records.get(partition);
    if (record?.attempts === undefined) throw stateMissing();
    for (const attempt of record.attempts) {
      const lines = await jobs.references(jobId, partition, attempt);
      yield namesReferredTo(lines, (referring) => withheld.has(referring));
    }
  }
}

/** What was read before. */
async function* namesOf(
  jobs: JobStore,
  jobId: string,
  parts: readonly CountedPart[],
): AsyncGenerator<string> {
  for (const { partition, planned } of parts) {
    const ids = await jobs.referencedIds(jobId, partition);
    yield ids.map((id) => `${planned.window.type}/${id}`).join('\n');
  }
}
