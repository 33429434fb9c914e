/**
 * How the `$export` of real servers differs from the guide's (Bulk Data Access 2.0), or from that of others. What
 * happens now and then is a fault (`faults.ts`).
 */
export const EXPORT_BEHAVIOURS = {
  'search-refused': 'every search, and every history, is refused with 403',
  'export-not-listed': 'the CapabilityStatement does not list `$export`',
  'export-absent': '`$export` is answered with 404 at every level, though the CapabilityStatement lists it',
  'export-no-system': '`[base]/$export` is answered with 404',
  'export-no-system-405': '`[base]/$export` is answered with 405',
  'export-no-system-501': '`[base]/$export` is answered with 501',
  'export-group-only': '`[base]/$export` and `[base]/Patient/$export` are answered with 404',
  'export-get-only': 'a kick-off by POST is refused with 405',
  'export-post-only': 'a kick-off by GET is refused with 405, as the ballot of STU 4 has it',
  'export-one-job': 'a kick-off while a job is running is refused with 429 and `Retry-After`',
  'export-no-type': 'the parameter `_type` is not supported',
  'export-no-since': 'the parameter `_since` is not supported',
  'export-no-until': 'the parameter `_until` is not supported',
  'export-no-type-filter': 'the parameter `_typeFilter` is not supported',
  'export-no-elements': 'the parameter `_elements` is not supported',
  'export-no-patient': 'the parameter `patient` is not supported',
  'export-one-filter': 'two `_typeFilter` of a type are refused with 400 (Oracle Health)',
  'export-ignores':
    'parameters that are not supported are ignored unless `Prefer` has `handling=strict`, and nothing says so',
  'export-ignores-strict': 'parameters that are not supported are always ignored, and nothing says so',
  'export-since-exclusive': '`_since` leaves out what has exactly this `meta.lastUpdated`',
  'export-relative-status': '`Content-Location` is a path',
  'export-status-query': 'the URL of the status has its id in the query (HAPI)',
  'export-delete-404': 'the deletion of a job that is done is answered with 404 (HAPI)',
  'export-retry-date': '`Retry-After` of a running job is a date',
  'export-retry-absent': 'a running job has no `Retry-After`',
  'export-no-progress': 'a running job has no `X-Progress`',
  'export-progress-canary': '`X-Progress` holds the name of a patient',
  'export-pages': 'the manifest has pages: each but the last has a `link` with the relation `next`',
  'export-partial':
    'with `allowPartialManifests`, a running job has a manifest of what is ready, and pages as with `export-pages`',
  'export-stu4':
    'the manifest is that of the ballot of STU 4: `outcome` instead of `error`, `manifestType`, no `request`',
  'export-manifest-grows': 'the last file is missing when the manifest is read for the first time',
  'export-manifest-changes': 'each reading of the manifest gives other URLs, in another order',
  'export-wrong-counts': 'each `count` in the manifest is one too many',
  'export-no-counts': 'the manifest has no `count`',
  'export-mixed-order': 'the files of a type do not follow each other in the manifest',
  'export-no-deleted': 'the manifest has no `deleted`',
  'export-bare-manifest': 'the manifest has `transactionTime` and `output` only (older HAPI)',
  'export-no-output': 'the manifest of an export without resources has no `output` (LinuxForHealth)',
  'export-checksums':
    'the files in the manifest have an `extension` that is an array, with checksum and length (DPC of CMS)',
  'export-error-file': 'the manifest has an error file, whose texts hold the name of a patient',
  'export-relative-files': 'the URLs of files are relative to the URL of the manifest',
  'export-signed-files':
    'files are on another port, at URLs that are good without a token (`requiresAccessToken` is false); a request with a token is refused with 400',
  'export-redirected-files':
    'files need the token and are answered with 307 to another port, at URLs as with `export-signed-files` (Oracle Health)',
  'export-binary-files':
    'a file that is requested without `Accept: application/fhir+ndjson` is a Binary, as JSON (HAPI)',
  'export-strict-accept':
    'a file that is requested with an `Accept` that has another type is refused with 406',
  'export-no-ranges': 'a request for a range is answered with 200 and the whole file',
  'export-no-etag': 'files have no ETag',
  'export-forced-gzip': 'files are compressed, whatever the client accepts',
  'export-empty-files': 'before the files of a type is an empty one',
  'export-repeated-lines': 'the last file of a type has the first lines of its first file',
  'export-duplicate-lines': 'every tenth line comes twice',
  'export-older-lines': 'before or behind every tenth line is an older version of the resource',
  'export-changed-lines':
    'before every tenth line is the same resource with the same `meta` and other content',
  'export-line-no-json': 'a line in the middle of each file is no JSON',
  'export-line-other-type': 'a line in the middle of each file is of another type',
  'export-line-cut': 'the last line of each file ends in its middle',
} as const;

export type ExportBehaviour = keyof typeof EXPORT_BEHAVIOURS;

/** What no answer of the app may hold: it is in the source's `X-Progress`, error files, failures and broken lines. */
export const CANARY = 'Zacharias Quexington';
