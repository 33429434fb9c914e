#!/usr/bin/env bash
# PostgreSQL 18.7, as @electric-sql/pglite 0.5.17 has it.
# Expected: datetime() in a JSON path, the way to compare the dates in jsonb as dates, takes those of FHIR. A year, or a month, is
# its first moment; or it is an error, as '2015'::timestamptz and datetime() by itself are: a condition cannot say nothing.
# Seen: within a filter the error is swallowed, and the condition is neither true nor false. A date of which a generalization
# has left the year is not before 2016, not after it, and not "not before" it; events are missing from every group, and the
# groups together are fewer than the rows. Of dates with an offset nothing is lost, but a shifted midnight is on the day
# before, in the time zone of the session. Compared as text, by as many characters as both have, each is there.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps @electric-sql/pglite@0.5.17 >/dev/null

cat >probe.mjs <<'PROBE'
import { PGlite } from '@electric-sql/pglite';

const database = new PGlite();
await database.exec(`SET TimeZone = 'UTC'; CREATE TABLE event (resource jsonb)`);
const dates = ['2015', '2015-02', '2015-02-07', '2015-02-07T00:00:00.000+02:00', '2016', '2016-03-01'];
for (const occurrenceDateTime of dates)
  await database.query('INSERT INTO event VALUES ($1)', [JSON.stringify({ occurrenceDateTime })]);

const where = async (name, condition) => {
  const { rows } = await database.query(`SELECT resource ->> 'occurrenceDateTime' AS date FROM event WHERE ${condition}`);
  console.log(`${name}: ${rows.map(({ date }) => date).join(', ')}`);
};
const path = (condition) => `jsonb_path_exists_tz(resource, '$ ? (${condition})')`;
const date = '@.occurrenceDateTime.datetime()';
await where('before 2016', path(`${date} < "2016-01-01".datetime()`));
await where('from 2016 on', path(`${date} >= "2016-01-01".datetime()`));
await where('not before 2016', path(`!(${date} < "2016-01-01".datetime())`));
await where('on or after 7 February 2015', path(`${date} >= "2015-02-07".datetime()`));
await where('before 2016 as text', `left(resource ->> 'occurrenceDateTime', 4) < '2016'`);
const byItself = database.query(`SELECT jsonb_path_query_tz(resource, '$.occurrenceDateTime.datetime()') FROM event`);
console.log('without a filter:', await byItself.then(() => 'read', (error) => error.message));
PROBE

cat >expected <<'EXPECTED'
before 2016: 2015-02-07, 2015-02-07T00:00:00.000+02:00
from 2016 on: 2016-03-01
not before 2016: 2016-03-01
on or after 7 February 2015: 2015-02-07, 2016-03-01
before 2016 as text: 2015, 2015-02, 2015-02-07, 2015-02-07T00:00:00.000+02:00
without a filter: datetime format is not recognized: "2015"
EXPECTED

node probe.mjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
