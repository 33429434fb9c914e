#!/usr/bin/env bash
# Node 20 and 24: resourceLimits of worker threads, maxYoungGenerationSizeMb.
# Expected: a thread that may have 3 MiB of young objects lets go of buffers as early: chunks of a download that are copied and
# dropped take a few MiB at a time.
# Seen: buffers are outside of the heap, and V8 collects them for their own sake from 32 MiB on, more or less, in each thread, however small
# the limit is. A thread that downloads holds that much garbage, of which "heap used" shows nothing, and eight of them fill
# half of an instance of 512 MB with it. Fewer threads help, and buffers that are used again; a smaller limit does not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
platform="$(node -p 'process.platform')-$(node -p 'process.arch')"
for major in 20 24; do
  npm install --silent --no-save --no-audit --no-fund --prefix "$work/$major" "node-$platform@$major" >/dev/null
done

cat >probe.cjs <<'PROBE'
const { Worker, isMainThread, parentPort } = require('node:worker_threads');

// The most memory of buffers, in MiB, while 512 MiB go by in chunks of 64 KiB, of which one at a time is in use.
const most = (maxYoungGenerationSizeMb) =>
  new Promise((resolve, reject) => {
    new Worker(__filename, { resourceLimits: { maxYoungGenerationSizeMb } }).on('message', resolve).on('error', reject);
  });

if (isMainThread) {
  (async () => {
    const found = await most(3);
    console.log(`Node ${process.versions.node.split('.')[0]}: ${found >= 24 ? '24 or more' : found} MiB of buffers`);
  })();
} else {
  let chunk;
  let found = 0;
  for (let one = 0; one < 8192; one++) {
    chunk = Buffer.allocUnsafeSlow(65536);
    if (one % 16 === 0) found = Math.max(found, process.memoryUsage().arrayBuffers);
  }
  parentPort.postMessage(Math.round(found / 1048576));
}
PROBE

cat >expected <<'EXPECTED'
Node 20: 24 or more MiB of buffers
Node 24: 24 or more MiB of buffers
EXPECTED

for major in 20 24; do "$work/$major"/node_modules/node-*/bin/node probe.cjs; done | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
