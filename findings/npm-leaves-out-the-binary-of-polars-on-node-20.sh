#!/usr/bin/env bash
# nodejs-polars 0.26.1, npm with Node 20.
# Expected: a package whose engines are ">= 20" installs on Node 20 and loads, or npm warns.
# Seen: its binary is an optional dependency with engines ">= 22". npm leaves out an optional dependency that does not fit
# and says nothing, exit 0. The package is there and fails when it is loaded: Cannot find module.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-save --no-audit --no-fund --prefix "$work/node" "node-$(node -p 'process.platform')-$(node -p 'process.arch')@20" >/dev/null
PATH="$(echo "$work"/node/node_modules/node-*/bin):$PATH"

{
  npm install --no-audit --no-fund nodejs-polars@0.26.1 2>&1 | grep -ci warn || true
  ls node_modules
  node -p 'require("nodejs-polars/package.json").engines.node'
  node -e 'require("nodejs-polars")' 2>&1 | grep -o "Cannot find module 'nodejs-polars" || true
} | tee actual

cat >expected <<'EXPECTED'
0
nodejs-polars
>= 20
Cannot find module 'nodejs-polars
EXPECTED
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
