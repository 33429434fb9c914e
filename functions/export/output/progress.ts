import type { JobPlan, PartitionProgress } from '../records/job.js';

const MOST_CHARACTERS = 99;
const MOST_SECONDS_BETWEEN_POLLS = 30;

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
  /** How many of how many parts are done, in place of the resources: for a job that must not tell their number. */
  parts?: string;
}

/**
 * What is told of a partition once an attempt tells something of it: never less than before. An attempt that is made
 * again, or ends late, knows of less than was told already.
 */
export function furtherProgress(
  told: PartitionProgress | undefined,
  next: PartitionProgress,
): PartitionProgress {
  return {
    ...next,
    resources: Math.max(told?.resources ?? 0, next.resources),
    isDone: told?.isDone === true || next.isDone,
  };
}

/** Adds up what the partitions of a job tell. */
export function progressOf(plan: JobPlan | undefined, partitions: readonly PartitionProgress[]): Progress {
  const planned = plan?.partitions ?? [];
  const estimates = planned.map(({ estimate }) => estimate);
  const underWay = partitions
    .filter(({ isDone }) => !isDone)
    .map(({ partition }) => planned[partition]?.window.type)
    .filter((type) => type !== undefined);
  return {
    isPlanned: plan !== undefined,
    done: partitions.reduce((sum, { resources }) => sum + resources, 0),
    total: estimates.every((estimate) => estimate !== undefined)
      ? estimates.reduce((sum, estimate) => sum + estimate, 0)
      : undefined,
    isComplete: partitions.filter(({ isDone }) => isDone).length === planned.length,
    types: [...new Set(underWay)],
  };
}

/**
 * The progress of a job of which parts may turn out to be of too few patients, or of none: neither how many resources
 * there are is told nor how many partitions, which follow from that.
 */
export function progressWithoutCounts(
  plan: JobPlan | undefined,
  partitions: readonly PartitionProgress[],
): Progress {
  const { isPlanned, isComplete } = progressOf(plan, partitions);
  const types = new Map<string, boolean>();
  const done = new Set(partitions.filter(({ isDone }) => isDone).map(({ partition }) => partition));
  for (const [partition, { window }] of (plan?.partitions ?? []).entries()) {
    types.set(window.type, types.get(window.type) !== false && done.has(partition));
  }
  const read = [...types.values()].filter(Boolean).length;
  const parts = `reading: ${read} of ${types.size} types`;
  return { isPlanned, done: 0, total: undefined, isComplete, types: [], parts };
}

/**
 * The progress of a job in under 100 characters, as `X-Progress` takes it. A number at its beginning is a percentage:
 * clients read it so.
 */
export function progressText({ isPlanned, done, total, isComplete, types, parts }: Progress): string {
  if (!isPlanned) return 'planning';
  if (parts !== undefined) return parts;
  const percent = total === undefined || total === 0 ? 100 : Math.min(100, Math.floor((100 * done) / total));
  const amount =
    total === undefined ? `reading: ${done} resources` : `${percent}%: ${done} of ${total} resources`;
  if (isComplete) return `${amount}; finishing`;
  let text = amount;
  for (const [index, type] of types.entries()) {
    const longer = `${text}${index === 0 ? '; ' : ', '}${type}`;
    if (longer.length > MOST_CHARACTERS) break;
    text = longer;
  }
  return text;
}

/**
 * Seconds until a client may ask again: the longer a job has been running the more, and the fewer the nearer its end
 * seems to be.
 */
export function secondsToNextPoll({ done, total }: Progress, elapsedSeconds: number): number {
  const byAge = elapsedSeconds / 10;
  const left =
    total === undefined || done === 0 ? Infinity : (elapsedSeconds * Math.max(0, total - done)) / done;
  return Math.min(MOST_SECONDS_BETWEEN_POLLS, Math.max(1, Math.round(Math.min(byAge, left / 2))));
}
