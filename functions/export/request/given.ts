import { errorIssue, type OutcomeIssue } from '../../fhir/operationOutcome.js';
import type { GuideVersion } from './guide.js';
import type { ExportLevel } from './scope.js';
import { isRecord } from '../../common/isRecord.js';

/** A kick-off request as HTTP gives it, before anything is checked. */
export interface RawKickOff {
  level: ExportLevel;
  method: 'GET' | 'POST';
  /** Absolute, with its query as it was sent: a decoded query has lost which commas separate. */
  url: string;
  accept: string | undefined;
  prefer: string | undefined;
  /** Body of a POST. */
  body: string | undefined;
  /** The version of the guide that its URL names; absent: none. */
  guide?: GuideVersion;
}

/** One parameter as a request gives it: its name as the caller spelled it, and its values. */
export interface GivenParameter {
  readonly spelled: string;
  readonly values: string[];
  /** Whether a value is in the URL. */
  readonly isInUrl: boolean;
  /** The values that follow a `_typeFilter` in the URL. */
  readonly afterFilter: string[];
}

/** Parameters of a request, the patients of a long list with each of its own. */
const MAX_PARAMETERS = 10_100;
const MAX_HEADER_CHARACTERS = 8192;

/** What clients that know nothing of FHIR send, or nothing at all. */
const ACCEPTED = ['', '*/*', 'application/*', 'application/json'];

/** Returns the caller's preferences, and whether lenient handling is among them. */
export function readHeaders(
  raw: RawKickOff,
  requiresAccept: boolean,
  issues: OutcomeIssue[],
): { preferences: string[]; isLenient: boolean } {
  const accepts = headerText(raw.accept)
    .split(',')
    .map((part) => part.split(';')[0]?.trim().toLowerCase() ?? '');
  const accepted = ['application/fhir+json', ...(requiresAccept ? [] : ACCEPTED)];
  if (!accepts.some((type) => accepted.includes(type))) {
    const text = requiresAccept
      ? 'The header Accept: application/fhir+json is required.'
      : 'The header Accept names no type of the answers. Send Accept: application/fhir+json, or none.';
    issues.push(errorIssue('required', text, 'Accept'));
  }
  const preferences = headerText(raw.prefer)
    .split(/[,;]/)
    .map((part) => part.replace(/[\s"]/g, '').toLowerCase());
  if (!preferences.includes('respond-async')) {
    issues.push(errorIssue('required', 'The header Prefer: respond-async is required.', 'Prefer'));
  }
  const handling = preferences.filter((preference) => preference.startsWith('handling='));
  if (handling.some((preference) => !['handling=strict', 'handling=lenient'].includes(preference))) {
    issues.push(errorIssue('value', 'Prefer: handling must be strict or lenient.', 'Prefer'));
  }
  const isLenient = handling.includes('handling=lenient') && !handling.includes('handling=strict');
  return { preferences, isLenient };
}

/** A header that is longer than any sensible one is as if it were not there. */
function headerText(text = ''): string {
  return text.length > MAX_HEADER_CHARACTERS ? '' : text;
}

/**
 * The parameters of the URL and of the body, by name in lower case.
 * @param isKnown whether a name in lower case is a parameter: it needs a value that can be one
 */
export function readGiven(
  raw: RawKickOff,
  isKnown: (name: string) => boolean,
  issues: OutcomeIssue[],
): Map<string, GivenParameter> {
  const given = new Map<string, GivenParameter>();
  const add = (spelled: string, value: string, isInUrl = false): GivenParameter => {
    const name = spelled.toLowerCase();
    const known = given.get(name) ?? { spelled, values: [], isInUrl, afterFilter: [] };
    known.values.push(value);
    given.set(name, known);
    return known;
  };
  for (const [name, value] of new URL(raw.url).searchParams) {
    const isAfterFilter = given.has('_typefilter');
    const parameter = add(name, value, true);
    if (isAfterFilter) parameter.afterFilter.push(value);
  }
  if (raw.method === 'POST' && raw.body !== undefined && raw.body.trim() !== '') {
    for (const [name, value] of readParametersResource(raw.body, isKnown, issues)) add(name, value);
  }
  return given;
}

/** Reads a FHIR `Parameters` resource: https://hl7.org/fhir/R4/parameters.html */
function readParametersResource(
  body: string,
  isKnown: (name: string) => boolean,
  issues: OutcomeIssue[],
): Array<[string, string]> {
  const malformed = (): [] => {
    issues.push(
      errorIssue(
        'invalid',
        'The body must be a FHIR Parameters resource, each parameter with a name and one value[x]: {"resourceType":"Parameters","parameter":[{"name":"_type","valueString":"Patient"}]}.',
        'Parameters',
      ),
    );
    return [];
  };
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return malformed();
  }
  if (!isRecord(parsed) || parsed['resourceType'] !== 'Parameters') return malformed();
  const parameters = parsed['parameter'] ?? [];
  if (!Array.isArray(parameters)) return malformed();
  if (parameters.length > MAX_PARAMETERS) {
    issues.push(
      errorIssue('too-long', `The body has more than ${MAX_PARAMETERS} parameters.`, 'Parameters.parameter'),
    );
    return [];
  }
  const pairs: Array<[string, string]> = [];
  for (const parameter of parameters as unknown[]) {
    if (!isRecord(parameter) || typeof parameter['name'] !== 'string') return malformed();
    const { name } = parameter;
    const value = valueOf(parameter);
    // What is not known is refused or ignored, whatever its value is.
    if (value === undefined && isKnown(name.toLowerCase())) return malformed();
    pairs.push([name, value ?? '']);
  }
  return pairs;
}

/** The value of a parameter as text, of a reference or coding its main part; `undefined` where it has not one. */
function valueOf(parameter: Record<string, unknown>): string | undefined {
  const names: string[] = [];
  for (const name in parameter) {
    if (/^value[A-Z]/.test(name) && names.push(name) > 1) return undefined;
  }
  const given = parameter[names[0] ?? ''];
  const value = isRecord(given) ? (given['reference'] ?? given['code']) : given;
  return ['string', 'number', 'boolean'].includes(typeof value) ? String(value) : undefined;
}
