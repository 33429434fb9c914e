#!/usr/bin/env bash
# durable-functions 3.5.0.
# Expected: an entity operation that throws leaves the state as it was and sends no signal, as with the host's option
# rollbackEntityOperationsOnExceptions; its caller is told the reason.
# Seen: what it set before it threw is the state for the operations that follow and for the host, and its signal is sent,
# though the operation is reported as failed. Of the reason nothing is left: the result is "{}", an Error as JSON.
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

df.app.entity('counter', (context) => {
  const count = context.df.getState(() => 0);
  if (context.df.operationName === 'get') return context.df.return(count);
  context.df.setState(count + 1);
  context.df.signalEntity(new df.EntityId('audit', 'a'), 'counted', count + 1);
  if (context.df.operationName === 'addAndFail') throw new Error('the limit is reached');
});

(async () => {
  const batch = ['add', 'addAndFail', 'get'].map((name) => ({ isSignal: false, name }));
  const body = { self: { name: 'counter', key: 'a' }, exists: false, batch };
  const trigger = { name: 'context', type: 'entityTrigger' };
  const context = new InvocationContext({ functionName: 'counter', invocationId: '1', options: { trigger }, logHandler: () => undefined });
  const { results, signals, entityState } = await functions.get('counter')(body, context);
  results.forEach(({ isError, result }, index) => console.log(`${batch[index].name}: ${isError ? 'failed' : 'done'}, result ${result}`));
  console.log(`state ${entityState}, signals ${signals.map(({ input }) => input).join(', ')}`);
})();
PROBE

cat >expected <<'EXPECTED'
add: done, result undefined
addAndFail: failed, result {}
get: done, result 2
state 2, signals 1, 2
EXPECTED

node probe.cjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
