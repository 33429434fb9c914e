import { isConfigurationName } from './configurationName.js';
import { type ElementNames, readElements } from './elements.js';
import { isId } from '../../fhir/reference.js';
import { compareInstants, instantFromMilliseconds, parseInstant } from '../../fhir/instant.js';
import type { ExportLevel, ExportScope } from './scope.js';
import { readOciReference, type OciReference } from './ociReference.js';
import { errorIssue, type OutcomeIssue } from '../../fhir/operationOutcome.js';
import { MOST_NAMES, namesIn } from './names.js';
import { readTypeFilters } from './typeFilter.js';

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
}

/** What a kick-off asks for, checked. */
export interface KickOff extends ExportScope {
  container: string | undefined;
  /** `undefined`: raw data is asked for, or nothing is said. */
  configuration: RequestedConfiguration | undefined;
  /** Whether `_raw=true` is said. */
  asksRaw: boolean;
  notes: string[];
}

/** A configuration by where it is: from the image `collection`, or from blob storage. */
export interface RequestedConfiguration {
  name: string;
  etag: string | undefined;
  collection: OciReference | undefined;
  /** Whether it is the default one, of the settings: the request names none. */
  isDefault: boolean;
}

export interface KickOffContext extends ElementNames {
  now: number;
  /** What a request gets that names no configuration. */
  defaultConfiguration?: { name: string; collection: OciReference | undefined } | undefined;
}

/** One value of one parameter, with its name as the caller spelled it. */
type Given = Map<string, { spelled: string; values: string[] }>;

const OUTPUT_FORMATS = ['application/fhir+ndjson', 'application/ndjson', 'ndjson'];
/**
 * Containers of configurations, of the app's own state, of the Functions host and of the Durable task hub, and those
 * that a job has for itself, which go with it.
 */
const RESERVED_CONTAINERS =
  /^(anonymization|fhir-export-jobs|(azure-webjobs|fhirexport)-.*|\d{14}-[0-9a-f]{32})$/;
const MOST_PAGE_SIZE = 10_000;
const MOST_PATIENTS = 10_000;
/** Parameters of a request, the patients of a long list with each of its own. */
const MOST_PARAMETERS = 10_100;
/** Of a URL, in characters: what is longer goes into the body of a POST. */
const LONGEST_URL = 65_536;
const LONGEST_HEADER = 8192;
/** A request can be wrong in as many ways as it has parameters. */
const MOST_ISSUES = 100;
/** A `_since` is the source's clock, as a manifest's `transactionTime`, which may be so far ahead of ours. */
const MOST_CLOCK_SKEW_MS = 10 * 60_000;

/** Parts of the names of anonymization parameters, rightly spelled or nearly, and of what others may call them. */
const MAY_ANONYMIZE =
  /an+[o0]n|[aoi]n[iy]m|n[iy]mi[sz]|de-?_?id|ident|conf|etag|collection|reference|mask|redact|safe|hipaa|^_?an/i;

/** Names match in any letter case. `code` and `clientid` are the host's keys, not parameters of the operation. */
const HOST_PARAMETERS = new Set(['code', 'clientid']);
const PARAMETERS = new Set([
  '_outputformat',
  '_since',
  '_until',
  '_till',
  '_type',
  '_typefilter',
  '_elements',
  'patient',
  '_container',
  '_anonymizationconfig',
  '_anonymizationconfigetag',
  '_anonymizationconfigcollectionreference',
  '_raw',
  '_isparallel',
  '_maxcount',
]);

/**
 * Reads and checks a kick-off request, all problems at once.
 * https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-kick-off-request
 */
export function readKickOff(
  raw: RawKickOff,
  context: KickOffContext,
): { kickOff: KickOff; issues: [] } | { kickOff: undefined; issues: OutcomeIssue[] } {
  const issues: OutcomeIssue[] = [];
  const notes: string[] = [];
  const isLenient = readHeaders(raw, issues);
  if (raw.url.length > LONGEST_URL) {
    issues.push(
      errorIssue(
        'too-long',
        `The URL has more than ${LONGEST_URL} characters. Send the parameters in the body of a POST.`,
      ),
    );
    return { kickOff: undefined, issues };
  }
  const given = readParameters(raw, issues);

  for (const [name, { spelled }] of given) {
    if (PARAMETERS.has(name) || HOST_PARAMETERS.has(name)) continue;
    if (isLenient && isIgnorable(spelled)) {
      notes.push(`The parameter ${quoted(spelled)} is not known and was ignored.`);
    } else {
      issues.push(
        errorIssue(
          'not-supported',
          `The parameter ${quoted(spelled)} is not supported. Leave it out${isIgnorable(spelled) ? ', or send Prefer: handling=lenient to have it ignored' : ''}.`,
          printable(spelled),
        ),
      );
    }
  }

  const single = (name: string): string | undefined => {
    const values = given.get(name)?.values ?? [];
    const spelled = printable(given.get(name)?.spelled ?? name);
    if (values.length > 1) issues.push(errorIssue('invalid', `${spelled} may be given once only.`, spelled));
    if (values[0] === '') {
      issues.push(errorIssue('value', `${spelled} is empty. Give it a value or leave it out.`, spelled));
    }
    return values[0];
  };

  // A plus sign that was not percent-encoded arrives as a space.
  const outputFormat = single('_outputformat')?.replaceAll(' ', '+');
  if (outputFormat !== undefined && !OUTPUT_FORMATS.includes(outputFormat.toLowerCase())) {
    issues.push(
      errorIssue(
        'not-supported',
        `_outputFormat must be one of ${OUTPUT_FORMATS.join(', ')}.`,
        '_outputFormat',
      ),
    );
  }

  const instant = (name: string, value: string | undefined): string | undefined => {
    const text = value?.replace(/ (?=\d\d:\d\d$)/, '+');
    if (text === undefined || text === '' || parseInstant(text) !== undefined) return text;
    issues.push(
      errorIssue(
        'value',
        `${name} must be a FHIR instant with seconds and time zone, such as 2026-01-31T00:00:00Z.`,
        name,
      ),
    );
    return undefined;
  };
  const since = instant('_since', single('_since'));
  const parsedSince = parseInstant(since);
  const latestSince = instantFromMilliseconds(context.now + MOST_CLOCK_SKEW_MS);
  if (parsedSince !== undefined && compareInstants(parsedSince, latestSince) > 0) {
    issues.push(errorIssue('value', '_since may not be in the future.', '_since'));
  }
  const upperBounds = [single('_until'), single('_till')].filter((value) => value !== undefined);
  if (upperBounds.length > 1) {
    issues.push(
      errorIssue('invalid', '_until and _till are the same parameter: give one of them.', '_until'),
    );
  }
  const until = instant('_until', upperBounds[0]);
  const parsedUntil = parseInstant(until);
  if (
    parsedSince !== undefined &&
    parsedUntil !== undefined &&
    compareInstants(parsedSince, parsedUntil) >= 0
  ) {
    issues.push(errorIssue('value', '_since must be before _until.', '_since'));
  }

  const types = readTypes(given.get('_type')?.values, context, issues);
  const typeFilters = readTypeFilters(
    given.get('_typefilter')?.values ?? [],
    types,
    context.isResourceType,
    issues,
  );
  const elements = readElements(given.get('_elements')?.values ?? [], types, context, issues);
  const patients = readPatients(given.get('patient')?.values, raw, issues);
  const container = single('_container');
  if (container !== undefined && container !== '') checkContainer(container, issues);

  const name = single('_anonymizationconfig');
  const etag = single('_anonymizationconfigetag');
  if (name === undefined && etag !== undefined) {
    issues.push(
      errorIssue(
        'required',
        '_anonymizationConfigEtag needs _anonymizationConfig, the name of the configuration file.',
        '_anonymizationConfig',
      ),
    );
  }
  if (
    etag !== undefined &&
    etag !== '' &&
    // A star is no version: as a condition, it would match every one.
    !/^("(?!\*")[\x21\x23-\x7e]{1,200}"|(?!\*$)[\x21\x23-\x7e]{1,200})$/.test(etag)
  ) {
    issues.push(
      errorIssue(
        'value',
        '_anonymizationConfigEtag must be the ETag of the blob, with or without its double quotes, such as 0x8DE29A1B2C3D4E5.',
        '_anonymizationConfigEtag',
      ),
    );
  }
  if (name !== undefined && !isConfigurationName(name)) {
    issues.push(
      errorIssue(
        'value',
        '_anonymizationConfig must be the name of a blob in the container anonymization, or of a file in the image of _anonymizationConfigCollectionReference, such as hipaa-safe-harbor-r4.json: no segment empty, . or .., no backslash.',
        '_anonymizationConfig',
      ),
    );
  }
  const collection = readCollection(single('_anonymizationconfigcollectionreference'), name, etag, issues);
  if (name !== undefined && container === undefined) {
    issues.push(
      errorIssue(
        'required',
        '_container is required with _anonymizationConfig: the container of the export storage account that takes the files.',
        '_container',
      ),
    );
  }

  const asksRaw = single('_raw')?.toLowerCase();
  if (asksRaw !== undefined && asksRaw !== '' && asksRaw !== 'true' && asksRaw !== 'false') {
    issues.push(errorIssue('value', '_raw must be true or false.', '_raw'));
  }
  const standard = asksRaw === 'true' ? undefined : context.defaultConfiguration;
  if (asksRaw === 'false' && name === undefined && standard === undefined) {
    issues.push(
      errorIssue(
        'required',
        '_raw=false asks for de-identified data, and there is no default configuration here: name one with _anonymizationConfig.',
        '_anonymizationConfig',
      ),
    );
  }

  const maxCount = single('_maxcount');
  if (
    maxCount !== undefined &&
    !(/^\d{1,5}$/.test(maxCount) && Number(maxCount) >= 1 && Number(maxCount) <= MOST_PAGE_SIZE)
  ) {
    issues.push(
      errorIssue('value', `_maxCount must be a whole number from 1 to ${MOST_PAGE_SIZE}.`, '_maxCount'),
    );
  }

  if (issues.length > 0) return { kickOff: undefined, issues: bounded(issues) };
  return {
    kickOff: {
      types,
      typeFilters,
      elements,
      patients,
      since,
      until,
      pageSize: maxCount === undefined ? undefined : Number(maxCount),
      container,
      configuration:
        name !== undefined
          ? { name, etag, collection, isDefault: false }
          : standard && { ...standard, etag: undefined, isDefault: true },
      asksRaw: asksRaw === 'true',
      notes:
        notes.length > MOST_ISSUES ? [...notes.slice(0, MOST_ISSUES), 'Others were ignored, too.'] : notes,
    },
    issues: [],
  };
}

/**
 * A kick-off URL as it may be repeated in a manifest: without keys of the host, and without parameters that were
 * ignored, whose values may be anything.
 */
export function knownParametersOnly(url: string): string {
  // A search of `_typeFilter` may have a question mark of its own.
  const [, path = '', query = ''] = /^([^?#]*)\??([^#]*)/.exec(url) ?? [];
  const kept = query.split('&').filter((part) => {
    const [name = ''] = new URLSearchParams(part).keys();
    return PARAMETERS.has(name.toLowerCase());
  });
  return kept.length === 0 ? path : `${path}?${kept.join('&')}`;
}

/** The image that the configuration is a file of; `undefined` where it is a blob, or something is wrong. */
function readCollection(
  text: string | undefined,
  name: string | undefined,
  etag: string | undefined,
  issues: OutcomeIssue[],
): OciReference | undefined {
  if (text === undefined || text === '') return undefined;
  const parameter = '_anonymizationConfigCollectionReference';
  if (name === undefined) {
    issues.push(
      errorIssue(
        'required',
        `${parameter} needs _anonymizationConfig, the name of the configuration file in the image.`,
        '_anonymizationConfig',
      ),
    );
  }
  if (etag !== undefined) {
    issues.push(
      errorIssue(
        'invalid',
        `_anonymizationConfigEtag is of a blob and cannot go with ${parameter}. Leave it out; to pin an image, give its digest (registry/image@sha256:…).`,
        '_anonymizationConfigEtag',
      ),
    );
  }
  const read = readOciReference(text);
  if ('reference' in read) return read.reference;
  issues.push(errorIssue('value', `${parameter} ${read.problem}.`, parameter));
  return undefined;
}

/** Returns whether the caller prefers lenient handling. */
function readHeaders(raw: RawKickOff, issues: OutcomeIssue[]): boolean {
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
  return handling.includes('handling=lenient') && !handling.includes('handling=strict');
}

/** A header that is longer than any sensible one is as if it were not there. */
function headerText(text = ''): string {
  return text.length > LONGEST_HEADER ? '' : text;
}

function readParameters(raw: RawKickOff, issues: OutcomeIssue[]): Given {
  const given: Given = new Map();
  const add = (spelled: string, value: string): void => {
    const name = spelled.toLowerCase();
    const known = given.get(name);
    if (known === undefined) given.set(name, { spelled, values: [value] });
    else known.values.push(value);
  };
  for (const [name, value] of new URL(raw.url).searchParams) add(name, value);
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
  if (parameters.length > MOST_PARAMETERS) {
    issues.push(
      errorIssue('too-long', `The body has more than ${MOST_PARAMETERS} parameters.`, 'Parameters.parameter'),
    );
    return [];
  }
  const pairs: Array<[string, string]> = [];
  for (const parameter of parameters as unknown[]) {
    if (!isRecord(parameter) || typeof parameter['name'] !== 'string') return malformed();
    const values = valueNames(parameter);
    const given = parameter[values[0] ?? ''];
    const value = isRecord(given) ? given['reference'] : given;
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

function readTypes(
  values: string[] | undefined,
  context: KickOffContext,
  issues: OutcomeIssue[],
): string[] | undefined {
  if (values === undefined) return undefined;
  const names = namesIn(values, MOST_NAMES);
  if (names === undefined) {
    issues.push(errorIssue('too-long', `_type has more than ${MOST_NAMES} names.`, '_type'));
    return [];
  }
  const types = new Set(names.filter((type) => type !== ''));
  const unknown = [...types].filter((type) => !context.isResourceType(type));
  if (types.size === 0) {
    issues.push(
      errorIssue('value', '_type names no resource type. Name one or more, or leave it out.', '_type'),
    );
  }
  if (unknown.length > 0) {
    const some = unknown.slice(0, 10).map(quoted).join(', ');
    const more = unknown.length > 10 ? ` and ${unknown.length - 10} more` : '';
    issues.push(
      errorIssue(
        'value',
        `_type: no resource type of this FHIR version: ${some}${more}. Names are case-sensitive.`,
        '_type',
      ),
    );
  }
  return [...types];
}

/** `patient`: references of the patients wanted, in a POST at the levels of patients and groups. */
function readPatients(
  values: string[] | undefined,
  { method, level, url }: RawKickOff,
  issues: OutcomeIssue[],
): string[] | undefined {
  if (values === undefined) return undefined;
  // In a URL, ids of patients would be in the logs of whatever it passes.
  const isInUrl = [...new URL(url).searchParams.keys()].some((name) => name.toLowerCase() === 'patient');
  if (method !== 'POST' || level.kind === 'system' || isInUrl) {
    issues.push(
      errorIssue(
        'not-supported',
        'patient can be given only in the body of a POST to [base]/Patient/$export or [base]/Group/[id]/$export.',
        'patient',
      ),
    );
    return undefined;
  }
  const ids = namesIn(values, MOST_PATIENTS)
    ?.map((value) => value.replace(/^Patient\//, ''))
    .map((id) => (isId(id) ? id : undefined));
  if (ids === undefined || ids.includes(undefined)) {
    issues.push(
      errorIssue(
        'value',
        `patient must be references to patients such as Patient/123, at most ${MOST_PATIENTS} of them.`,
        'patient',
      ),
    );
  }
  return [...new Set(ids?.filter((id) => id !== undefined))];
}

/** https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata */
function checkContainer(container: string, issues: OutcomeIssue[]): void {
  if (!/^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$/.test(container)) {
    issues.push(
      errorIssue(
        'value',
        '_container must be a legal container name: 3 to 63 lowercase letters, digits and single hyphens, beginning and ending with a letter or digit.',
        '_container',
      ),
    );
  } else if (RESERVED_CONTAINERS.test(container)) {
    issues.push(
      errorIssue(
        'forbidden',
        '_container may not be a container that the app itself uses, or has made for a job.',
        '_container',
      ),
    );
  }
}

/**
 * Whether an unknown parameter may be ignored at all. One that may be meant to ask for anonymization never is:
 * ignored, it would export something else than was asked for. That is any name that looks like one, in any letter
 * case, and any name with characters that may hide one (blanks, percent signs, letters of other alphabets).
 */
function isIgnorable(name: string): boolean {
  return /^[\w.:-]+$/.test(name) && !MAY_ANONYMIZE.test(name);
}

function bounded(issues: OutcomeIssue[]): OutcomeIssue[] {
  if (issues.length <= MOST_ISSUES) return issues;
  const more = `There are ${issues.length - MOST_ISSUES} more problems of this kind.`;
  return [...issues.slice(0, MOST_ISSUES), errorIssue('invalid', more)];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A caller's own text as part of an answer to that caller: bounded, one line. */
function printable(text: string): string {
  return text.slice(0, 64).replaceAll(/[^\x20-\x7e]/g, '?');
}

function quoted(text: string): string {
  return `"${printable(text)}"`;
}
