import { appendFileSync } from 'node:fs';
import * as df from 'durable-functions';

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Writes down that it runs, so that runs in a killed process count, too.
df.app.activity('note', {
  handler: async ({ file, label, ms }) => {
    appendFileSync(file, `start ${label}\n`);
    await sleep(ms);
    appendFileSync(file, `end ${label}\n`);
    return label;
  },
});

df.app.orchestration('notes', function* ({ df: context }) {
  const { file, labels, ms } = context.getInput();
  return yield context.Task.all(labels.map((label) => context.callActivity('note', { file, label, ms })));
});

df.app.orchestration('family', function* ({ df: context }) {
  const { file, ms } = context.getInput();
  const first = yield context.callActivity('note', { file, label: 'first', ms: 0 });
  const child = yield context.callSubOrchestrator(
    'notes',
    { file, labels: ['a', 'b'], ms },
    `${context.instanceId}:child`,
  );
  yield context.createTimer(new Date(context.currentUtcDateTime.getTime() + 1000));
  const event = yield context.waitForExternalEvent('go');
  return { first, child, event };
});

df.app.orchestration('waits', function* ({ df: context }) {
  const go = yield context.waitForExternalEvent('go');
  const again = yield context.waitForExternalEvent('go');
  return [go, again];
});

df.app.orchestration('eventOrTimer', function* ({ df: context }) {
  const timer = context.createTimer(new Date(context.currentUtcDateTime.getTime() + 3_600_000));
  const event = context.waitForExternalEvent('go');
  const winner = yield context.Task.any([event, timer]);
  if (winner === event) timer.cancel();
  return winner === event ? event.result : 'timeout';
});

df.app.orchestration('naps', function* ({ df: context }) {
  const before = context.currentUtcDateTime.getTime();
  yield context.createTimer(new Date(before + context.getInput().ms));
  return context.currentUtcDateTime.getTime() - before;
});

df.app.orchestration('anyLeavesOpen', function* ({ df: context }) {
  const quick = context.callActivity('echo', { n: 1 });
  const slow = context.callActivity('echo', { n: 2, ms: 3000 });
  yield context.Task.any([quick, slow]);
  return 'quick';
});

let running = 0;
df.app.activity('measure', {
  handler: async () => {
    running++;
    const seen = running;
    await sleep(20);
    running--;
    return seen;
  },
});

df.app.orchestration('measures', function* ({ df: context }) {
  const count = context.getInput();
  const seen = yield context.Task.all(Array.from({ length: count }, () => context.callActivity('measure')));
  return Math.max(...seen);
});

df.app.orchestration('rounds', function* ({ df: context }) {
  const { left, padding } = context.getInput();
  yield context.callActivity('echo', { left });
  if (left > 0) context.continueAsNew({ left: left - 1, padding });
  return 'done';
});

df.app.orchestration('tooSlow', function* ({ df: context }) {
  yield context.callActivity('echo', { ms: 60_000 });
});

df.app.orchestration('values', function* ({ df: context }) {
  const results = [];
  for (const value of ['text', '12', 7, 1.5, true, [1], { a: null }]) {
    results.push(yield context.callActivity('echo', value));
  }
  return results;
});

df.app.orchestration('misspelled', function* ({ df: context }) {
  yield context.callActivity('ehco');
});

df.app.orchestration('parentOfWaiting', function* ({ df: context }) {
  return yield context.callSubOrchestrator('waits', undefined, `${context.instanceId}:waits`);
});
