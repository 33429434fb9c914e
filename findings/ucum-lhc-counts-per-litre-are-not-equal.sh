#!/usr/bin/env bash
# @lhncbc/ucum-lhc 7.1.10.
# Expected: one and the same cell count in the two customary UCUM units, 10*3/uL and 10*9/L, converts to the same number.
# Seen: the factor is 0.9999999999999999, so 5 and 5 are not equal, and a limit at exactly 10 decides differently by unit;
# 37 Cel is 98.59999999999997 [degF]. Round to the digits of the value before comparing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps @lhncbc/ucum-lhc@7.1.10 >/dev/null

cat >probe.mjs <<'PROBE'
import ucum from '@lhncbc/ucum-lhc';
const utils = ucum.UcumLhcUtils.getInstance();
for (const [value, from, to] of [[1, '10*3/uL', '10*9/L'], [10, '10*3/uL', '10*9/L'], [37, 'Cel', '[degF]'], [0.1, '[lb_av]', 'kg']])
  console.log(value, from, '=', utils.convertUnitTo(from, value, to).toVal, to);
PROBE

cat >expected <<'EXPECTED'
1 10*3/uL = 0.9999999999999999 10*9/L
10 10*3/uL = 9.999999999999998 10*9/L
37 Cel = 98.59999999999997 [degF]
0.1 [lb_av] = 0.04535923700000001 kg
EXPECTED

node probe.mjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
