#!/usr/bin/env bash
# durable-functions 3.5.0.
# Expected: the input of an orchestrator is the JSON it was started with.
# Seen: a property with the name "Timestamp", at any depth, becomes a Date; a text that is no date becomes null when
# the input is passed on. The result of an activity is not changed so.
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
  const input = { Timestamp: 'after surgery', row: { Timestamp: '2015-02-07' }, timestamp: '2015-02-07' };
  console.log('input ', JSON.stringify(input));
  const { output } = await execute('copies', function* (context) {
    return context.df.getInput();
  }, input);
  console.log('copied', JSON.stringify(output));
})();
PROBE

cat >expected <<'EXPECTED'
input  {"Timestamp":"after surgery","row":{"Timestamp":"2015-02-07"},"timestamp":"2015-02-07"}
copied {"Timestamp":null,"row":{"Timestamp":"2015-02-07T00:00:00.000Z"},"timestamp":"2015-02-07"}
EXPECTED

node probe.cjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
