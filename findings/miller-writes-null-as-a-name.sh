#!/usr/bin/env bash
# Miller 6.6.0 (Debian 12's, which has to be installed).
# Expected: a null of JSON is an empty field in CSV, as an absent one is after unsparsify: FHIR has nulls in lists, where a
# value is masked (the first of two given names).
# Seen: the field has the text null, as of a patient whose name is "null". It is not empty for is_empty, fill-empty or the
# reader of the CSV, and count-distinct counts both as one.
set -euo pipefail
[ "$(mlr --version 2>&1)" = 'mlr 6.6.0' ] || { echo 'needs Miller 6.6.0' >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat >Patient.ndjson <<'NDJSON'
{"id":"masked","given":[null,"Ann"]}
{"id":"named","given":["null","Ann"]}
{"id":"absent"}
NDJSON

cat >expected <<'EXPECTED'
id,given.1,given.2
masked,null,Ann
named,null,Ann
absent,,
masked,null,Ann
named,null,Ann
absent,?,?
given.1=null,count=2
given.1=,count=1
EXPECTED

{
  mlr --ijsonl --ocsv flatten then unsparsify Patient.ndjson
  mlr --ijsonl --ocsv --headerless-csv-output flatten then unsparsify then fill-empty -v '?' Patient.ndjson
  mlr --ijsonl --odkvp flatten then unsparsify then count-distinct -f given.1 Patient.ndjson
} | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
