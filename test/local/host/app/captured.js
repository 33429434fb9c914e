// The orchestrations of the recordings in reference/durable-captures.
import * as df from 'durable-functions';

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

df.app.activity('echo', {
  handler: async (input) => {
    await sleep(input?.ms ?? 0);
    return input;
  },
});

df.app.activity('boom', {
  handler: (input) => {
    throw new Error(`boom ${JSON.stringify(input)}`);
  },
});

df.app.activity('nothing', { handler: () => undefined });

df.app.orchestration('fanOut', function* ({ df: context }) {
  context.setCustomStatus({ phase: 'fan' });
  const results = yield context.Task.all([1, 2, 3].map((n) => context.callActivity('echo', { n })));
  context.setCustomStatus({ phase: 'done' });
  return results;
});

df.app.orchestration('fanOutOneFails', function* ({ df: context }) {
  try {
    yield context.Task.all([
      context.callActivity('echo', { n: 1, ms: 1500 }),
      context.callActivity('boom', { n: 2 }),
      context.callActivity('echo', { n: 3, ms: 1500 }),
    ]);
    return 'no failure';
  } catch (error) {
    return { caught: error.message.slice(0, 200), name: error.name, ctor: error.constructor.name };
  }
});

df.app.orchestration('loops', function* ({ df: context }) {
  const { left } = context.getInput();
  context.setCustomStatus({ left });
  yield context.callActivity('echo', { left });
  if (left > 0) context.continueAsNew({ left: left - 1 });
  return left > 0 ? undefined : 'end';
});

const seen = new Set();
df.app.orchestration('nondeterministic', function* ({ df: context }) {
  if (seen.has(context.instanceId)) yield context.callActivity('nothing');
  seen.add(context.instanceId);
  yield context.callActivity('echo', { x: 1 });
});

df.app.orchestration('parent', function* ({ df: context }) {
  return yield context.Task.all([
    context.callSubOrchestrator('child', { x: 1 }, `${context.instanceId}:c1`),
    context.callSubOrchestrator('child', { x: 2 }),
    context.callSubOrchestrator('childLoops', { left: 2 }, `${context.instanceId}:loop`),
  ]);
});

df.app.orchestration('child', function* ({ df: context }) {
  const v = yield context.callActivity('echo', { child: context.getInput() });
  return { v, id: context.instanceId, parent: context.parentInstanceId };
});

df.app.orchestration('childLoops', function* ({ df: context }) {
  const { left } = context.getInput();
  yield context.callActivity('echo', { left });
  if (left > 0) context.continueAsNew({ left: left - 1 });
  return left > 0 ? undefined : { finished: true };
});

df.app.orchestration('parentChildFails', function* ({ df: context }) {
  try {
    const retry = new df.RetryOptions(1000, 2);
    yield context.callSubOrchestratorWithRetry('childFails', retry, { x: 1 }, `${context.instanceId}:f`);
    return 'no failure';
  } catch (error) {
    return { caught: error.message.slice(0, 300) };
  }
});

df.app.orchestration('childFails', function* ({ df: context }) {
  yield context.callActivity('boom', {});
});

df.app.orchestration('retryTwice', function* ({ df: context }) {
  const retry = new df.RetryOptions(1000, 3);
  retry.backoffCoefficient = 2;
  retry.maxRetryIntervalInMilliseconds = 5000;
  yield context.callActivityWithRetry('boom', retry, { a: 1 });
});

df.app.orchestration('throwsNow', function* () {
  throw new Error('orchestrator threw');
});

df.app.orchestration('voids', function* ({ df: context }) {
  const a = yield context.callActivity('nothing');
  return { a, g: context.newGuid(context.instanceId), now: context.currentUtcDateTime };
});

df.app.orchestration('window', function* ({ df: context }) {
  const delays = { 1: 200, 2: 400, 3: 100, 4: 100 };
  const start = (n) => context.callActivity('echo', { n, ms: delays[n] });
  const pending = [start(1), start(2)];
  const results = [];
  let next = 3;
  while (pending.length > 0) {
    const done = yield context.Task.any(pending);
    pending.splice(pending.indexOf(done), 1);
    results.push(done.result.n);
    if (next <= 4) pending.push(start(next++));
  }
  return results;
});
