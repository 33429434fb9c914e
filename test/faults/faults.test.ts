import { afterAll, beforeAll, expect, it } from 'vitest';
import { sourceIds } from './checker.js';
import { FaultStack } from './faultStack.js';
import { runScenario } from './run.js';
import { drawScenario } from './scenario.js';

/** `FAULTS_SEED` repeats the runs of a former time. */
const SEED = Number(process.env['FAULTS_SEED'] ?? Date.now() % 1_000_000);
const RUNS = Number(process.env['FAULTS_RUNS'] ?? 50);

let stack: FaultStack;

beforeAll(async () => {
  stack = await FaultStack.start();
});
afterAll(() => stack.end());

it(`${RUNS} exports under faults lose and double nothing, or fail in clear words (FAULTS_SEED=${SEED})`, async () => {
  const expected = sourceIds(stack.sampleDirectory);
  const ends: Record<string, number> = {};
  for (let seed = SEED; seed < SEED + RUNS; seed++) {
    const scenario = drawScenario(seed);
    const end = await runScenario(stack, scenario, expected).catch((thrown: unknown) => {
      throw new Error(`FAULTS_SEED=${seed} FAULTS_RUNS=1: ${JSON.stringify(scenario)}`, { cause: thrown });
    });
    ends[end] = (ends[end] ?? 0) + 1;
  }
  console.log(`FAULTS_SEED=${SEED}: ${JSON.stringify(ends)}, the app ended ${stack.ends} times`);
  // Faults that never happen would prove nothing.
  if (RUNS >= 20) expect(stack.ends).toBeGreaterThan(RUNS / 5);
}, 900_000);
