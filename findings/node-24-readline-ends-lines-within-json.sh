#!/usr/bin/env bash
# Node 20 and 24: readline and FileHandle.readLines on NDJSON.
# Expected: a line ends with \n, \r\n or \r, as the documentation of the "line" event says, so three resources are three
# lines. JSON may have U+2028 and U+2029 within texts as they are (RFC 8259), as clinical notes copied from word processors do.
# Seen: so it is on Node 20. On Node 24 both characters end a line, too: the resource that has one comes as two lines,
# neither of them JSON. A reader that leaves out lines that it cannot parse loses the resource after an upgrade.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
platform="$(node -p 'process.platform')-$(node -p 'process.arch')"
for major in 20 24; do
  npm install --silent --no-save --no-audit --no-fund --prefix "$work/$major" "node-$platform@$major" >/dev/null
done

cat >probe.mjs <<'PROBE'
import { createReadStream } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';

const notes = ['plain', 'before\u2028after', 'before\u2029after'];
await writeFile(
  'x.ndjson',
  notes.map((text, id) => `${JSON.stringify({ resourceType: 'Basic', id: `${id}`, code: { text } })}\n`).join(''),
);
const isJson = (line) => {
  try {
    return JSON.parse(line) !== undefined;
  } catch {
    return false;
  }
};
const count = async (name, lines) => {
  const read = [];
  for await (const line of lines) read.push(line);
  console.log(`Node ${process.versions.node.split('.')[0]} ${name}: ${read.length} lines, ${read.filter(isJson).length} of JSON`);
};
await count('readline', createInterface({ input: createReadStream('x.ndjson'), crlfDelay: Infinity }));
await count('readLines', (await open('x.ndjson')).readLines());
PROBE

cat >expected <<'EXPECTED'
Node 20 readline: 3 lines, 3 of JSON
Node 20 readLines: 3 lines, 3 of JSON
Node 24 readline: 5 lines, 1 of JSON
Node 24 readLines: 5 lines, 1 of JSON
EXPECTED

for major in 20 24; do "$work/$major"/node_modules/node-*/bin/node probe.mjs; done | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
