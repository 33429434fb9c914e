#!/usr/bin/env bash
# PostgreSQL 18.7, as @electric-sql/pglite 0.5.17 has it (15.18 and its jsonb give the same).
# Expected: jsonb_path_query(resource, '$.**.reference') gives each reference in a resource once, wherever it is.
# Seen: one whose Reference is an element of a list (account) comes twice: lax mode, the default, opens the list by itself,
# and ** visits its elements, too. A subject, or a participant's individual, comes once. All that is in extensions is
# counted double, also what is masked. "strict $.**.reference" gives each once.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @electric-sql/pglite@0.5.17 >/dev/null

cat >probe.mjs <<'PROBE'
import { PGlite } from '@electric-sql/pglite';

const masked = { extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode: 'masked' }] };
const resource = {
  resourceType: 'Encounter',
  subject: { reference: 'Patient/1' },
  account: [{ reference: 'Account/1' }, { reference: 'Account/2' }],
  participant: [{ individual: { reference: 'Practitioner/1' } }],
  _status: masked,
};
const database = new PGlite();
await database.exec('CREATE TABLE encounter (resource jsonb)');
await database.query('INSERT INTO encounter VALUES ($1)', [JSON.stringify(resource)]);
const paths = ['$.**.reference', 'strict $.**.reference', '$.**.valueCode', 'strict $.**.valueCode', '$.account.reference'];
for (const path of paths) {
  const { rows } = await database.query('SELECT jsonb_path_query(resource, $1::jsonpath) AS value FROM encounter', [path]);
  console.log(`${path}: ${rows.map((row) => row.value).join(', ')}`);
}
await database.close();
PROBE

cat >expected <<'EXPECTED'
$.**.reference: Account/1, Account/2, Account/1, Account/2, Patient/1, Practitioner/1
strict $.**.reference: Account/1, Account/2, Patient/1, Practitioner/1
$.**.valueCode: masked, masked
strict $.**.valueCode: masked
$.account.reference: Account/1, Account/2
EXPECTED

node probe.mjs | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
