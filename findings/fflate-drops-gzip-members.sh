#!/usr/bin/env bash
# fflate 0.8.3, pako 3.0.3, zlib of Node 20, on gzip files of two members (RFC 1952, section 2.2: what bgzip, "cat a.gz b.gz"
# and appenders write; CMS BCDA ends its files with an empty second member).
# Expected: all three give the lines of both members, as gunzip does.
# Seen: fflate's gunzipSync takes the length of the result from the last member alone and drops what does not fit, without an
# error: 2,027 of 5,000 lines, and none at all where the last member is empty. Its streaming Gunzip, pako and zlib give all.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund fflate@0.8.3 pako@3.0.3 >/dev/null

cat >probe.mjs <<'PROBE'
import { gunzipSync, gzipSync } from 'node:zlib';
import { gunzipSync as fflateSync, Gunzip } from 'fflate';
import { ungzip } from 'pako';

const lines = (first, count) =>
  Array.from({ length: count }, (_, n) => `${JSON.stringify({ resourceType: 'Patient', id: `p${first + n}` })}\n`).join('');
const files = {
  'two members': [lines(0, 3000), lines(3000, 2000)],
  'an empty last member': [lines(0, 3000), ''],
};
const streamed = (file) => {
  const chunks = [];
  new Gunzip((chunk) => chunks.push(chunk)).push(file, true);
  return Buffer.concat(chunks);
};
const readers = { zlib: gunzipSync, pako: ungzip, 'fflate gunzipSync': fflateSync, 'fflate Gunzip': streamed };
for (const [name, members] of Object.entries(files)) {
  const file = Buffer.concat(members.map((member) => gzipSync(member)));
  for (const [reader, read] of Object.entries(readers)) {
    console.log(`${name}, ${reader}: ${Buffer.from(read(file)).toString().split('\n').length - 1}`);
  }
}
PROBE

cat >expected <<'EXPECTED'
two members, zlib: 5000
two members, pako: 5000
two members, fflate gunzipSync: 2027
two members, fflate Gunzip: 5000
an empty last member, zlib: 3000
an empty last member, pako: 3000
an empty last member, fflate gunzipSync: 0
an empty last member, fflate Gunzip: 3000
EXPECTED

node probe.mjs | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
