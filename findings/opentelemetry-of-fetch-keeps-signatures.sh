#!/usr/bin/env bash
# @opentelemetry/instrumentation-undici 0.33.0 and @opentelemetry/instrumentation-http 0.223.0, on Node 20.
# Expected: both record a URL alike. That of node:http puts REDACTED in place of signatures (sig of Azure SAS links,
# X-Amz-Signature, and others), so a link to a file can go to telemetry.
# Seen: that of fetch and undici records the whole URL, twice, with the signature: who may read traces can read the files
# for as long as the links live. One call of http.get and one of fetch, of the same link. Searches are recorded by both.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @opentelemetry/instrumentation@0.223.0 @opentelemetry/instrumentation-http@0.223.0 \
  @opentelemetry/instrumentation-undici@0.33.0 @opentelemetry/sdk-trace-base@2.12.1 @opentelemetry/sdk-trace-node@2.12.1 >/dev/null

cat >probe.cjs <<'PROBE'
const { registerInstrumentations } = require('@opentelemetry/instrumentation');
const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');
const { UndiciInstrumentation } = require('@opentelemetry/instrumentation-undici');
const { InMemorySpanExporter, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base');
const { NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');

const exporter = new InMemorySpanExporter();
new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
registerInstrumentations({ instrumentations: [new HttpInstrumentation(), new UndiciInstrumentation()] });

const http = require('node:http');
const { once } = require('node:events');
(async () => {
  const server = http.createServer((_, response) => response.end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const link = `http://127.0.0.1:${server.address().port}/Patient.ndjson?sp=r&sig=the-signature`;
  const search = link.replace(/Patient.*/, 'Patient?family=Muster');
  for (const url of [link, search]) {
    const [answer] = await once(http.get(url), 'response');
    await answer.toArray();
    await (await fetch(url)).text();
  }
  const client = exporter.getFinishedSpans().filter((span) => span.kind === 2);
  for (const { attributes, instrumentationScope } of client) {
    for (const name of ['url.full', 'url.query']) {
      if (attributes[name]) console.log(instrumentationScope.name.split('/')[1], name, attributes[name].replace(/:\d+/, ''));
    }
  }
  process.exit(0);
})();
PROBE

cat >expected <<'EXPECTED'
instrumentation-http url.full http://127.0.0.1/Patient.ndjson?sp=r&sig=REDACTED
instrumentation-undici url.full http://127.0.0.1/Patient.ndjson?sp=r&sig=the-signature
instrumentation-undici url.query ?sp=r&sig=the-signature
instrumentation-http url.full http://127.0.0.1/Patient?family=Muster
instrumentation-undici url.full http://127.0.0.1/Patient?family=Muster
instrumentation-undici url.query ?family=Muster
EXPECTED

node probe.cjs | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
