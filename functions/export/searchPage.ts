import type { JsonObject, JsonValue } from '../deid/json.js';
import { isJsonObject } from '../deid/node.js';
import { ExportError } from '../errors.js';
import { type Instant, parseInstant } from './instant.js';

/** One resource of a search page, with what the walk needs of it. */
export interface SearchRow {
  readonly resource: JsonObject;
  readonly id: string | undefined;
  readonly lastUpdated: Instant | undefined;
}

/** A page of a type search: https://hl7.org/fhir/R4/http.html#search */
export interface SearchPage {
  /** Matches, all of the type asked for; includes and outcomes are left out. */
  readonly rows: readonly SearchRow[];
  readonly total: number | undefined;
  /** URL of the next page as the source wrote it. */
  readonly next: string | undefined;
  /** URL of the search as the source understood it. */
  readonly self: string | undefined;
}

/**
 * Reads a `Bundle` of type `searchset`.
 * @throws ExportError `source-not-fhir` where the value is no such Bundle, `source-search-failed` where it
 *   holds an OperationOutcome that tells of an error, or an entry without its resource: such a search is not
 *   complete; `source-ignored-parameter` where matches are of another type: pages of these would leave others out
 */
export function readSearchPage(value: JsonValue, type: string): SearchPage {
  if (!isJsonObject(value) || value['resourceType'] !== 'Bundle') {
    throw new ExportError(
      'source-not-fhir',
      `The source answered a search for ${type} with something that is no FHIR Bundle. Check that FHIR_SERVER_URL is the FHIR base of the source.`,
    );
  }
  const entries = value['entry'] ?? [];
  if (!Array.isArray(entries)) {
    throw new ExportError(
      'source-not-fhir',
      `The source answered a search for ${type} with a malformed Bundle.`,
    );
  }
  const rows: SearchRow[] = [];
  for (const entry of entries) {
    const resource = isJsonObject(entry) ? entry['resource'] : undefined;
    const search = isJsonObject(entry) ? entry['search'] : undefined;
    const mode = isJsonObject(search) ? search['mode'] : undefined;
    if (isJsonObject(resource) && resource['resourceType'] === 'OperationOutcome') {
      refuseErrors(resource, type);
      continue;
    }
    if (mode !== undefined && mode !== 'match') continue;
    if (!isJsonObject(resource)) throw incomplete(type);
    if (resource['resourceType'] !== type) throw otherType(type);
    const meta = resource['meta'];
    rows.push({
      resource,
      id: typeof resource['id'] === 'string' ? resource['id'] : undefined,
      lastUpdated: isJsonObject(meta) ? parseInstant(meta['lastUpdated']) : undefined,
    });
  }
  const total = value['total'];
  return {
    rows,
    total: typeof total === 'number' && Number.isSafeInteger(total) && total >= 0 ? total : undefined,
    next: link(value, 'next'),
    self: link(value, 'self'),
  };
}

function link(bundle: JsonObject, relation: string): string | undefined {
  const links = bundle['link'];
  if (!Array.isArray(links)) return undefined;
  for (const candidate of links) {
    if (
      isJsonObject(candidate) &&
      candidate['relation'] === relation &&
      typeof candidate['url'] === 'string'
    ) {
      return candidate['url'];
    }
  }
  return undefined;
}

function refuseErrors(outcome: JsonObject, type: string): void {
  const issues = outcome['issue'];
  if (Array.isArray(issues) && issues.some(isError)) {
    throw new ExportError(
      'source-search-failed',
      `The source reported an error inside its answer to a search for ${type}, so the answer is not complete. See the source's own log.`,
      true,
    );
  }
}

function incomplete(type: string): ExportError {
  return new ExportError(
    'source-search-failed',
    `An entry of the source's answer to a search for ${type} holds no resource, so the answer is not complete. See the source's own log.`,
    true,
  );
}

function otherType(type: string): ExportError {
  return new ExportError(
    'source-ignored-parameter',
    `The source answered a search for ${type} with resources of another type, so the export would hold too much or too little. Check that FHIR_SERVER_URL is the FHIR base of the source and that nothing between rewrites its paths.`,
  );
}

function isError(issue: JsonValue): boolean {
  return isJsonObject(issue) && (issue['severity'] === 'error' || issue['severity'] === 'fatal');
}
