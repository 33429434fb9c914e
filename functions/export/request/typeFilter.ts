import type { SearchParameters } from '../source/source.js';
import { errorIssue, type OutcomeIssue } from '../../fhir/operationOutcome.js';

/** One search of one type, in the source's own search parameters. Several for one type are alternatives. */
export interface TypeFilter {
  type: string;
  search: SearchParameters;
}

/** The export itself decides these: they change what a page is, not which resources match. */
const RESERVED = new Set(
  '_sort _count _include _revinclude _summary _elements _total _format _pretty _contained _containedtype _maxresults _score'.split(
    ' ',
  ),
);
const MAX_FILTERS = 100;
/** Filters that are looked at, repeated ones included. */
const MAX_GIVEN = 1000;
/** Of all filters together. */
const MAX_CHARACTERS = 131_072;
/** The plus sign before a time zone's offset, which is read as a blank where a client has encoded it once only, or not at all. */
const OFFSET_SIGN = /(?<=T[\d:.]{5,20})[+ ](?=\d\d:\d\d)/g;

/** Whether no filter may use a search parameter, whoever asks. */
export function isReserved(name: string): boolean {
  return RESERVED.has(name.toLowerCase());
}

/**
 * Reads `_typeFilter`: `Type?search`, repeated or separated by commas. A search may hold commas itself, and clients
 * percent-encode the separating ones, too: a comma separates only where `Type?` follows.
 * https://hl7.org/fhir/uv/bulkdata/STU2/export.html#_typefilter-query-parameter
 */
export function readTypeFilters(
  values: readonly string[],
  types: readonly string[] | undefined,
  isResourceType: (name: string) => boolean,
  issues: OutcomeIssue[],
): TypeFilter[] {
  const problem = (text: string): void => {
    issues.push(errorIssue('value', `_typeFilter: ${text}`, '_typeFilter'));
  };
  const filters = new Map<string, TypeFilter>();
  if (values.reduce((sum, value) => sum + value.length, 0) > MAX_CHARACTERS) {
    problem(`the filters have more than ${MAX_CHARACTERS} characters. Export in several jobs.`);
    return [];
  }
  const texts = values.flatMap(separatedFilters);
  if (texts.length > MAX_GIVEN) {
    problem(`there are more than ${MAX_FILTERS} filters. Export in several jobs.`);
    return [];
  }
  for (const text of texts) {
    const [, type, query] = /^\s*([A-Z][A-Za-z]*)\?(.+)$/s.exec(text) ?? [];
    if (type === undefined || query === undefined) {
      problem('each filter must be a resource type, a question mark and a search: Observation?code=1234-5.');
      continue;
    }
    if (!isResourceType(type)) {
      problem('a filter begins with something that is no resource type of this FHIR version.');
      continue;
    }
    if (types !== undefined && !types.includes(type)) {
      problem(`there is a filter for ${type}, but _type does not name it. Add it to _type.`);
    }
    const search = [...new URLSearchParams(query.replaceAll(OFFSET_SIGN, '%2B'))];
    // A source ignores a parameter without a value, and would give more than was asked for.
    if (search.length === 0 || search.some(([name, value]) => name === '' || value === '')) {
      problem(`a filter for ${type} has a search parameter without name or value.`);
    }
    for (const name of new Set(search.map(([each]) => each))) {
      const plain = name.split(':')[0]?.toLowerCase() ?? '';
      if (isReserved(plain)) problem(`${plain} may not be used in a filter. Leave it out.`);
    }
    filters.set(JSON.stringify([type, search]), { type, search });
  }
  if (filters.size > MAX_FILTERS)
    problem(`there are more than ${MAX_FILTERS} filters. Export in several jobs.`);
  return [...filters.values()];
}

/** The filters of one value. A comma after a backslash is a part of a search's value. */
export function separatedFilters(value: string): string[] {
  return value.split(/(?<!\\),(?=\s*[A-Z][A-Za-z]*\?)/);
}
