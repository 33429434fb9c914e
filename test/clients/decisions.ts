/**
 * What two programs decide by our answers, where they cannot be installed: this is our reading of their sources, not
 * the programs. SMART Fetch 0.7.0 (commit 6b97abc) with cumulus-fhir-support 1.12.1 (commit 1fc0ee7), and
 * bulk-data-client 1.2.1 (commit 3be801e), all of github.com/smart-on-fhir. test/clients/programs.ts runs themselves.
 */
import type { Line } from './source.js';

export interface CapabilityStatement {
  publisher?: string;
  software?: { name?: string };
  rest: Array<{
    mode: string;
    resource?: Array<{ type: string; searchParam?: Array<{ name: string }> }>;
    security?: { extension?: Array<{ url: string; extension: Array<{ url: string; valueUri?: string }> }> };
  }>;
}

/** The types that SMART Fetch asks for, unless `--type` names some of them. */
export const SMART_FETCH_TYPES = [
  'Patient',
  'Encounter',
  'AllergyIntolerance',
  'Condition',
  'Device',
  'DiagnosticReport',
  'DocumentReference',
  'EpisodeOfCare',
  'Immunization',
  'MedicationDispense',
  'MedicationRequest',
  'Observation',
  'Procedure',
  'ServiceRequest',
];

/** Those types, and what it looks up by their references: one scope each, `system/TYPE.read`. */
export const SMART_FETCH_SCOPE = [
  ...SMART_FETCH_TYPES,
  ...['Binary', 'Location', 'Medication', 'Organization', 'Practitioner', 'PractitionerRole'],
]
  .map((type) => `system/${type}.read`)
  .join(' ');

const DEFAULT_OBSERVATIONS =
  'Observation?category=social-history,vital-signs,imaging,laboratory,survey,exam,procedure,therapy,activity';

export interface SmartFetchPlan {
  /** With `AUTO`; a server that it takes for Epic's is crawled by searches instead. */
  mode: 'bulk' | 'crawl';
  types: string[];
  skipped: string[];
  /** What `--since` means: `_since`, or a filter by the date that each type was recorded. */
  since: 'updated' | 'created';
  /** Path and query below the base. */
  kickOff: string;
}

/** What SMART Fetch does with a CapabilityStatement. */
export function planOfSmartFetch(
  statement: CapabilityStatement,
  options: { group?: string; since?: string } = {},
): SmartFetchPlan {
  const server = statement.rest.find(({ mode, resource }) => mode === 'server' && resource !== undefined);
  const listed = server?.resource;
  const isListed = (type: string): boolean => listed?.some((entry) => entry.type === type) ?? true;
  const types = SMART_FETCH_TYPES.filter(isListed).sort();
  const parameters = listed?.find(({ type }) => type === 'Patient')?.searchParam ?? [];
  const since = parameters.some(({ name }) => name === '_lastUpdated') ? 'updated' : 'created';
  const query = new URLSearchParams({ _type: types.join(',') });
  // A comma within a filter is encoded once more than the rest of it.
  if (types.includes('Observation')) query.set('_typeFilter', DEFAULT_OBSERVATIONS.replaceAll(',', '%2C'));
  if (options.since !== undefined && since === 'updated') query.set('_since', options.since);
  return {
    mode: statement.software?.name === 'Epic' ? 'crawl' : 'bulk',
    types,
    skipped: SMART_FETCH_TYPES.filter((type) => !isListed(type)),
    since,
    kickOff: `${options.group === undefined ? '' : `/Group/${options.group}`}/$export?${query.toString()}`,
  };
}

/** The texts of error files that make SMART Fetch exit with 1, after it has downloaded everything. */
export function fatalForSmartFetch(errors: readonly Line[]): string[] {
  const issues = errors.flatMap(({ issue = [] }) => issue);
  return issues
    .filter(({ severity }) => severity === 'error' || severity === 'fatal')
    .map(({ diagnostics, code }) => diagnostics ?? code);
}

/** Events of bulk-data-client's log at the end of an export, by the `X-Progress` of its polls and by the manifest. */
export function endOfBulkDataClient(progress: readonly string[], manifest: object): string[] {
  // The percentage that it read last; its own 100 comes with the 200.
  const percent = Number.parseInt(progress.at(-1) ?? '', 10);
  const complete = Number.isNaN(percent) || percent < 100 ? ['status_complete'] : [];
  // It counts the entries of both lists without asking whether they are there.
  const { output, error } = manifest as { output?: unknown; error?: unknown };
  return Array.isArray(output) && Array.isArray(error) ? [...complete, 'manifest_complete'] : complete;
}

/** Where bulk-data-client looks for a token endpoint in a CapabilityStatement, if its configuration names none. */
export function tokenUrlForBulkDataClient({ rest }: CapabilityStatement): string | undefined {
  const uris = rest
    .find(({ mode }) => mode === 'server')
    ?.security?.extension?.find(({ url }) => url.endsWith('/StructureDefinition/oauth-uris'));
  return uris?.extension.find(({ url }) => url === 'token')?.valueUri;
}
