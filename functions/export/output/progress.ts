import { quantity } from '../../common/counts.js';
import { MAX_PERCENT } from '../source/bulkStatus.js';
import {
  ANY_TYPE,
  type JobPlan,
  numbered,
  partitionOf,
  PLANNING,
  type PartitionProgress,
  type Waiting,
} from '../records/job.js';

const MAX_CHARACTERS = 99;
const MAX_SECONDS_BETWEEN_POLLS = 30;

/** How far a job is. */
export interface Progress {
  /** Whether it is known what there is to export. */
  isPlanned: boolean;
  /** Resources read. */
  done: number;
  /** Resources there are as the source estimates; `undefined` where it does not. */
  total: number | undefined;
  isComplete: boolean;
  /** Types that are being read, each once. */
  types: string[];
  /** How many of how many parts are done, in place of the resources: for a job that must not reveal their number. */
  parts?: string;
  /** How far the source's own export is. */
  source?: string;
  /** What everything that is under way waits for. */
  waiting?: Waiting;
}

/**
 * What is reported of a partition once an attempt reports something of it: never less than before. An attempt that is
 * made again, or ends late, knows of less than was reported already.
 */
export function furtherProgress(
  reported: PartitionProgress | undefined,
  next: PartitionProgress,
): PartitionProgress {
  const { waiting } = next;
  const { waiting: before } = reported ?? {};
  return {
    ...next,
    // The wait continues, in another attempt perhaps.
    ...(waiting === undefined || before === undefined
      ? {}
      : { waiting: { ...waiting, since: before.since } }),
    resources: Math.max(reported?.resources ?? 0, next.resources),
    isDone: reported?.isDone === true || next.isDone,
  };
}

/** Adds up what the partitions of a job report. */
export function progressOf(plan: JobPlan | undefined, partitions: readonly PartitionProgress[]): Progress {
  const planned = plan?.partitions ?? [];
  const estimates = planned.map(({ estimate }) => estimate);
  // Those of exports before are not counted.
  const counted = partitions.filter(({ partition }) => partition >= (plan?.first ?? 0));
  const typeOf = (partition: number): string | undefined =>
    plan === undefined ? ANY_TYPE : partitionOf(plan, partition)?.window.type;
  const underWay = (plan === undefined ? partitions : counted).filter(
    ({ partition, isDone }) => !isDone && typeOf(partition) !== undefined,
  );
  const types = underWay
    .map(({ partition }) => typeOf(partition) ?? ANY_TYPE)
    .filter((type) => type !== ANY_TYPE);
  const waits = underWay.map(({ waiting }) => waiting);
  const source = partitions.find(({ partition }) => partition === PLANNING)?.source;
  const [waiting] = waits.toSorted((a, b) => ((a?.since ?? '') > (b?.since ?? '') ? -1 : 1));
  return {
    ...(waiting === undefined || waits.includes(undefined) ? {} : { waiting }),
    ...(source === undefined ? {} : { source }),
    isPlanned: plan !== undefined,
    done: counted.reduce((sum, { resources }) => sum + resources, 0),
    total: estimates.every((estimate) => estimate !== undefined)
      ? estimates.reduce((sum, estimate) => sum + estimate, 0)
      : undefined,
    isComplete: counted.filter(({ isDone }) => isDone).length >= planned.length,
    types: [...new Set(types)],
  };
}

/** How far one type is. */
export interface TypeProgress {
  type: string;
  /** Read so far. */
  resources: number;
  /** As the source estimates; absent where it does not. */
  total?: number;
  isDone: boolean;
}

/** The same by type, in the order of the plan: of those that are known before a line is read. */
export function progressByType(plan: JobPlan, partitions: readonly PartitionProgress[]): TypeProgress[] {
  const reported = new Map(partitions.map((progress) => [progress.partition, progress]));
  const types = new Map<string, TypeProgress>();
  for (const [partition, { window, estimate }] of numbered(plan)) {
    if (window.type === ANY_TYPE) continue;
    const { resources = 0, isDone = false } = reported.get(partition) ?? {};
    const before = types.get(window.type) ?? { type: window.type, resources: 0, total: 0, isDone: true };
    const total = estimate === undefined || before.total === undefined ? undefined : before.total + estimate;
    types.set(window.type, {
      type: window.type,
      resources: before.resources + resources,
      ...(total === undefined ? {} : { total }),
      isDone: before.isDone && isDone,
    });
  }
  return [...types.values()];
}

/**
 * The progress of a job of which parts may turn out to be of too few patients, or of none: neither how many resources
 * there are is reported nor how many partitions, which follow from that.
 */
export function progressWithoutCounts(
  plan: JobPlan | undefined,
  partitions: readonly PartitionProgress[],
): Progress {
  const { isPlanned, isComplete, waiting, source } = progressOf(plan, partitions);
  const types = new Map<string, boolean>();
  const done = new Set(partitions.filter(({ isDone }) => isDone).map(({ partition }) => partition));
  for (const [partition, { window }] of plan === undefined ? [] : numbered(plan)) {
    types.set(window.type, types.get(window.type) !== false && done.has(partition));
  }
  const read = [...types.values()].filter(Boolean).length;
  const parts = types.has(ANY_TYPE) ? 'reading' : `reading: ${read} of ${types.size} types`;
  const counted: Progress = {
    isPlanned,
    done: 0,
    total: undefined,
    isComplete,
    types: [],
    parts,
    ...(source === undefined ? {} : { source }),
  };
  return waiting === undefined ? counted : { ...counted, waiting };
}

/**
 * The progress of a job in under 100 characters, as `X-Progress` takes it. A number at its beginning is a percentage:
 * clients read it so.
 */
export function progressText(progress: Progress): string {
  const { isPlanned, done, total, isComplete, types, parts, source, waiting } = progress;
  const wait = waiting === undefined ? '' : `; ${waitingText(waiting)}`;
  if (!isPlanned)
    return `planning${source === undefined ? '' : `; the source's own export: ${source}`}${wait}`;
  if (parts !== undefined) return `${parts}${wait}`;
  const percent = Math.min(MAX_PERCENT, total === 0 ? MAX_PERCENT : Math.floor((100 * done) / (total ?? 1)));
  const amount =
    total === undefined
      ? `reading: ${quantity(done, 'resource', 'resources')}`
      : `${percent}%: ${done} of ${quantity(total, 'resource', 'resources')}`;
  if (waiting !== undefined) return `${amount}${wait}`;
  if (isComplete) return `${amount}; finishing`;
  let text = amount;
  for (const [index, type] of types.entries()) {
    const longer = `${text}${index === 0 ? '; ' : ', '}${type}`;
    if (longer.length > MAX_CHARACTERS) break;
    text = longer;
  }
  return text;
}

const WAITING_FOR: Readonly<Record<string, string>> = {
  'source-unreachable': 'the source cannot be reached',
  'source-timeout': 'the source does not answer',
  'source-busy': 'the source is busy',
  'source-failed': 'the source fails',
};

/** Whether a failed request is one that is made again until the source answers. */
export function isWaitedFor(code: string): boolean {
  return Object.hasOwn(WAITING_FOR, code);
}

function waitingText({ since, code }: Waiting): string {
  return `${WAITING_FOR[code] ?? 'the source does not answer'} since ${since.slice(11, 16)} UTC, trying again`;
}

/**
 * Seconds until a client may ask again: the longer a job has been running the more, and the fewer the nearer its end
 * seems to be.
 */
export function secondsToNextPoll({ done, total }: Progress, elapsedSeconds: number): number {
  const byAge = elapsedSeconds / 10;
  const left =
    total === undefined || done === 0 ? Infinity : (elapsedSeconds * Math.max(0, total - done)) / done;
  return Math.min(MAX_SECONDS_BETWEEN_POLLS, Math.max(1, Math.round(Math.min(byAge, left / 2))));
}
