#!/usr/bin/env bash
# pandas 1.5.3 (Debian 12's python3-pandas, which has to be installed).
# Expected: read_json reads a decimal as the nearest double, as Python's own json does, so that equal texts are equal.
# Seen: some short decimals are off in the last bit: 1.14 is 1.1400000000000001 and does not equal 1.14, 48 of
# 0.00 to 999.99. A value from a file then does not join with, or equal, the same value from anywhere else. With
# precise_float=True it is right.
set -euo pipefail
[ "$(/usr/bin/python3 -c 'import pandas; print(pandas.__version__)' 2>&1)" = 1.5.3 ] || { echo 'needs pandas 1.5.3' >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat >probe.py <<'PROBE'
import io, json, pandas
texts = ["%d.%02d" % (n // 100, n % 100) for n in range(100000)]
lines = "".join('{"value":%s}\n' % text for text in texts)
for options in [{}, {"precise_float": True}]:
    values = pandas.read_json(io.StringIO(lines), lines=True, dtype=False, **options)["value"]
    print(options, repr(float(values[114])), sum(value != float(text) for value, text in zip(values, texts)), "differ")
PROBE

cat >expected <<'EXPECTED'
{} 1.1400000000000001 48 differ
{'precise_float': True} 1.14 0 differ
EXPECTED

/usr/bin/python3 probe.py | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
