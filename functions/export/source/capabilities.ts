import { FHIR_VERSION_NUMBERS, type FhirVersion } from '../../fhir/fhirVersion.js';
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../../json/json.js';
import { decodeUtf8 } from '../../json/utf8.js';
import type { SourceAnswer } from './source.js';
import { ExportError } from '../../common/errors.js';
import { remembered } from '../../common/maps.js';

/** What the source says of itself: https://hl7.org/fhir/R4/capabilitystatement.html */
export interface Capabilities {
  searchableTypes: string[];
  /** Types whose history can be read. */
  historyTypes: ReadonlySet<string>;
  /** Per type, the search parameters it says it has, with what each says is its type; types of which it names none are not in here. */
  searchParameters: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Per type, the values of `_revinclude` it says it has; likewise. */
  reverseIncludes: ReadonlyMap<string, ReadonlySet<string>>;
  /** The base it gives as its own, without trailing slash; the one it is reached by may be another. */
  url: string | undefined;
}

/** Of a source that does not say. */
export const UNKNOWN_CAPABILITIES: Capabilities = {
  searchableTypes: [],
  historyTypes: new Set(),
  searchParameters: new Map(),
  reverseIncludes: new Map(),
  url: undefined,
};

/**
 * Reads the answer to a request for the source's CapabilityStatement.
 * @throws ExportError where it is none, or of another FHIR version than the setting says
 */
export function readCapabilitiesAnswer({ body }: SourceAnswer, fhirVersion: FhirVersion): Capabilities {
  let value: JsonValue;
  try {
    value = parseJson(decodeUtf8(body));
  } catch {
    throw new ExportError(
      'source-not-fhir',
      'The CapabilityStatement of the source is not JSON. Check that FHIR_SERVER_URL is the FHIR base of the source.',
      true,
    );
  }
  return readCapabilities(value, fhirVersion);
}

/**
 * Reads the source's CapabilityStatement.
 * @throws ExportError where it is none, or of another FHIR version than the setting says
 */
export function readCapabilities(value: JsonValue, fhirVersion: FhirVersion): Capabilities {
  if (!isJsonObject(value) || value['resourceType'] !== 'CapabilityStatement') {
    throw new ExportError(
      'source-not-fhir',
      'The source has no CapabilityStatement at /metadata. Check that FHIR_SERVER_URL is the FHIR base of the source.',
    );
  }
  const version = value['fhirVersion'];
  if (typeof version === 'string' && !isOfVersion(version, fhirVersion)) {
    const theirs = /^[\d.]{1,10}$/.test(version) ? version : 'another version';
    throw new ExportError(
      'source-version',
      `The source is of FHIR version ${theirs}, but FHIR_VERSION says ${fhirVersion}. Set FHIR_VERSION to the source's version.`,
    );
  }
  const types = new Set<string>();
  const historyTypes = new Set<string>();
  const searchParameters = new Map<string, Map<string, string>>();
  const reverseIncludes = new Map<string, Set<string>>();
  for (const rest of objects(value['rest'])) {
    for (const resource of objects(rest['resource'])) {
      if (typeof resource['type'] !== 'string') continue;
      addParameters(searchParameters, resource['type'], objects(resource['searchParam']));
      addNames(reverseIncludes, resource['type'], resource['searchRevInclude']);
      const interactions = objects(resource['interaction']).map(({ code }) => code);
      if (interactions.includes('search-type')) types.add(resource['type']);
      if (interactions.includes('history-type')) historyTypes.add(resource['type']);
    }
  }
  const implementation = value['implementation'];
  const url = isJsonObject(implementation) ? implementation['url'] : undefined;
  return {
    searchableTypes: [...types],
    historyTypes,
    searchParameters,
    reverseIncludes,
    url: typeof url === 'string' && /^https?:\/\/./.test(url) ? url.replace(/\/+$/, '') : undefined,
  };
}

function addParameters(
  to: Map<string, Map<string, string>>,
  ofType: string,
  parameters: readonly JsonObject[],
): void {
  for (const { name, type } of parameters) {
    if (typeof name === 'string')
      remembered(to, ofType, () => new Map()).set(name, typeof type === 'string' ? type : '');
  }
}

function addNames(to: Map<string, Set<string>>, type: string, names: unknown): void {
  if (!Array.isArray(names)) return;
  for (const name of names as unknown[]) {
    if (typeof name === 'string') to.set(type, (to.get(type) ?? new Set()).add(name));
  }
}

function objects(value: JsonValue | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

/** By major and minor number: `4.0`, `4.0.1`. */
function isOfVersion(number: string, version: FhirVersion): boolean {
  const [major, minor] = FHIR_VERSION_NUMBERS[version].split('.');
  return number === `${major}.${minor}` || number.startsWith(`${major}.${minor}.`);
}
