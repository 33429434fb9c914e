/**
 * What every test with random inputs goes by.
 *
 * `TEST_SEED` repeats the inputs of a former run, which names its seed. `TEST_RUNS` multiplies how often everything is
 * tried: a test names the count that is enough for a change (1, the default), `.ci/long` sets more. `SHRINK` makes
 * tests whose inputs are costly look for a smaller input that fails, too.
 */
export const SEED = Number(process.env['TEST_SEED'] ?? Date.now() % 1_000_000);
const FACTOR = Number(process.env['TEST_RUNS'] ?? 1);

/** Of what is tried `count` times for a change, how often now. */
export function runs(count: number): number {
  return Math.max(1, Math.round(count * FACTOR));
}

interface Parameters {
  seed: number;
  numRuns: number;
}

/** Parameters of a property that is tried `count` times for a change. */
export function randomly(count: number): Parameters {
  return { seed: SEED, numRuns: runs(count) };
}

/** The same where each input is costly: the first that fails is the one that is shown, unless `SHRINK` is set. */
export function randomlyAtCost(count: number): Parameters & { endOnFailure: boolean } {
  return { ...randomly(count), endOnFailure: process.env['SHRINK'] === undefined };
}
