import { parseArgs } from 'node:util';
import { SampleData } from './asked.js';
import { FaultStack } from './faultStack.js';
import { runScenario } from './run.js';
import { drawScenario, varied } from './scenario.js';

/** Runs between two clearings of the histories. */
const RUNS_PER_HISTORY = 25;

/** `npm run faults [-- --runs 2000] [--seed 1]`: one run per seed, from `seed` on. Ends with 1 where one broke a promise. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { runs: { type: 'string', default: '2000' }, seed: { type: 'string', default: '1' } },
  });
  const first = Number(values.seed);
  const stack = await FaultStack.start();
  const sample = new SampleData(stack.sampleDirectory);
  const ends: Record<string, number> = {};
  const broken: number[] = [];
  const begin = performance.now();
  try {
    for (let seed = first; seed < first + Number(values.runs); seed++) {
      const scenario = varied(drawScenario(seed));
      const startedAt = performance.now();
      let end: string;
      try {
        end = await runScenario(stack, scenario, sample);
      } catch (error) {
        end = 'BROKEN';
        broken.push(seed);
        console.log(`  ${error instanceof Error ? error.message : String(error)}`);
        console.log(`  ${JSON.stringify(scenario)}`);
      }
      ends[end] = (ends[end] ?? 0) + 1;
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      console.log(`seed ${seed}: ${end} in ${seconds} s (${scenario.name})`);
      if ((seed - first + 1) % RUNS_PER_HISTORY === 0) await stack.forgetHistories();
    }
  } finally {
    await stack.end();
  }
  const minutes = ((performance.now() - begin) / 60_000).toFixed(1);
  console.log(`${JSON.stringify(ends)} in ${minutes} minutes; the app ended ${stack.ends} times`);
  if (broken.length > 0) {
    console.log(`broken: ${broken.map((seed) => `--seed ${seed} --runs 1`).join(', ')}`);
    process.exitCode = 1;
  }
}

await main();
