#!/usr/bin/env bash
# durable-functions 3.5.0.
# Expected: an activity that is called after continueAsNew runs before the instance starts anew, or the call is an error;
# of two continueAsNew the second counts, as with every other "set the next state".
# Seen: what is yielded after continueAsNew is dropped without an error, and the first continueAsNew counts.
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

(async () => {
  const later = await execute('later', function* (context) {
    context.df.continueAsNew({ page: 2 });
    yield context.df.callActivity('deletePage1');
    return 'reached';
  });
  console.log('activity after it:', JSON.stringify(later.actions), 'done', later.isDone, 'output', later.output);
  const twice = await execute('twice', function* (context) {
    context.df.continueAsNew({ page: 2 });
    context.df.continueAsNew({ page: 3 });
  });
  console.log('called twice:', JSON.stringify(twice.actions));
})();
PROBE

cat >expected <<'EXPECTED'
activity after it: [[{"actionType":4,"input":{"page":2}}]] done true output undefined
called twice: [[{"actionType":4,"input":{"page":2}}]]
EXPECTED

node probe.cjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
