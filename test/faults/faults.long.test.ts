import { afterAll, beforeAll, expect, it } from 'vitest';
import { SampleData } from './asked.js';
import { FaultStack } from './faultStack.js';
import { runScenario } from './run.js';
import { drawScenario } from './scenario.js';
import { runs, SEED } from '../random.js';

const RUNS_OF_A_CHANGE = 16;
const RUNS = runs(RUNS_OF_A_CHANGE);

/** Stacks that take the runs by turns: much of a run is waiting. */
const STACKS = 2;

let stacks: FaultStack[] = [];

beforeAll(async () => {
  stacks = await Promise.all(Array.from({ length: STACKS }, () => FaultStack.start()));
});
afterAll(() => Promise.all(stacks.map((stack) => stack.end())));

it(`${RUNS} exports under faults lose and double nothing, or fail in clear words (TEST_SEED=${SEED})`, async () => {
  const ends: Record<string, number> = {};
  const seeds = Array.from({ length: RUNS }, (_, run) => SEED + run).values();
  await Promise.all(
    stacks.map(async (stack) => {
      const sample = new SampleData(stack.sampleDirectory);
      for (const seed of seeds) {
        const scenario = drawScenario(seed);
        const end = await runScenario(stack, scenario, sample).catch((error: unknown) => {
          throw new Error(
            `TEST_SEED=${seed} TEST_RUNS=${1 / RUNS_OF_A_CHANGE}: ${JSON.stringify(scenario)}`,
            {
              cause: error,
            },
          );
        });
        ends[end] = (ends[end] ?? 0) + 1;
      }
    }),
  );
  const kills = stacks.reduce((sum, stack) => sum + stack.ends, 0);
  console.log(`TEST_SEED=${SEED}: ${JSON.stringify(ends)}, the app ended ${kills} times`);
  // Faults that never happen would prove nothing. How many there are depends on the seed.
  if (RUNS >= RUNS_OF_A_CHANGE) expect(kills).toBeGreaterThan(0);
}, 900_000);
