import type { ExportLevel, ExportScope } from '../request/scope.js';
import type { SearchParameters } from '../source/source.js';
import type { BulkAnswer } from '../source/bulkStatus.js';
import { safeName } from '../source/honored.js';
import { instant } from '../walk/window.js';
import { laterInstant, searchValue } from '../../fhir/instant.js';
import { ExportError } from '../../common/errors.js';
import type { JobRequest } from '../records/job.js';

/** One way of asking the source for its own bulk export. */
export interface BulkKickOff {
  level: ExportLevel;
  method: 'GET' | 'POST';
  parameters: SearchParameters;
}

/** Parameters that are left out where the source does not take them, one after the other: the app applies them itself. */
const OPTIONAL = ['patient', '_since', '_type'] as const;

/**
 * The ways of asking for what a job exports, the narrowest first. The source applies what it takes; the rest, and a
 * level that it does not have, the app decides by the lines. `_typeFilter` is in each: only the source can apply it.
 * `_elements` is in none, since the rules of the configuration may look at elements that were not asked for.
 * https://hl7.org/fhir/uv/bulkdata/STU2/export.html#query-parameters
 */
export function bulkKickOffs({
  level,
  types,
  typeFilters,
  patients,
  since,
}: ExportScope & Pick<JobRequest, 'level'>): BulkKickOff[] {
  const all: Array<readonly [name: string, value: string]> = [
    ...(types === undefined ? [] : [['_type', types.join(',')] as const]),
    ...(since === undefined ? [] : [['_since', justBefore(since)] as const]),
    ...typeFilters.map(
      ({ type, search }) =>
        [
          '_typeFilter',
          `${type}?${new URLSearchParams(search.map(([name, value]): [string, string] => [name, value])).toString()}`,
        ] as const,
    ),
    ...(patients ?? []).map((id) => ['patient', `Patient/${id}`] as const),
  ];
  const levels: ExportLevel[] = [
    ...(level.kind === 'group' ? [level] : []),
    ...(level.kind === 'system' ? [] : [{ kind: 'patient' } as const]),
    { kind: 'system' },
  ];
  const kickOffs: BulkKickOff[] = [];
  for (const own of levels) {
    let parameters = own.kind === 'system' ? all.filter(([name]) => name !== 'patient') : all;
    kickOffs.push(...methodsOf(own, parameters));
    for (const name of OPTIONAL) {
      const isGiven = parameters.some(([given]) => given === name);
      const isNeeded = name === '_type' && typeFilters.length > 0;
      if (!isGiven || isNeeded) continue;
      parameters = parameters.filter(([given]) => given !== name);
      kickOffs.push(...methodsOf(own, parameters));
    }
  }
  return kickOffs;
}

/**
 * A `_since` for the source: the guide does not say whether what was changed exactly then is included, and sources may
 * cut it to a second. Of the lines, the app leaves out what was changed before the caller's.
 */
function justBefore(since: string): string {
  return searchValue(laterInstant(instant(since), -SECOND_MS));
}

const SECOND_MS = 1000;

/** `patient` is for POST alone; longer URLs may be cut or refused on their way. */
const MAX_QUERY = 1500;

function methodsOf(level: ExportLevel, parameters: SearchParameters): BulkKickOff[] {
  const length = parameters.reduce(
    (sum, [name, value]) => sum + name.length + encodeURIComponent(value).length + 2,
    0,
  );
  const isLong = length > MAX_QUERY || parameters.some(([name]) => name === 'patient');
  const post = { level, method: 'POST' as const, parameters };
  return isLong ? [post] : [{ level, method: 'GET', parameters }, post];
}

/** Whether the source does not take a kick-off in this way, but perhaps another one. */
export function isRefused({ status }: BulkAnswer): boolean {
  return REFUSED.includes(status);
}

/** Whether the source has no operation there. */
export function isMissing({ status }: BulkAnswer): boolean {
  return MISSING.includes(status);
}

const MISSING: readonly number[] = [404, 405, 501];

/** Statuses by which servers refuse an operation, a level, a method or a parameter. */
const REFUSED: readonly number[] = [400, 404, 405, 406, 411, 414, 415, 422, 501];

/** Search parameters in a message. */
const MAX_NAMES = 10;

/** What it means that the source takes none of the kick-offs. */
export function refusedAtKickOff(
  { typeFilters }: Pick<JobRequest, 'typeFilters'>,
  refusal: BulkAnswer | undefined,
): ExportError {
  if (typeFilters.length > 0) {
    const searched = typeFilters.flatMap(({ type, search }) =>
      search.map(([name]) => `${safeName(name)} of ${type}`),
    );
    const names = [...new Set(searched)].slice(0, MAX_NAMES);
    return new ExportError(
      'invalid-request',
      `_typeFilter: the source's own export, by which it is read (SOURCE_MODE), answered ${refusal?.status ?? 'nothing'}, and only the source can apply it. Probably it does not know a search parameter of a filter (${names.join(', ')}), or its value, or takes no _typeFilter. Check the filters, or leave them out; _type, _since, _until, _elements and patient work.`,
    );
  }
  return new ExportError(
    'source-refused',
    `The source answered ${refusal?.status ?? 'nothing'} to the kick-off of its own export. Check FHIR_SERVER_URL, and that the source has a Bulk Data $export that the app may start; SOURCE_MODE=search reads it by searches.`,
  );
}

/** A source that takes filters without applying them. */
export function ignoresFilters(): ExportError {
  return new ExportError(
    'invalid-request',
    "_typeFilter: the source's own export, by which it is read (SOURCE_MODE), takes a filter by a search parameter that does not exist, so it is not known whether it applies any, and only the source can. Leave it out; _type, _since, _until, _elements and patient work.",
  );
}
