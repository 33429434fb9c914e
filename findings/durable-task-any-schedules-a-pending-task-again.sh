#!/usr/bin/env bash
# durable-functions 3.5.0.
# Expected: a task that is still pending when Task.any returns can be put into the next Task.any (a sliding window).
# Seen: its activity is in the actions of both, so the host runs it twice. No error.
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
  const { actions } = await execute('window', function* (context) {
    const [first, second, third] = ['a', 'b', 'c'].map((page) => context.df.callActivity('read', page));
    yield context.df.Task.any([first, second]);
    yield context.df.Task.any([second, third]);
  }, undefined, [
    { EventType: 4, EventId: 0, Name: 'read' },
    { EventType: 4, EventId: 1, Name: 'read' },
    { EventType: 13 },
    { EventType: 12 },
    { EventType: 5, TaskScheduledId: 0, Result: '1' },
  ]);
  for (const { compoundActions } of actions.flat()) console.log(compoundActions.map(({ input }) => input).join(' '));
})();
PROBE

cat >expected <<'EXPECTED'
"a" "b"
"b" "c"
EXPECTED

node probe.cjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
