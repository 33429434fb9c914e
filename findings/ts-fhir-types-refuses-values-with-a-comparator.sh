#!/usr/bin/env bash
# @ahryman40k/ts-fhir-types 4.0.39, its io-ts decoders of R4.
# Expected: a Quantity with a comparator, "<", as a laboratory writes what is below its limit of detection, is decoded, and the
# enum that the package has for it, QuantityComparatorKind, holds the codes of FHIR: <, <=, >=, >.
# Seen: the enum holds "Lower", "LowerOrEqual", "GreaterOrEqual" and "Greater", which FHIR does not have. Every Observation
# with a comparator is refused, and one that is written by the enum is accepted here and by nobody else. A pipeline that
# leaves out what it cannot decode loses the values below and above the limits, and those alone.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps --ignore-scripts @ahryman40k/ts-fhir-types@4.0.39 >/dev/null

cat >probe.cjs <<'PROBE'
const { R4 } = require('@ahryman40k/ts-fhir-types');
for (const comparator of [undefined, '<', '<=', '>=', '>', ...Object.values(R4.QuantityComparatorKind)]) {
  const observation = {
    resourceType: 'Observation',
    status: 'final',
    code: { text: 'troponin' },
    valueQuantity: { value: 0.5, comparator },
  };
  const { _tag } = R4.RTTI_Observation.decode(observation);
  console.log(`${comparator ?? 'none'}: ${_tag === 'Right' ? 'decoded' : 'refused'}`);
}
PROBE

cat >expected <<'EXPECTED'
none: decoded
<: refused
<=: refused
>=: refused
>: refused
Lower: decoded
LowerOrEqual: decoded
GreaterOrEqual: decoded
Greater: decoded
EXPECTED

node probe.cjs | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
