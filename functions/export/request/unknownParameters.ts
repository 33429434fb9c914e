import { nearest } from '../../deid/reading/issues.js';
import { errorIssue, type OutcomeIssue, warningIssue } from '../../fhir/operationOutcome.js';
import type { GivenParameter } from './given.js';
import { HOST_PARAMETERS, MAX_ISSUES, printable, quoted } from './names.js';
import { PARAMETER_NAMES, spelledOf } from './parameters.js';

/** Parts of the names of anonymization parameters, rightly spelled or nearly, and of what others may call them. */
const MAY_ANONYMIZE =
  /an+[o0]n|[aoi]n[iy]m|n[iy]mi[sz]|de-?_?id|ident|conf|etag|collection|reference|mask|redact|safe|hipaa|^_?an/i;

/** Of a name that may be meant for another one, in characters. */
const MAX_MEANT = 60;
/** Names in one message. */
const MAX_NAMES = 10;

export const LENIENT = 'Leave it out, or send Prefer: handling=lenient to have it ignored.';

/** Refuses unknown parameters; those that may be ignored are where the caller is lenient. */
export function checkUnknown(
  given: ReadonlyMap<string, GivenParameter>,
  isLenient: boolean,
  issues: OutcomeIssue[],
  ignored: OutcomeIssue[],
): void {
  for (const [name, { spelled }] of given) {
    if (PARAMETER_NAMES.has(name) || HOST_PARAMETERS.has(name)) continue;
    const isShown = issues.length + ignored.length <= MAX_ISSUES && spelled.length <= MAX_MEANT;
    const near = isShown ? nearest(name, PARAMETER_NAMES) : undefined;
    const meant = near === undefined ? '' : ` Did you mean ${spelledOf(near)}?`;
    const otherwise = near === undefined ? 'Leave it out.' : 'Otherwise leave it out.';
    if (isLenient && isIgnorable(spelled)) {
      const text = `The parameter ${quoted(spelled)} is not known and was ignored, so more may be exported than was meant.${meant}`;
      ignored.push(ignoredIssue(text, printable(spelled)));
    } else {
      const text = `The parameter ${quoted(spelled)} is not supported.${meant} ${isIgnorable(spelled) ? LENIENT : otherwise}`;
      issues.push(errorIssue('not-supported', text, printable(spelled)));
    }
  }
}

/**
 * Takes out what looks like the rest of a filter that was cut off at an `&`. It is refused, or ignored with a warning:
 * without it, more is exported than was meant.
 */
export function checkCutOff(
  given: Map<string, GivenParameter>,
  isLenient: boolean,
  issues: OutcomeIssue[],
  ignored: OutcomeIssue[],
): void {
  // In a URL, `patient` can only be a part of a filter.
  const found = [...given].filter(
    ([name, { spelled, afterFilter }]) =>
      (name === 'patient' || !PARAMETER_NAMES.has(name)) && looksCutOff(spelled, afterFilter),
  );
  if (found.length === 0) return;
  const types = filteredTypes(given.get('_typefilter')?.values ?? []);
  // Without a value, what looks like a name is the rest of a value perhaps.
  const names = found.map(([, { spelled, values }]) =>
    values.every((value) => value === '') ? 'a parameter without value' : quoted(spelled),
  );
  const text = cutOffText([...new Set(names)].slice(0, MAX_NAMES), types);
  if (isLenient && found.every(([name, { spelled }]) => name !== 'patient' && isIgnorable(spelled)))
    ignored.push(
      ignoredIssue(`${text} It was ignored, so more may be exported than was meant.`, '_typeFilter'),
    );
  else issues.push(errorIssue('invalid', text, '_typeFilter'));
  for (const [name] of found) given.delete(name);
}

/** A warning of what is ignored. */
export function ignoredIssue(text: string, parameter?: string): OutcomeIssue {
  return warningIssue(text, 'not-supported', parameter);
}

/** A search parameter by its form, with modifier or chain. Those of a kick-off have capital letters, or begin with `_`. */
const SEARCH_PARAMETER =
  /^(?:_(?:id|lastUpdated|tag|profile|security|source|text|content|list|has|filter|query|in|language)|[a-z][a-z0-9-]*)(?:[.:][\w.:-]+)?$/;
/** Keys of the Functions host are longer than values of a search. */
const HOST_KEY = /^[\w+/=-]{40,}$/;

/**
 * Whether a parameter behind `_typeFilter` in a URL looks like a part of the filter, whose `&` was not percent-encoded.
 * @param values those behind the filter
 */
function looksCutOff(name: string, values: readonly string[]): boolean {
  // Without a value, its name may be the rest of one, which no message repeats.
  const isRest = values.length > 0 && values.every((value) => value === '');
  const isSearched = SEARCH_PARAMETER.test(name);
  return isRest || (isSearched && values.some((value) => name !== 'code' || !HOST_KEY.test(value)));
}

/** What is wrong where an `&` of a filter was not percent-encoded. @param names of what was cut off */
function cutOffText(names: readonly string[], types: readonly string[]): string {
  const filter = types.length === 0 ? 'a filter' : `a filter for ${types.join(' or ')}`;
  return `_typeFilter: ${names.join(', ')} ${names.length === 1 ? 'looks' : 'look'} like a part of ${filter} whose & was not percent-encoded. Write %26 for each & in a filter (Observation?code=1%26status=final), or send filters in the body of a POST.`;
}

/** The types that filters begin with, as far as they look like types. */
function filteredTypes(values: readonly string[]): string[] {
  return [...new Set(values.flatMap((value) => /^\s*([A-Z][A-Za-z]{1,63})\?/.exec(value)?.[1] ?? []))].slice(
    0,
    MAX_TYPES,
  );
}

const MAX_TYPES = 10;

/**
 * Whether an unknown parameter may be ignored at all. One that may be meant to ask for anonymization never is:
 * ignored, it would export something else than was asked for. That is any name that looks like one, in any letter
 * case, and any name with characters that may hide one (blanks, percent signs, letters of other alphabets).
 */
function isIgnorable(name: string): boolean {
  return /^[\w.:-]+$/.test(name) && !MAY_ANONYMIZE.test(name);
}
