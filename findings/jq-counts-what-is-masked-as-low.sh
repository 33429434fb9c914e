#!/usr/bin/env bash
# jq 1.6 (Debian 12's, which has to be installed), and Miller 6.6.0 beside it.
# Expected: a resource without the value is not selected by a comparison with it, as in SQL, R and JavaScript; or it is an
# error, as arithmetic with null is.
# Seen: an absent value is null, which is less than every number and text. Of four resources, two with a masked value, "less
# than 5" and "born before 1980" have both masked ones; "not less" has none of them. min is null, and an average of add /
# length divides by the masked ones. Miller leaves them out.
set -euo pipefail
[ "$(jq --version 2>&1)" = jq-1.6 ] && [ "$(mlr --version 2>&1)" = 'mlr 6.6.0' ] || { echo 'needs jq 1.6 and Miller 6.6.0' >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat >lines.ndjson <<'LINES'
{"id":"low","birthDate":"1976","valueQuantity":{"value":3}}
{"id":"high","birthDate":"1990","valueQuantity":{"value":9}}
{"id":"masked","_birthDate":{"extension":[]},"valueQuantity":{"unit":"mg"}}
{"id":"redacted"}
LINES

{
  echo "jq, value < 5: $(jq -r 'select(.valueQuantity.value < 5).id' lines.ndjson | xargs)"
  echo "jq, value >= 5: $(jq -r 'select(.valueQuantity.value >= 5).id' lines.ndjson | xargs)"
  echo "jq, born before 1980: $(jq -r 'select(.birthDate < "1980").id' lines.ndjson | xargs)"
  echo "jq, min and average: $(jq -s 'map(.valueQuantity.value) | min, add / length' lines.ndjson | xargs)"
  echo "jq, values only: $(jq -s 'map(.valueQuantity.value | values) | min, add / length' lines.ndjson | xargs)"
  echo "Miller, value < 5: $(mlr --ijsonl --onidx flatten then filter '${valueQuantity.value} < 5' then cut -f id lines.ndjson | xargs)"
  echo "Miller, born before 1980: $(mlr --ijsonl --onidx flatten then filter '$birthDate < "1980"' then cut -f id lines.ndjson | xargs)"
} | tee actual

cat >expected <<'EXPECTED'
jq, value < 5: low masked redacted
jq, value >= 5: high
jq, born before 1980: low masked redacted
jq, min and average: null 3
jq, values only: 3 6
Miller, value < 5: low
Miller, born before 1980: low
EXPECTED
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
