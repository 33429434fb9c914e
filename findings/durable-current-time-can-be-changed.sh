#!/usr/bin/env bash
# durable-functions 3.5.0.
# Expected: context.df.currentUtcDateTime is a new Date at each access, so that date arithmetic on it has no effect on
# the next access (a deadline "now + 1 h" computed twice is the same).
# Seen: it is one shared Date: setUTCHours on it moves the orchestration's clock for the rest of the execution.
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
  const { output } = await execute('deadlines', function* (context) {
    const deadline = () => {
      const time = context.df.currentUtcDateTime;
      time.setUTCHours(time.getUTCHours() + 1);
      return time.toISOString();
    };
    return [deadline(), deadline()];
  });
  console.log(JSON.stringify(output));
})();
PROBE

cat >expected <<'EXPECTED'
["2026-01-01T01:00:00.000Z","2026-01-01T02:00:00.000Z"]
EXPECTED

node probe.cjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
