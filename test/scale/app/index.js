import { app } from '@azure/functions';
import * as df from 'durable-functions';
import { exportJob } from '../../../dist/functions/orchestrators/exportJob.js';
import { exportWorker } from '../../../dist/functions/orchestrators/exportWorker.js';
import { exportPartition } from '../../../dist/functions/orchestrators/exportPartition.js';

// The app's own orchestrators over activities that only count: what an export of any size costs the task hub.
let shape = { partitions: 0, slices: 0, largePartitions: 0, largeSlices: 0, failsEvery: 0 };
let claimed = 0;
let slicesDone = 0;
let calls = 0;
const claims = new Map();
const completed = new Set();

const slicesOf = (partition) => (partition < shape.largePartitions ? shape.largeSlices : shape.slices);
const ok = (value) => ({ ok: true, value });

/** By kind of instance: the longest history, in events and in bytes, and how long replaying it took. */
const largest = {};
/** Processor time: a replay that the machine leaves waiting costs no more. */
let before;
app.hook.preInvocation(({ inputs }) => {
  const [input] = inputs;
  if (!Array.isArray(input?.history)) return;
  const kind = /:(worker|partition)-/.exec(input.instanceId)?.[1] ?? 'job';
  const seen = (largest[kind] ??= { events: 0, bytes: 0, replayMs: 0, replays: 0 });
  seen.events = Math.max(seen.events, input.history.length);
  seen.bytes = Math.max(seen.bytes, JSON.stringify(input.history).length);
  seen.replays++;
  before = process.cpuUsage();
});
app.hook.postInvocation(({ inputs }) => {
  const [input] = inputs;
  if (!Array.isArray(input?.history)) return;
  const kind = /:(worker|partition)-/.exec(input.instanceId)?.[1] ?? 'job';
  const { user, system } = process.cpuUsage(before);
  largest[kind].replayMs = Math.max(largest[kind].replayMs, (user + system) / 1000);
});

df.app.orchestration('exportJob', exportJob);
df.app.orchestration('exportWorker', exportWorker);
df.app.orchestration('exportPartition', exportPartition);

df.app.activity('planExport', { handler: async () => ok({ first: 0, partitions: shape.partitions }) });
df.app.activity('claimPartition', {
  handler: async ({ worker, turn, end }) => {
    const key = `${worker}/${turn}`;
    if (!claims.has(key)) claims.set(key, claimed < end ? claimed++ : null);
    return ok({ partition: claims.get(key) });
  },
});
df.app.activity('exportSlice', {
  handler: async ({ partition, slice }) => {
    if (shape.failsEvery > 0 && ++calls % shape.failsEvery === 0)
      throw new Error('Export step failed: source-busy: busy');
    slicesDone++;
    return ok({
      attempt: `${partition}-${slice}-0123456789abcdef0123456789abcdef`,
      isDone: slice + 1 >= slicesOf(partition),
    });
  },
});
df.app.activity('completePartition', {
  handler: async ({ partition }) => {
    completed.add(partition);
    return ok(null);
  },
});
df.app.activity('stopExport', { handler: async () => ok(null) });
df.app.activity('finishExport', { handler: async () => ok({ state: 'completed' }) });

app.http('start', {
  methods: ['POST'],
  extraInputs: [df.input.durableClient()],
  handler: async (request, context) => {
    shape = await request.json();
    const input = {
      jobId: 'job',
      workers: shape.workers,
      retry: { maxAttempts: 12, firstRetrySeconds: 0.1 },
    };
    await df.getClient(context).startNew('exportJob', { instanceId: 'job', input });
    return { jsonBody: {} };
  },
});
app.http('state', {
  methods: ['GET'],
  extraInputs: [df.input.durableClient()],
  handler: async (_request, context) => {
    const status = await df.getClient(context).getStatus('job');
    const { output, runtimeStatus } = status;
    return { jsonBody: { runtimeStatus, output, slicesDone, completed: completed.size, largest } };
  },
});
