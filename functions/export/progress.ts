import type { JobPlan, PartitionProgress } from './job.js';

const MOST_CHARACTERS = 99;

/** The progress of a job in under 100 characters, as `X-Progress` takes it. */
export function progressText(plan: JobPlan | undefined, progress: readonly PartitionProgress[]): string {
  if (plan === undefined) return 'planning';
  const done = progress.reduce((sum, { resources }) => sum + resources, 0);
  const estimates = plan.partitions.map(({ estimate }) => estimate);
  const total = estimates.every((estimate) => estimate !== undefined)
    ? estimates.reduce((sum, estimate) => sum + estimate, 0)
    : undefined;
  const isComplete = progress.filter(({ isDone }) => isDone).length === plan.partitions.length;
  const types = progress
    .filter(({ isDone }) => !isDone)
    .map(({ partition }) => plan.partitions[partition]?.window.type)
    .filter((type) => type !== undefined);
  const amount =
    total === undefined
      ? `${done} resources`
      : `${done} of ${total} resources (${total === 0 ? 100 : Math.min(100, Math.floor((100 * done) / total))}%)`;
  const doing = isComplete ? 'finishing' : [...new Set(types)].join(', ');
  return `${amount}${doing === '' ? '' : `; ${doing}`}`.slice(0, MOST_CHARACTERS);
}
