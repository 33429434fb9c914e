#!/usr/bin/env bash
# @azure/functions 4.16.5 with enableHttpStream, in the place of the Node worker.
# Expected: a ReadableStream that a handler returns is read as fast as the client takes it.
# Seen: it is read to its end at once. A client that reads nothing makes the app produce, and hold, all 256 MiB.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps @azure/functions@4.16.5 >/dev/null

cat >probe.cjs <<'PROBE'
const http = require('node:http');
const Module = require('node:module');
const load = Module.prototype.require;
const functions = new Map();
const worker = {
  version: '3.9.1',
  setProgrammingModel: (model) => (worker.model = model),
  getProgrammingModel: () => worker.model,
  registerFunction: (metadata, callback) => functions.set(metadata.name, { metadata, callback }),
  registerHook: () => ({ dispose: () => undefined }),
  log: () => undefined,
  Disposable: class {},
};
Module.prototype.require = function (id) {
  return id === '@azure/functions-core' ? worker : load.apply(this, arguments);
};
const { app } = require('@azure/functions');

const MiB = 1024 * 1024;
let produced = 0;
const body = () =>
  new ReadableStream({
    pull(controller) {
      if (produced === 256) controller.close();
      else controller.enqueue(new Uint8Array(MiB));
      produced = Math.min(256, produced + 1);
    },
  });
app.setup({ enableHttpStream: true });
app.http('download', { methods: ['GET'], handler: () => ({ body: body() }) });

(async () => {
  const { HttpUri } = await worker.model.getCapabilities({});
  const { hostname, port } = new URL(HttpUri);
  // As the host forwards a request.
  const headers = { 'x-ms-invocation-id': 'id', 'x-forwarded-host': 'localhost', 'x-forwarded-proto': 'http' };
  http.get({ hostname, port, path: '/download', headers }).on('response', (response) => response.pause());
  const { metadata, callback } = functions.get('download');
  const [name] = Object.entries(metadata.bindings).find(([, { type }]) => /Trigger$/.test(type));
  const data = { http: { method: 'GET', url: 'http://localhost/download', headers: {}, params: {}, query: {}, body: {} } };
  const request = { invocationId: 'id', inputData: [{ name, data }], triggerMetadata: { $request: { string: '{}' } } };
  const invocation = worker.model.getInvocationModel({ invocationId: 'id', metadata, request, log: () => undefined });
  const { context, inputs } = await invocation.getArguments();
  const result = await invocation.invokeFunction(context, inputs, callback);
  await invocation.getResponse(context, result);
  await new Promise((resolve) => setTimeout(resolve, 3000));
  console.log('the client has read nothing; the app has produced', produced, 'MiB');
  process.exit(0);
})();
PROBE

cat >expected <<'EXPECTED'
the client has read nothing; the app has produced 256 MiB
EXPECTED

node probe.cjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
