import type { IssueType, OutcomeIssue } from '../../fhir/operationOutcome.js';
import { isId } from '../../fhir/reference.js';
import { compareInstants, instantFromMilliseconds, instantMeant, parseInstant } from '../../fhir/instant.js';
import { ASSOCIATED_DATA, readAssociatedData } from './associatedData.js';
import { isConfigurationName } from './configurationName.js';
import { readElements, type ElementNames } from './elements.js';
import type { RawKickOff } from './given.js';
import type { GuideVersion } from './guide.js';
import { MAX_NAMES, namesIn, quoted } from './names.js';
import { readOciReference, type OciReference } from './ociReference.js';
import type { ExportLevel } from './scope.js';
import { readTypeFilters } from './typeFilter.js';

export interface KickOffContext extends ElementNames {
  now: number;
  /** The version of the guide of a request that names none; absent: STU 2. */
  guide?: GuideVersion;
  /** Whether a type can be in a Patient compartment. */
  isInCompartment: (type: string) => boolean;
  /** What a request gets that names no configuration. */
  defaultConfiguration?: { name: string; collection: OciReference | undefined } | undefined;
  /** What callers may have the domains of pseudonyms begin with; none without. */
  domainPrefixes?: ReadonlySet<string>;
  /** Whether `Accept: application/fhir+json` has to be sent. */
  requiresAccept?: boolean;
}

/** What the readers of parameters need. */
export interface Reading extends KickOffContext {
  readonly issues: OutcomeIssue[];
  /** Reports something wrong with the parameter. */
  readonly problem: (code: IssueType, text: string) => void;
  /** Notes how the parameter was read. */
  readonly note: (text: string) => void;
  /** Reports a value that is not supported: a lenient caller has it ignored. */
  readonly unsupported: (text: string) => void;
  /** What `_type` names; it is read before what depends on it. */
  readonly types: string[] | undefined;
}

/** A parameter of `$export`. */
export interface Parameter {
  readonly name: string;
  /** Other names for it. */
  readonly aliases: readonly string[];
  /** Levels at which it can be given. */
  readonly levels: readonly ExportLevel['kind'][];
  /** Whether it can be given in the body of a POST only, never in a URL. */
  readonly isInBodyOnly: boolean;
  /** What it means, for the table in `docs/export-api.md`. */
  readonly meaning: string;
}
/** Given once, with a value. @returns `undefined` where something is wrong */
interface Single<T> extends Parameter {
  readonly takes: 'one';
  readonly read: (text: string, reading: Reading) => T | undefined;
}
/** Given once or repeated. */
interface Repeated<T> extends Parameter {
  readonly takes: 'several';
  readonly read: (values: readonly string[], reading: Reading) => T | undefined;
}

const ANYWHERE = { aliases: [], levels: ['system', 'patient', 'group'], isInBodyOnly: false } as const;

function one<T>(name: string, meaning: string, read: Single<T>['read']): Single<T> {
  return { ...ANYWHERE, takes: 'one', name, meaning, read };
}

function several<T>(name: string, meaning: string, read: Repeated<T>['read']): Repeated<T> {
  return { ...ANYWHERE, takes: 'several', name, meaning, read };
}

const OUTPUT_FORMATS = ['application/fhir+ndjson', 'application/ndjson', 'ndjson'];
const FORMATS = ['json', 'application/json', 'application/fhir+json'];
/**
 * Containers of configurations, of the app's own state, of the Functions host and of the Durable task hub, and those
 * that a job has for itself, which go with it.
 */
const RESERVED_CONTAINERS =
  /^(anonymization|fhir-export-jobs|(azure-webjobs|fhirexport)-.*|\d{14}-[0-9a-f]{32})$/;
const MAX_PAGE_SIZE = 10_000;
const MAX_PATIENTS = 10_000;
/** A `_since` is the source's clock, as a manifest's `transactionTime`, which may be so far ahead of ours. */
const MAX_CLOCK_SKEW_MS = 10 * 60_000;
/** A file for each resource would be too many. */
const MIN_MAXIMUM_BYTES = 1_048_576;
/** The largest `positiveInt`. */
const MAX_FILE_BYTES = 2_147_483_647;
/** Unknown names that a message repeats. */
const MAX_SHOWN = 10;

/** The parameters, in the order in which they are read. A new one is a row. */
export const PARAMETERS = {
  outputFormat: one(
    '_outputFormat',
    '`application/fhir+ndjson`, `application/ndjson` or `ndjson`; the output is the same',
    (text, { problem }) => {
      // A plus sign that was not percent-encoded arrives as a space.
      if (!OUTPUT_FORMATS.includes(text.replaceAll(' ', '+').toLowerCase()))
        problem('not-supported', `_outputFormat must be one of ${OUTPUT_FORMATS.join(', ')}.`);
    },
  ),
  since: one(
    '_since',
    'FHIR instant, not in the future: only what was changed since, and [all data of members who joined a Group after it](consistency.md#members-who-join-and-leave). A year, month, day or minute, and a time without zone, is read as the earliest instant that it may mean (without zone: at UTC+14)',
    (text, reading) => {
      const since = readInstant('_since', text, 'earliest', reading);
      const parsed = parseInstant(since);
      const latest = instantFromMilliseconds(reading.now + MAX_CLOCK_SKEW_MS);
      if (parsed !== undefined && compareInstants(parsed, latest) > 0)
        reading.problem('value', '_since may not be in the future.');
      return since;
    },
  ),
  until: {
    ...one('_until', 'FHIR instant, after `_since`: only what was changed before. What is less precise is read as the latest instant that it may mean (without zone: at UTC-12)', (text, reading) =>
      readInstant('_until', text, 'latest', reading)),
    aliases: ['_till'],
  },
  types: several('_type', 'resource types, separated by commas', readTypes),
  typeFilters: several(
    '_typeFilter',
    '`Type?search`, separated by commas, for types that `_type` names, if it is given. Several for one type are alternatives. Only a comma that is followed by `Type?` separates, percent-encoded or not, so a search may hold commas itself. `_sort`, `_count`, `_include`, `_revinclude`, `_summary`, `_elements` and the like cannot be used in it, nor a search parameter without value. In a URL, `&` in it is `%26`. At most 100 filters. Send long ones in the body of a `POST`: the host answers a URL over 8 KiB with an empty 414',
    (values, { types, isResourceType, issues }) => readTypeFilters(values, types, isResourceType, issues),
  ),
  elements: several(
    '_elements',
    'root elements to keep, `element` or `Type.element`; a name that no type exported has is refused',
    (values, reading) => readElements(values, reading.types, reading, reading.issues),
  ),
  patients: {
    ...several('patient', 'references of patients by their ids at the source, such as `Patient/123`, never by pseudonyms; with `entra` and `smart` it takes the [permission for raw exports](authorization.md#searches-are-no-oracle)', readPatients),
    levels: ['patient', 'group'],
    // In a URL, ids of patients would be in the logs of whatever it passes.
    isInBodyOnly: true,
  },
  associatedData: several(
    'includeAssociatedData',
    Object.entries(ASSOCIATED_DATA)
      .map(([name, { meaning }]) => `\`${name}\`: ${meaning}`)
      .join('; '),
    readAssociatedData,
  ),
  container: one(
    '_container',
    'container of the export storage account, see [below](#where-files-go). Required where the request names a configuration',
    readContainer,
  ),
  configuration: one('_anonymizationConfig', 'name of the [configuration](#which-configuration)', (text, { problem }) => {
    if (isConfigurationName(text)) return text;
    problem(
      'value',
      '_anonymizationConfig must be the name of a blob in the container anonymization, or of a file in the image of _anonymizationConfigCollectionReference, such as hipaa-safe-harbor-r4.json: no segment empty, . or .., no backslash.',
    );
    return undefined;
  }),
  etag: one(
    '_anonymizationConfigEtag',
    'ETag of the blob: the version of the [configuration](#which-configuration) that is meant',
    (text, { problem }) => {
      // A star is no version: as a condition, it would match every one.
      if (/^("(?!\*")[\x21\x23-\x7e]{1,200}"|(?!\*$)[\x21\x23-\x7e]{1,200})$/.test(text)) return text;
      problem(
        'value',
        '_anonymizationConfigEtag must be the ETag of the blob, with or without its double quotes, such as 0x8DE29A1B2C3D4E5.',
      );
      return undefined;
    },
  ),
  collection: one(
    '_anonymizationConfigCollectionReference',
    'image that holds the [configuration](#which-configuration)',
    (text, { problem }): OciReference | undefined => {
      const read = readOciReference(text);
      if ('reference' in read) return read.reference;
      problem('value', `_anonymizationConfigCollectionReference ${read.problem}.`);
      return undefined;
    },
  ),
  raw: one(
    '_raw',
    '`true` asks for data with identities, which `ALLOW_RAW_EXPORT` has to allow',
    (text, { problem }) => {
      const choice = text.toLowerCase();
      if (choice !== 'true' && choice !== 'false') problem('value', '_raw must be true or false.');
      return choice;
    },
  ),
  pageSize: one('_maxCount', 'page size at the source', (text, { problem }) => {
    const size = /^\d{1,5}$/.test(text) ? Number(text) : 0;
    if (size >= 1 && size <= MAX_PAGE_SIZE) return size;
    problem('value', `_maxCount must be a whole number from 1 to ${MAX_PAGE_SIZE}.`);
    return undefined;
  }),
  domainPrefix: one(
    '_domainPrefix',
    'what the [domains of pseudonyms](pseudonym-services.md#domains) begin with, one of `PSEUDONYM_DOMAIN_PREFIXES`; takes the place of the `domain-prefix` of rules',
    (text, { problem, domainPrefixes }) => {
      if (domainPrefixes?.has(text) === true) return text;
      problem('value', '_domainPrefix must be one that PSEUDONYM_DOMAIN_PREFIXES names: ask the operator of this server.');
      return undefined;
    },
  ),
  allowsPartialManifests: one(
    'allowPartialManifests',
    '`true`: files that are ready can be had while the job runs, by [pages of the manifest](#manifests-in-pages)',
    (text, { problem }) => {
      if (text !== 'true' && text !== 'false') problem('value', 'allowPartialManifests must be true or false.');
      return text === 'true';
    },
  ),
  organizedBy: {
    ...one(
      'organizeOutputBy',
      '`Patient`: files have one patient after the other, each with [a header](#files-by-patient)',
      (text, { unsupported }) => {
        if (text === 'Patient') return text;
        unsupported('organizeOutputBy: only Patient is supported.');
        return undefined;
      },
    ),
    levels: ['patient', 'group'],
  },
  minFileBytes: one(
    '_minimumFileSize',
    'bytes that each file should have at least, a whole number: a call goes on until it has written as many, or for as long as `SLICE_MAX_SECONDS`; the last file of a type, or of a part of it, is smaller',
    (text, reading) => readFileSize('_minimumFileSize', text, 1, reading),
  ),
  maxFileBytes: one(
    '_maximumFileSize',
    'bytes that no file has more of, from 1048576 on; a resource that is larger has a file of its own',
    (text, reading) => readFileSize('_maximumFileSize', text, MIN_MAXIMUM_BYTES, reading),
  ),
  isParallel: several('_isParallel', 'taken, without effect', () => undefined),
  format: one(
    '_format',
    '`json`, `application/json` or `application/fhir+json`: what every answer is in',
    (text, { unsupported }) => {
      if (!FORMATS.includes(text.replaceAll(' ', '+').toLowerCase()))
        unsupported(`_format can be ${FORMATS.join(', ')}: there is no other format.`);
    },
  ),
  pretty: one('_pretty', '`true` or `false`, without effect', readFlag('_pretty')),
} satisfies Readonly<Record<string, Single<unknown> | Repeated<unknown>>>; // prettier-ignore

type Key = keyof typeof PARAMETERS;
/** What was read, by parameter. */
export type Values = { [K in Key]?: ReturnType<(typeof PARAMETERS)[K]['read']> };

/** The names of the parameters, and the other names for them, in lower case. */
export const PARAMETER_NAMES: ReadonlySet<string> = new Set(Object.values(PARAMETERS).flatMap(namesOf));

/** The names that a parameter matches, in lower case. */
export function namesOf({ name, aliases }: Pick<Parameter, 'name' | 'aliases'>): string[] {
  return [name, ...aliases].map((each) => each.toLowerCase());
}

/** A name of a parameter as the list has it, by the same in lower case. */
export function spelledOf(name: string): string {
  const all = Object.values(PARAMETERS).flatMap(({ name: first, aliases }) => [first, ...aliases]);
  return all.find((each) => each.toLowerCase() === name) ?? name;
}

/** Whether a request of a level and method can have a parameter, and what is wrong if not. */
export function placeProblem(
  { name, levels, isInBodyOnly }: Parameter,
  { level, method }: RawKickOff,
  isInUrl: boolean,
): string | undefined {
  const isRight = levels.includes(level.kind) && !(isInBodyOnly && (method !== 'POST' || isInUrl));
  const where = isInBodyOnly ? 'in the body of a POST to' : 'with';
  return isRight
    ? undefined
    : `${name} can be given only ${where} ${levels.map((each) => PATHS[each]).join(' or ')}.`;
}

const PATHS = {
  system: '[base]/$export',
  patient: '[base]/Patient/$export',
  group: '[base]/Group/[id]/$export',
} as const;

/** An instant, or the one that a date or time of less precision is read as, with a note. */
function readInstant(
  name: string,
  value: string,
  which: 'earliest' | 'latest',
  { problem, note }: Reading,
): string | undefined {
  const text = value.replace(/ (?=\d\d:\d\d$)/, '+');
  const instant = instantMeant(text, which);
  if (instant === undefined) {
    problem(
      'value',
      `${name} must be a FHIR instant, such as 2026-01-31T00:00:00Z, or a date or time of less precision, such as 2026-01-31.`,
    );
  } else if (instant.text !== text) {
    note(`${name} is no instant, and was read as the ${which} one that it may mean: ${instant.text}.`);
  }
  return instant?.text;
}

/** A value without effect on what is exported. */
function readFlag(name: string): (text: string, reading: Reading) => undefined {
  return (text, { problem }) => {
    if (!/^(true|false)$/i.test(text)) problem('value', `${name} must be true or false.`);
  };
}

/** https://hl7.org/fhir/uv/bulkdata/4.0.0-202609-ballot/async.html#parameters */
function readFileSize(name: string, text: string, least: number, { problem }: Reading): number | undefined {
  const bytes = /^[1-9]\d{0,9}$/.test(text) ? Number(text) : 0;
  if (bytes >= least && bytes <= MAX_FILE_BYTES) return bytes;
  problem('value', `${name} must be a whole number of bytes from ${least} to ${MAX_FILE_BYTES}.`);
  return undefined;
}

function readTypes(values: readonly string[], { isResourceType, problem }: Reading): string[] {
  const names = namesIn(values, MAX_NAMES);
  if (names === undefined) {
    problem('too-long', `_type has more than ${MAX_NAMES} names.`);
    return [];
  }
  const types = new Set(names.filter((type) => type !== ''));
  const unknown = [...types].filter((type) => !isResourceType(type));
  if (types.size === 0) problem('value', '_type names no resource type. Name one or more, or leave it out.');
  if (unknown.length > 0) {
    const some = unknown.slice(0, MAX_SHOWN).map(quoted).join(', ');
    const more = unknown.length > MAX_SHOWN ? ` and ${unknown.length - MAX_SHOWN} more` : '';
    problem(
      'value',
      `_type: no resource type of this FHIR version: ${some}${more}. Names are case-sensitive.`,
    );
  }
  return [...types];
}

function readPatients(values: readonly string[], { problem }: Reading): string[] {
  const ids = namesIn(values, MAX_PATIENTS)?.map((value) => value.replace(/^Patient\//, '')) ?? [''];
  if (!ids.every(isId))
    problem(
      'value',
      `patient must be references to patients such as Patient/123, at most ${MAX_PATIENTS} of them.`,
    );
  return [...new Set(ids)];
}

/** https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata */
function readContainer(container: string, { problem }: Reading): string {
  if (!/^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$/.test(container)) {
    problem(
      'value',
      '_container must be a legal container name: 3 to 63 lowercase letters, digits and single hyphens, beginning and ending with a letter or digit.',
    );
  } else if (RESERVED_CONTAINERS.test(container)) {
    problem(
      'forbidden',
      '_container may not be a container that the app itself uses, or has made for a job.',
    );
  }
  return container;
}
