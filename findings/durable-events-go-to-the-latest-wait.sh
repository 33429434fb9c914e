#!/usr/bin/env bash
# durable-functions 3.5.0.
# Expected: of two tasks that wait for an event of one name, the first event completes the one that was made first.
# Seen: it completes the one that was made last, so of two approvals that are collected together, the second comes first.
# Events that came before anyone waited are given in the order in which they came.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps durable-functions@3.5.0 @azure/functions@4.16.5 >/dev/null

cat >probe.cjs <<'PROBE'
const Module = require('node:module');
const load = Module.prototype.require;
const functions = new Map();
// What the Node worker gives the libraries: they only register functions with it.
const worker = {
  version: '3.9.1',
  setProgrammingModel: (model) => (worker.model = model),
  getProgrammingModel: () => worker.model,
  registerFunction: (metadata, callback) => functions.set(metadata.name, callback),
  registerHook: () => ({ dispose: () => undefined }),
  log: () => undefined,
  Disposable: class {},
};
Module.prototype.require = function (id) {
  return id === '@azure/functions-core' ? worker : load.apply(this, arguments);
};
const df = require('durable-functions');
const { InvocationContext } = require('@azure/functions');

const Timestamp = '2026-01-01T00:00:00.000Z';
/** One execution of an orchestrator, as the host asks for it: the events so far in, the actions out. */
async function execute(name, orchestrator, input, events = []) {
  df.app.orchestration(name, orchestrator);
  const history = [
    { EventType: 12, EventId: -1, IsPlayed: false, Timestamp },
    { EventType: 0, EventId: -1, IsPlayed: false, Timestamp, Name: name, Input: JSON.stringify(input) },
    ...events.map((event) => ({ EventId: -1, IsPlayed: false, Timestamp, ...event })),
  ];
  const body = { history, instanceId: 'id', isReplaying: false, input, upperSchemaVersion: 3 };
  const durations = { longRunningTimerIntervalDuration: '3.00:00:00', maximumShortTimerDuration: '6.00:00:00' };
  const trigger = { name: 'context', type: 'orchestrationTrigger' };
  const context = new InvocationContext({ functionName: name, invocationId: '1', options: { trigger }, logHandler: () => undefined });
  return functions.get(name)({ ...body, ...durations }, context);
}

const event = (number) => ({ EventType: 15, Name: 'approval', Input: JSON.stringify(number) });
const started = [{ EventType: 13 }, { EventType: 12 }];

(async () => {
  const together = await execute('together', function* (context) {
    const approvals = [context.df.waitForExternalEvent('approval'), context.df.waitForExternalEvent('approval')];
    return yield context.df.Task.all(approvals);
  }, undefined, [...started, event(1), event(2)]);
  console.log(`two wait, events 1 and 2: ${JSON.stringify(together.output)}`);

  const any = await execute('any', function* (context) {
    const approvals = [context.df.waitForExternalEvent('approval'), context.df.waitForExternalEvent('approval')];
    const winner = yield context.df.Task.any(approvals);
    return approvals.indexOf(winner);
  }, undefined, [...started, event(1)]);
  console.log(`two wait, event 1 completes that of index ${JSON.stringify(any.output)}`);

  const before = await execute('before', function* (context) {
    yield context.df.callActivity('read');
    return [yield context.df.waitForExternalEvent('approval'), yield context.df.waitForExternalEvent('approval')];
  }, undefined, [
    { EventType: 4, EventId: 0, Name: 'read' },
    ...started,
    event(1),
    event(2),
    { EventType: 5, TaskScheduledId: 0, Result: '1' },
  ]);
  console.log(`events 1 and 2 before anyone waits: ${JSON.stringify(before.output)}`);
})();
PROBE

cat >expected <<'EXPECTED'
two wait, events 1 and 2: [2,1]
two wait, event 1 completes that of index 1
events 1 and 2 before anyone waits: [1,2]
EXPECTED

node probe.cjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
