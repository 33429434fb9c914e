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
  isInUrl: boolean;
}

/** Parameters of a request, the patients of a long list with each of its own. */
const MAX_PARAMETERS = 10_100;
const MAX_HEADER_CHARACTERS = 8192;

/** Returns the caller's preferences, and whether lenient handling is among them. */
export function readHeaders(
  raw: RawKickOff,
  issues: OutcomeIssue[],
): { preferences: string[]; isLenient: boolean } {
  const accepts = headerText(raw.accept)
    .split(',')
    .map((part) => part.split(';')[0]?.trim().toLowerCase());
  if (!accepts.includes('application/fhir+json')) {
    issues.push(errorIssue('required', 'The header Accept: application/fhir+json is required.', 'Accept'));
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

/** The parameters of the URL and of the body, by name in lower case. */
export function readGiven(raw: RawKickOff, issues: OutcomeIssue[]): Map<string, GivenParameter> {
  const given = new Map<string, GivenParameter>();
  const add = (spelled: string, value: string, isInUrl = false): void => {
    const name = spelled.toLowerCase();
    const known = given.get(name);
    if (known === undefined) given.set(name, { spelled, values: [value], isInUrl });
    else known.values.push(value);
  };
  for (const [name, value] of new URL(raw.url).searchParams) add(name, value, true);
  if (raw.method === 'POST' && raw.body !== undefined && raw.body.trim() !== '') {
    for (const [name, value] of readParametersResource(raw.body, issues)) add(name, value);
  }
  return given;
}

/** Reads a FHIR `Parameters` resource: https://hl7.org/fhir/R4/parameters.html */
function readParametersResource(body: string, issues: OutcomeIssue[]): Array<[string, string]> {
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
    const values = valueNames(parameter);
    const given = parameter[values[0] ?? ''];
    const value = isRecord(given) ? (given['reference'] ?? given['code']) : given;
    if (values.length !== 1 || !['string', 'number', 'boolean'].includes(typeof value)) return malformed();
    pairs.push([parameter['name'], String(value)]);
  }
  return pairs;
}

/** The first two names of values that a parameter has: it may have one. */
function valueNames(parameter: Record<string, unknown>): string[] {
  const names: string[] = [];
  for (const name in parameter) {
    if (/^value[A-Z]/.test(name) && names.push(name) > 1) break;
  }
  return names;
}
