import { FhirModel } from '../deid/model/fhirModel.js';
import type { SearchLimits } from '../export/request/searchLimits.js';
import { isReserved } from '../export/request/typeFilter.js';
import type { Capabilities } from '../export/source/capabilities.js';
import type { FhirVersion } from '../fhir/fhirVersion.js';

/** A resource type that can be exported, as `CapabilityStatement.rest.resource` has it. */
export interface ExportableType {
  readonly type: string;
  readonly searchParam: ReadonlyArray<{ readonly name: string; readonly type: string }>;
}

/** By which `_since` and `_until` decide, whatever the source says of it. */
const LAST_UPDATED = { name: '_lastUpdated', type: 'date' };
/** Of no server, by FHIR: it is not stored. */
const PARAMETERS = 'Parameters';
const MAX_PARAMETERS = 200;

/** https://hl7.org/fhir/R5/valueset-search-param-type.html: what a version does not have yet is not in a statement of it. */
const PARAMETER_TYPES = 'number date string token reference composite quantity uri'.split(' ');
const LATER_TYPES: Readonly<Record<FhirVersion, readonly string[]>> = {
  STU3: [],
  R4: ['special'],
  R4B: ['special'],
  R5: ['special', 'resource'],
};

/**
 * The types that can be exported, with the search parameters that `_typeFilter` may use: those that the source can be
 * searched for, or all of the FHIR version where it names none. Of the source's words, only names are repeated that FHIR
 * allows.
 * @param capabilities `undefined`: not known
 */
export function exportableTypes(
  capabilities: Capabilities | undefined,
  limits: SearchLimits,
  fhirVersion: FhirVersion,
): ExportableType[] {
  const model = FhirModel.of(fhirVersion);
  const stated = capabilities?.searchableTypes.filter((type) => model.resource(type) !== undefined) ?? [];
  const types = stated.length > 0 ? stated : model.resourceNames().filter((type) => type !== PARAMETERS);
  return types.sort().map((type) => ({
    type,
    searchParam: [LAST_UPDATED, ...filterParameters(capabilities?.searchParameters.get(type), type, limits, fhirVersion)], // prettier-ignore
  }));
}

function filterParameters(
  stated: ReadonlyMap<string, string> = new Map(),
  ofType: string,
  { filterTypes, filterParameters: permitted }: SearchLimits,
  fhirVersion: FhirVersion,
): ExportableType['searchParam'] {
  if (filterTypes?.has(ofType) === false) return [];
  const isType = (type: string): boolean =>
    PARAMETER_TYPES.includes(type) || LATER_TYPES[fhirVersion].includes(type);
  return [...stated]
    .filter(
      ([name, type]) =>
        /^_?[A-Za-z][\w-]{0,63}$/.test(name) &&
        isType(type) &&
        name !== LAST_UPDATED.name &&
        !isReserved(name) &&
        permitted?.has(name) !== false,
    )
    .slice(0, MAX_PARAMETERS)
    .map(([name, type]) => ({ name, type }));
}
