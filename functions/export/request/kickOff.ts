import { withAssociatedTypes } from './associatedData.js';
import { errorIssue, type OutcomeIssue } from '../../fhir/operationOutcome.js';
import { compareInstants, parseInstant } from '../../fhir/instant.js';
import { readGiven, readHeaders, type GivenParameter, type RawKickOff } from './given.js';
import { STU_4 } from './guide.js';
import { MAX_ISSUES, printable } from './names.js';
import type { OciReference } from './ociReference.js';
import {
  namesOf,
  PARAMETER_NAMES,
  PARAMETERS,
  placeProblem,
  type KickOffContext,
  type Reading,
  type Values,
} from './parameters.js';
import { readGuidePreferences } from './preferences.js';
import type { ExportScope, OutputForm } from './scope.js';
import { checkStu4Form } from './stu4Form.js';
import { readReferencedTypes } from './referencedTypes.js';
import { checkCutOff, checkUnknown, ignoredIssue, LENIENT } from './unknownParameters.js';

/** What a kick-off asks for, checked. */
export interface KickOff extends ExportScope, OutputForm {
  container: string | undefined;
  /** `undefined`: raw data is asked for, or nothing is said. */
  configuration: RequestedConfiguration | undefined;
  /** Types of which what exported resources refer to is exported; absent: none. */
  referencedTypes?: string[];
  /** Whether `_raw=true` is said. */
  asksRaw: boolean;
  /** How parameters were read that are not as exact as they could be. */
  notes: string[];
  /** What `Preference-Applied` lists beside `respond-async`. */
  applied: string[];
  /** What is ignored, since the caller is lenient: of each a warning. */
  ignored: OutcomeIssue[];
}

/** A configuration by where it is: from the image `collection`, or from blob storage. */
export interface RequestedConfiguration {
  name: string;
  etag: string | undefined;
  collection: OciReference | undefined;
  /** Whether it is the default one, of the settings: the request names none. */
  isDefault: boolean;
}

/** Of a URL, in characters: what is longer goes into the body of a POST. */
const MAX_URL_CHARACTERS = 65_536;
/**
 * Reads and checks a kick-off request, all problems at once.
 * https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-kick-off-request
 */
export function readKickOff(
  raw: RawKickOff,
  context: KickOffContext,
): { kickOff: KickOff; issues: [] } | { kickOff: undefined; issues: OutcomeIssue[] } {
  const issues: OutcomeIssue[] = [];
  const { preferences, isLenient } = readHeaders(raw, context.requiresAccept === true, issues);
  const { guide, applied, hasSeparateStatus } = readGuidePreferences(preferences, raw, context, issues);
  if (raw.url.length > MAX_URL_CHARACTERS) {
    const text = `The URL has more than ${MAX_URL_CHARACTERS} characters. Send the parameters in the body of a POST.`;
    return { kickOff: undefined, issues: [...issues, errorIssue('too-long', text)] };
  }
  const given = readGiven(raw, (name) => PARAMETER_NAMES.has(name), issues);
  if (guide === STU_4) checkStu4Form(raw, given, issues);
  const ignored: OutcomeIssue[] = [];
  const notes: string[] = [];
  checkCutOff(given, isLenient, issues, ignored);
  checkUnknown(given, isLenient, issues, ignored);
  const values = readValues(
    given,
    raw,
    { ...context, notes, ignored: isLenient ? ignored : undefined },
    issues,
  );
  checkInstants(values, issues);
  checkFileSizes(values, issues);
  const asksRaw = values.raw === 'true';
  const standard = asksRaw ? undefined : context.defaultConfiguration;
  checkConfiguration(given, issues);
  if (values.raw === 'false' && standard === undefined) requireConfiguration(given, issues);
  const allTypes = withAssociatedTypes(values.types, values.associatedData ?? []);
  const referencedTypes = readReferencedTypes(
    {
      level: raw.level,
      types: allTypes,
      typeFilters: values.typeFilters ?? [],
      associatedData: values.associatedData ?? [],
    },
    context,
    issues,
  );
  checkOrganized(values, referencedTypes, issues);
  if (issues.length > 0) {
    const more = `There ${issues.length - MAX_ISSUES === 1 ? 'is 1 more problem' : `are ${issues.length - MAX_ISSUES} more problems`} of this kind.`;
    return { kickOff: undefined, issues: bounded(issues, errorIssue('invalid', more)) };
  }
  const { typeFilters = [], elements = [], patients, since, until, pageSize, container } = values;
  const { configuration: name, etag, collection, domainPrefix, associatedData = [] } = values;
  return {
    kickOff: {
      types: allTypes,
      ...(referencedTypes.length === 0 ? {} : { referencedTypes }),
      ...(associatedData.length === 0 ? {} : { associatedData }),
      typeFilters,
      elements,
      patients,
      since,
      until,
      pageSize,
      ...(domainPrefix === undefined ? {} : { domainPrefix }),
      container,
      configuration:
        name !== undefined
          ? { name, etag, collection, isDefault: false }
          : standard && { ...standard, etag: undefined, isDefault: true },
      asksRaw,
      notes,
      guide,
      ...(hasSeparateStatus ? { hasSeparateStatus } : {}),
      ...formOf(values),
      applied,
      ignored: bounded(ignored, ignoredIssue('Others were ignored, too.')),
    },
    issues: [],
  };
}

type Given = ReadonlyMap<string, GivenParameter>;

/** Reads what is given of the list of parameters, one by one. */
function readValues(
  given: Given,
  raw: RawKickOff,
  { ignored, notes, ...context }: KickOffContext & { ignored: OutcomeIssue[] | undefined; notes: string[] },
  issues: OutcomeIssue[],
): Values {
  const values: Record<string, unknown> & Values = {};
  for (const [key, parameter] of Object.entries(PARAMETERS)) {
    const found = namesOf(parameter).flatMap((name) => given.get(name) ?? []);
    if (found.length === 0) continue;
    const { name } = parameter;
    const problem: Reading['problem'] = (code, text) => issues.push(errorIssue(code, text, name));
    const place = placeProblem(
      parameter,
      raw,
      found.some(({ isInUrl }) => isInUrl),
    );
    const unsupported: Reading['unsupported'] = (text) => {
      if (ignored === undefined) problem('not-supported', `${text} ${LENIENT}`);
      else ignored.push(ignoredIssue(`${text} It was ignored.`, name));
    };
    const note: Reading['note'] = (text) => notes.push(text);
    const reading: Reading = { ...context, issues, problem, unsupported, note, types: values.types };
    if (place !== undefined) problem('not-supported', place);
    else if (parameter.takes === 'several')
      values[key] = parameter.read(
        found.flatMap((each) => each.values),
        reading,
      );
    else {
      const text = singleValue(found, issues);
      if (found.length > 1)
        problem(
          'invalid',
          `${[name, ...parameter.aliases].join(' and ')} are the same parameter: give one of them.`,
        );
      if (text !== undefined) values[key] = parameter.read(text, reading);
    }
  }
  return values;
}

/** The first value of a parameter that is given once; `undefined` where it is empty. */
function singleValue(found: readonly GivenParameter[], issues: OutcomeIssue[]): string | undefined {
  for (const { spelled, values } of found) {
    const name = printable(spelled);
    if (values.length > 1) issues.push(errorIssue('invalid', `${name} may be given once only.`, name));
    if (values[0] === '')
      issues.push(errorIssue('value', `${name} is empty. Give it a value or leave it out.`, name));
  }
  return found[0]?.values[0] === '' ? undefined : found[0]?.values[0];
}

function checkInstants({ since, until }: Values, issues: OutcomeIssue[]): void {
  const [from, to] = [parseInstant(since), parseInstant(until)];
  if (from !== undefined && to !== undefined && compareInstants(from, to) >= 0)
    issues.push(errorIssue('value', '_since must be before _until.', '_since'));
}

/** What of the values says how files are written. */
function formOf({ allowsPartialManifests, organizedBy, minFileBytes, maxFileBytes }: Values): OutputForm {
  return {
    ...(allowsPartialManifests === true ? { allowsPartialManifests } : {}),
    ...(organizedBy === undefined ? {} : { organizedBy }),
    ...(minFileBytes === undefined ? {} : { minFileBytes }),
    ...(maxFileBytes === undefined ? {} : { maxFileBytes }),
  };
}

/** What does not go with files by patient. */
function checkOrganized(
  { organizedBy, maxFileBytes }: Values,
  referencedTypes: readonly string[],
  issues: OutcomeIssue[],
): void {
  if (organizedBy === undefined) return;
  const refuse = (text: string): void => {
    issues.push(errorIssue('not-supported', `organizeOutputBy: ${text}`, 'organizeOutputBy'));
  };
  if (maxFileBytes !== undefined) refuse('it cannot go with _maximumFileSize. Leave one of them out.');
  if (referencedTypes.length > 0)
    refuse(
      `${referencedTypes.join(', ')} that exported resources refer to are in no patient's block. Export them without organizeOutputBy.`,
    );
}

function checkFileSizes({ minFileBytes, maxFileBytes }: Values, issues: OutcomeIssue[]): void {
  if (minFileBytes === undefined || maxFileBytes === undefined || maxFileBytes > minFileBytes) return;
  const text = '_maximumFileSize must be greater than _minimumFileSize.';
  issues.push(errorIssue('value', text, '_maximumFileSize'));
}

/** What the parameters of a configuration need of each other. */
function checkConfiguration(given: Given, issues: OutcomeIssue[]): void {
  const hasName = given.has('_anonymizationconfig');
  const hasEtag = given.has('_anonymizationconfigetag');
  const hasCollection = given.has('_anonymizationconfigcollectionreference');
  const problem = (code: 'required' | 'invalid', text: string, expression: string): void => {
    issues.push(errorIssue(code, text, expression));
  };
  if (hasEtag && !hasName)
    problem(
      'required',
      '_anonymizationConfigEtag needs _anonymizationConfig, the name of the configuration file.',
      '_anonymizationConfig',
    );
  if (hasCollection && !hasName)
    problem(
      'required',
      '_anonymizationConfigCollectionReference needs _anonymizationConfig, the name of the configuration file in the image.',
      '_anonymizationConfig',
    );
  if (hasCollection && hasEtag)
    problem(
      'invalid',
      '_anonymizationConfigEtag is of a blob and cannot go with _anonymizationConfigCollectionReference. Leave it out; to pin an image, give its digest (registry/image@sha256:…).',
      '_anonymizationConfigEtag',
    );
  if (hasName && !given.has('_container'))
    problem(
      'required',
      '_container is required with _anonymizationConfig: the container of the export storage account that takes the files.',
      '_container',
    );
}

/** What a kick-off needs that asks for de-identified data where there is no default configuration. */
function requireConfiguration(given: Given, issues: OutcomeIssue[]): void {
  if (given.has('_anonymizationconfig')) return;
  const text =
    '_raw=false asks for de-identified data, and there is no default configuration here: name one with _anonymizationConfig.';
  issues.push(errorIssue('required', text, '_anonymizationConfig'));
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
    return PARAMETER_NAMES.has(name.toLowerCase());
  });
  return kept.length === 0 ? path : `${path}?${kept.join('&')}`;
}

function bounded(issues: OutcomeIssue[], others: OutcomeIssue): OutcomeIssue[] {
  return issues.length <= MAX_ISSUES ? issues : [...issues.slice(0, MAX_ISSUES), others];
}
