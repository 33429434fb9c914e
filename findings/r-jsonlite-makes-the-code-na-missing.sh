#!/usr/bin/env bash
# jsonlite 1.8.4 (Debian 12's r-cran-jsonlite, which has to be installed).
# Expected: a text of JSON is a text in R. "NA" is the country Namibia and the code for "not applicable" in HL7's NullFlavor;
# only null and what is absent are missing.
# Seen: where "NA" is the only text of its vector, it is NA, missing. Each resource's list of addresses or codings is a vector
# of its own, so whoever has one address in Namibia has no country, and who has a second one elsewhere has both. A root
# element is missing where all lines have "NA" or nothing. With simplifyVector = FALSE, which makes lists in place of data
# frames, it is a text.
set -euo pipefail
[ "$(Rscript -e 'cat(as.character(packageVersion("jsonlite")))' 2>&1)" = 1.8.4 ] || { echo 'needs R with jsonlite 1.8.4' >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat >Patient.ndjson <<'LINES'
{"id":"a","address":[{"country":"NA"}]}
{"id":"b","address":[{"country":"NA"},{"country":"ZA"}]}
{"id":"c","address":[{"country":"ZA"}],"maritalStatus":{"coding":[{"code":"NA"}]}}
LINES

cat >probe.R <<'PROBE'
library(jsonlite)
frames <- stream_in(file('Patient.ndjson'), verbose = FALSE)
for (i in 1:3) cat('stream_in:', frames$id[i], encodeString(frames$address[[i]]$country, quote = '"'), '\n')
cat('missing countries:', sum(is.na(unlist(lapply(frames$address, function(a) a$country)))), '\n')
cat('missing code:', is.na(frames$maritalStatus$coding[[3]]$code), '\n')
lists <- stream_in(file('Patient.ndjson'), verbose = FALSE, simplifyVector = FALSE)
countries <- unlist(lapply(lists, function(r) sapply(r$address, function(a) a$country)))
cat('simplifyVector = FALSE:', encodeString(countries, quote = '"'), '\n')
PROBE

cat >expected <<'EXPECTED'
stream_in: a NA
stream_in: b "NA" "ZA"
stream_in: c "ZA"
missing countries: 1
missing code: TRUE
simplifyVector = FALSE: "NA" "NA" "ZA" "ZA"
EXPECTED

Rscript probe.R 2>&1 | sed 's/ *$//' | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
