import { afterAll, beforeAll, expect, it } from 'vitest';
import { SampleData } from './asked.js';
import { FaultStack } from './faultStack.js';
import { runScenario } from './run.js';
import { drawScenario, type Occasion, PLAIN_SCENARIO } from './scenario.js';
import { runs, SEED } from '../random.js';

const RUNS_OF_A_CHANGE = 16;
const RUNS = runs(RUNS_OF_A_CHANGE);
const MOST_MS = Math.max(900_000, RUNS * 60_000);

/** Stacks that take the runs by turns: much of a run is waiting. */
const STACKS = 2;

let stacks: FaultStack[] = [];

beforeAll(async () => {
  stacks = await Promise.all(Array.from({ length: STACKS }, () => FaultStack.start()));
});
afterAll(() => Promise.all(stacks.map((stack) => stack.end())));

it(
  `${RUNS} exports under faults lose and double nothing, or fail in clear words (TEST_SEED=${SEED})`,
  async () => {
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
  },
  MOST_MS,
);

it('an app that is killed when its plan is written is started again', async () => {
  // Faults that never happen would prove nothing, and it is chance which of the drawn ones do.
  const [stack] = stacks;
  const ends = stack!.ends;
  const kill: Occasion = { operation: 'write plan', nth: 1, moment: 'written' };
  const scenario = { ...PLAIN_SCENARIO, seed: SEED, name: '1 kill', kills: [kill] };
  expect(await runScenario(stack!, scenario, new SampleData(stack!.sampleDirectory))).toBe('complete');
  expect(stack!.ends).toBe(ends + 1);
});
