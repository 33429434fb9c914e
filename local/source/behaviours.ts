import { EXPORT_BEHAVIOURS } from './bulk/behaviours.js';

/** How FHIR servers differ in search, each by itself; docs/servers.md names who does so. */
export const SEARCH_BEHAVIOURS = {
  'ge-skips-second': '`_lastUpdated=geX` leaves out the rest of the second of X',
  'lt-skips-second':
    '`_lastUpdated=ltX` leaves out the last second before X, and `gtX` the first one after it',
  'lt-skips-millisecond': '`_lastUpdated=ltX` leaves out the last millisecond before X',
  'versions-repeat':
    'a search by `_lastUpdated` gives some resources once more behind all others, as for another version of theirs; `_sort` is not known, and pages are cut by offset',
  'references-not-listed': 'a comma list of a reference parameter is taken for one reference',
  'ids-not-listed': 'a comma list of `_id` is taken for one id',
  'no-next-links': 'pages have no next link',
  'no-totals': 'pages have no total unless it is asked for',
  'estimated-totals': 'totals and counts are estimates',
  'page-totals':
    'totals are the number of resources on the page, which is none where only a count is asked for',
  'counts-refused': '`_summary=count` is refused with 400',
  'forms-refused': 'a search by POST is refused with 405',
  'gateway-links': 'links have the base of a gateway in front of the server',
  'relative-links': 'links are relative to the base',
  'ties-fail':
    'a page of 20 or more in which all resources share an instant, with more of it to come, is a lasting 500',
  'metadata-refused': 'the CapabilityStatement is refused with 403',
  'type-refused': 'Organization is listed in the CapabilityStatement, and a search for it refused with 400',
  'provenance-refused':
    'Provenance is listed in the CapabilityStatement, and a search for it refused with 403',
  'patient-required':
    'a search that names no single patient is refused with 400, and so are `_sort`, `_lastUpdated`, `_summary`, `_total` and `_revinclude`',
  'patient-required-403': 'the same with 403',
  'times-hidden': 'resources other than Patient have no `meta.lastUpdated`',
} as const;

/** A source that behaves in several of these at once has several. */
export const SOURCE_BEHAVIOURS = { ...SEARCH_BEHAVIOURS, ...EXPORT_BEHAVIOURS };

export type SourceBehaviour = keyof typeof SOURCE_BEHAVIOURS;

/** Reads names of behaviours from a comma-separated text. @throws Error naming the one that is none */
export function parseBehaviours(text: string): SourceBehaviour[] {
  const names = text.split(',').filter((name) => name !== '');
  return names.map((name) => {
    if (isBehaviour(name)) return name;
    throw new Error(
      `SOURCE_BEHAVIOURS: there is no ${name}. There are ${Object.keys(SOURCE_BEHAVIOURS).join(', ')}`,
    );
  });
}

function isBehaviour(name: string): name is SourceBehaviour {
  return Object.hasOwn(SOURCE_BEHAVIOURS, name);
}
