import type { Collection } from '../collection.js';
import type { SourceContext } from '../context.js';
import { parseTimeRange } from '../instant.js';
import { OutcomeError } from '../outcome.js';
import type { Query } from '../query.js';
import { parseSearch } from '../searchRequest.js';
import type { ExportBehaviour } from './behaviours.js';
import type { ExportLevel, ExportRequest } from './exportRequest.js';

/** How a kick-off was asked for. */
export interface KickOff {
  level: ExportLevel;
  method: string;
  query: URLSearchParams;
  /** Text of a POST. */
  body: string;
  prefer: string;
}

const OUTPUT_FORMATS = ['application/fhir+ndjson', 'application/ndjson', 'ndjson'];
const NOT_IN_FILTERS = ['_sort', '_include', '_revinclude', '_count', '_summary', '_elements', '_total'];

type Draft = { -readonly [Name in keyof ExportRequest]: ExportRequest[Name] } & {
  /** Before the types of the filters are looked at. */
  typeFilters: string[];
};

type Read = (draft: Draft, value: string, context: SourceContext) => void;

/** The parameters of the operation that the source knows, in their guide's order. */
const PARAMETERS: Readonly<Record<string, Read>> = {
  _outputFormat: (_draft, value) => {
    if (!OUTPUT_FORMATS.includes(value)) throw wrong('_outputFormat', value, 'not NDJSON');
  },
  _since: (draft, value, { settings }) => {
    const isExclusive = settings.behaviours.includes('export-since-exclusive');
    draft.time = { ...draft.time, from: instant('_since', value) + (isExclusive ? 1 : 0) };
  },
  _until: (draft, value) => {
    draft.time = { ...draft.time, to: instant('_until', value) };
  },
  _type: (draft, value, { types }) => {
    const names = value.split(',');
    const unknown = names.find((name) => !types.has(name));
    if (unknown !== undefined) throw wrong('_type', unknown, 'not a resource type');
    draft.types = [...(draft.types ?? []), ...names];
  },
  _elements: (draft, value) => {
    draft.elements = [...draft.elements, ...value.split(',')];
  },
  patient: (draft, value) => {
    const ids = value.split(',').map((reference) => /^(?:.*\/)?Patient\/([^/]+)$/.exec(reference)?.[1]);
    if (ids.some((id) => id === undefined)) throw wrong('patient', value, 'not a reference to a Patient');
    draft.patients = [...(draft.patients ?? []), ...ids.filter((id) => id !== undefined)];
  },
  _typeFilter: (draft, value) => {
    // A comma also separates values within a search.
    draft.typeFilters.push(...value.split(/,(?=[A-Z][A-Za-z]*\?)/));
  },
  allowPartialManifests: (draft, value) => {
    draft.allowsPartialManifests = value === 'true';
  },
};

/** Reads a kick-off request (Bulk Data Access, "Bulk Data Kick-off Request"). @throws OutcomeError with 400 */
export function readExportRequest(context: SourceContext, kickOff: KickOff): ExportRequest {
  if (!/(?:^|[,;\s])respond-async(?:$|[,;\s])/.test(kickOff.prefer)) {
    throw new OutcomeError(400, 'invalid', 'The header Prefer has to be respond-async');
  }
  const draft: Draft = {
    level: kickOff.level,
    types: undefined,
    time: { from: -Infinity, to: Infinity },
    filters: new Map(),
    patients: undefined,
    elements: [],
    allowsPartialManifests: false,
    ignored: [],
    typeFilters: [],
  };
  for (const [name, value] of parametersOf(kickOff)) {
    const read = isKnown(context, name, kickOff) ? PARAMETERS[name] : undefined;
    if (read !== undefined) read(draft, value, context);
    else draft.ignored = [...draft.ignored, ...refuseUnlessIgnored(context, name, kickOff.prefer)];
  }
  const { typeFilters, ...request } = draft;
  return { ...request, filters: readFilters(context, typeFilters) };
}

const UNSUPPORTED: Readonly<Record<string, ExportBehaviour>> = {
  _type: 'export-no-type',
  _since: 'export-no-since',
  _until: 'export-no-until',
  _typeFilter: 'export-no-type-filter',
  _elements: 'export-no-elements',
  patient: 'export-no-patient',
};

function isKnown({ settings }: SourceContext, name: string, { method, level }: KickOff): boolean {
  const unsupported = UNSUPPORTED[name];
  if (unsupported !== undefined && settings.behaviours.includes(unsupported)) return false;
  if (name === 'patient' && (method !== 'POST' || level.kind === 'system')) return false;
  if (name === 'allowPartialManifests') return settings.behaviours.includes('export-partial');
  return Object.hasOwn(PARAMETERS, name);
}

/** The names of ignored parameters that the client is to learn of. @throws OutcomeError */
function refuseUnlessIgnored({ settings }: SourceContext, name: string, prefer: string): string[] {
  const { behaviours } = settings;
  const isStrict = /\bhandling=strict\b/.test(prefer);
  if (behaviours.includes('export-ignores-strict')) return [];
  if (behaviours.includes('export-ignores') && !isStrict) return [];
  if (/\bhandling=lenient\b/.test(prefer)) return [name];
  throw new OutcomeError(400, 'not-supported', `The parameter ${name} is not supported`);
}

function parametersOf({ method, query, body }: KickOff): [string, string][] {
  const parameters = [...query];
  if (method !== 'POST' || body === '') return parameters;
  const resource: unknown = parsed(body);
  if (!isObject(resource) || resource['resourceType'] !== 'Parameters') {
    throw new OutcomeError(400, 'invalid', 'The body is not a Parameters resource');
  }
  const list: unknown = resource['parameter'] ?? [];
  for (const parameter of Array.isArray(list) ? (list as unknown[]) : []) {
    if (isObject(parameter)) parameters.push([String(parameter['name']), valueOf(parameter)]);
  }
  return parameters;
}

function valueOf(parameter: Record<string, unknown>): string {
  const value = Object.entries(parameter).find(([name]) => name.startsWith('value'))?.[1];
  return String(isObject(value) ? value['reference'] : value);
}

function readFilters(context: SourceContext, texts: readonly string[]): Map<string, Query[]> {
  const filters = new Map<string, Query[]>();
  for (const text of texts) {
    const [, type = '', search = ''] = /^([A-Za-z]+)\?(.+)$/.exec(text) ?? [];
    const collection: Collection | undefined = context.collections.get(type);
    if (!context.types.has(type)) throw wrong('_typeFilter', text, 'not a search of a resource type');
    const parameters = new URLSearchParams(search);
    const refused = NOT_IN_FILTERS.find((name) => parameters.has(name));
    if (refused !== undefined) throw wrong('_typeFilter', text, `${refused} is not allowed`);
    const { query } = parseSearch(parameters, {
      parameters: collection?.parameters ?? new Map(),
      unsupported: context.settings.unsupported,
      behaviours: [],
      maxCount: 1,
      defaultCount: 1,
      strict: true,
    });
    if (filters.has(type) && context.settings.behaviours.includes('export-one-filter')) {
      throw wrong('_typeFilter', text, 'a type may have one search');
    }
    filters.set(type, [...(filters.get(type) ?? []), query]);
  }
  return filters;
}

function instant(name: string, value: string): number {
  const range = /T.*(?:Z|[+-]\d\d:\d\d)$/.test(value) ? parseTimeRange(value) : undefined;
  if (range === undefined) throw wrong(name, value, 'not an instant');
  return range.from;
}

function wrong(name: string, value: string, why: string): OutcomeError {
  return new OutcomeError(400, 'invalid', `${name}=${value}: ${why}`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
