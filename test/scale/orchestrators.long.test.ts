import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { json, startTestHost, type TestHost } from '../local/host/testHost.js';
import { waitFor } from '../local/host/waitFor.js';

interface Largest {
  events: number;
  bytes: number;
  replayMs: number;
  replays: number;
}

interface State {
  runtimeStatus: string;
  output: unknown;
  slicesDone: number;
  completed: number;
  largest: Record<'job' | 'worker' | 'partition', Largest>;
}

/** 400 types of 10 windows each, some windows so large that their slices fill several executions. */
const SHAPE = {
  partitions: 4000,
  slices: 1,
  largePartitions: 8,
  largeSlices: 400,
  failsEvery: 25,
  workers: 8,
};
const SLICES =
  (SHAPE.partitions - SHAPE.largePartitions) * SHAPE.slices + SHAPE.largePartitions * SHAPE.largeSlices;
const RESOURCES_PER_SLICE = Math.ceil(10_000_000 / SLICES);

/** What an instance's history may hold at most, whatever the size of the export. */
const BOUNDS = { events: 200, bytes: 65_536, replayMs: 250 };
/** Of what lives: garbage is collected before it is measured, since how much there is depends on the machine. */
const MAX_MEBIBYTES_MORE = 64;
const BETWEEN_MEASUREMENTS_MS = 2000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function livingBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

let host: TestHost;
beforeAll(async () => {
  host = await startTestHost({ scriptRoot: fileURLToPath(new URL('app', import.meta.url)) });
});
afterAll(() => host.close());

describe(`an export of ${RESOURCES_PER_SLICE * SLICES} resources in ${SHAPE.partitions} partitions and ${SLICES} slices`, () => {
  it('costs a bounded history and replay per instance, and bounded memory', async () => {
    const before = livingBytes();
    let peak = before;
    let measuredAt = performance.now();
    await fetch(`${host.url}/start`, { method: 'POST', body: JSON.stringify(SHAPE) });
    let state: State | undefined;
    const begin = performance.now();
    await waitFor(
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 200));
        if (performance.now() - measuredAt > BETWEEN_MEASUREMENTS_MS) {
          peak = Math.max(peak, livingBytes());
          measuredAt = performance.now();
        }
        state = await json<State>(await fetch(`${host.url}/state`));
        return !['Running', 'Pending'].includes(state.runtimeStatus);
      },
      'the export to end',
      500_000,
    );
    const seconds = (performance.now() - begin) / 1000;
    const more = (peak - before) / 1_048_576;
    console.log(`${SLICES} slices in ${seconds.toFixed(0)} s, ${more.toFixed(0)} MiB more`);
    for (const [kind, { events, bytes, replayMs, replays }] of Object.entries(state?.largest ?? {})) {
      console.log(
        `${kind}: ${replays} replays, at most ${events} events, ${bytes} bytes, ${replayMs.toFixed(0)} ms`,
      );
      expect(events, kind).toBeLessThanOrEqual(BOUNDS.events);
      expect(bytes, kind).toBeLessThanOrEqual(BOUNDS.bytes);
      expect(replayMs, kind).toBeLessThanOrEqual(BOUNDS.replayMs);
    }
    expect(state).toMatchObject({
      runtimeStatus: 'Completed',
      output: { state: 'completed' },
      completed: SHAPE.partitions,
      slicesDone: SLICES,
    });
    expect(more).toBeLessThan(MAX_MEBIBYTES_MORE);
  });
});
