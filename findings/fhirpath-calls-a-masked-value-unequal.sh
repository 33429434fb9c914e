#!/usr/bin/env bash
# fhirpath 5.2.2.
# Expected: a primitive that has an extension and no value (_gender with a data-absent-reason, as masking leaves it) is
# neither equal nor unequal to 'male' nor to a day: nobody knows, so both are empty, as of an element that is absent.
# Seen: "gender != 'male'" is true, so a count of those who are not male has everyone whose gender is masked, and one of
# those not born on a day everyone whose date of birth is. Of order, "birthDate > @1980" and "birthDate <= @1980", both are empty.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps fhirpath@5.2.2 >/dev/null

cat >probe.cjs <<'PROBE'
const fhirpath = require('fhirpath');
const r4 = require('fhirpath/fhir-context/r4');
const masked = { extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode: 'masked' }] };
const patient = (elements) => ({ resource: { resourceType: 'Patient', ...elements } });
const bundle = {
  resourceType: 'Bundle',
  entry: [
    patient({ id: 'male', gender: 'male', birthDate: '1980' }),
    patient({ id: 'female', gender: 'female', birthDate: '1976' }),
    patient({ id: 'masked', _gender: masked, _birthDate: masked }),
    patient({ id: 'absent' }),
  ],
};
for (const condition of ["gender = 'male'", "gender != 'male'", 'birthDate != @1980', 'birthDate > @1980', 'birthDate <= @1980']) {
  const ids = fhirpath.evaluate(bundle, `entry.resource.where(${condition}).id`, undefined, r4);
  console.log(`${condition}: ${ids.join(', ')}`.trimEnd());
}
PROBE

cat >expected <<'EXPECTED'
gender = 'male': male
gender != 'male': female, masked
birthDate != @1980: female, masked
birthDate > @1980:
birthDate <= @1980: male, female
EXPECTED

node probe.cjs | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
