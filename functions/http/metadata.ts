import { FHIR_VERSION_NUMBERS, type FhirVersion } from '../fhir/fhirVersion.js';
import { STU_4 } from '../export/request/guide.js';
import { RELEASED, VERSION } from '../common/version.js';
import { leastLimits } from './authorization/permitKickOff.js';
import { securityStatement } from './authorization/securityStatement.js';
import type { HttpDependencies } from './dependencies.js';
import { DEFINITION_PATH } from './deIdentify/definition.js';
import { type ExportableType, exportableTypes } from './exportableTypes.js';
import { hasGroupList } from './groupList.js';
import type { Handler } from './handler.js';
import { baseUrlOf } from './publicUrls.js';

const BULK_DATA = 'http://hl7.org/fhir/uv/bulkdata';
const NAME = 'De-identified FHIR Bulk Data export';
const OF_EXPORTS =
  'Resources are read by the export operations alone. The types are those that _type can name, and their search parameters those that _typeFilter can use; by _lastUpdated, _since and _until decide.';
const NOT_SUPPORTED =
  ' Of the guide are not supported: organizeOutputBy another type than Patient, includeAssociatedData=LatestProvenanceResources, Bulk Submit and Bulk Publish.';
const OF_VERSION =
  ' The source does not name its types, or could not be read: these are all of the FHIR version.';

/** The operations on the type of each level; STU3 has operations of the system only. */
const LEVELS = { Group: 'group-export', Patient: 'patient-export' } as const;

/** The CapabilityStatement: https://hl7.org/fhir/uv/bulkdata/STU2/CapabilityStatement-bulk-data.html */
export function metadata({ settings, capabilities }: HttpDependencies): Handler {
  const { fhirVersion } = settings;
  const security = securityStatement(settings.authorization.authentication, fhirVersion);
  return async (request) => {
    const url = baseUrlOf(request, settings);
    const stated = await capabilities?.get();
    const limits = leastLimits(settings.authorization, fhirVersion);
    const types = exportableTypes(stated, limits, fhirVersion);
    const own =
      settings.deIdentify.method === 'on'
        ? [operation(fhirVersion, 'de-identify', `${url}/${DEFINITION_PATH}`)]
        : [];
    const levels = fhirVersion === 'STU3' ? Object.values(LEVELS) : [];
    return {
      status: 200,
      headers: {
        'content-type': 'application/fhir+json; charset=utf-8',
        // What it lists changes with the source; and bulk-data-client on Node 20 cannot read an answer that it may store.
        'cache-control': 'no-store',
      },
      body: JSON.stringify({
        resourceType: 'CapabilityStatement',
        status: 'active',
        date: RELEASED,
        kind: 'instance',
        instantiates: [`${BULK_DATA}/CapabilityStatement/bulk-data`],
        software: { name: NAME, version: VERSION },
        implementation: { description: NAME, url },
        fhirVersion: FHIR_VERSION_NUMBERS[fhirVersion],
        ...(fhirVersion === 'STU3' ? { acceptUnknown: 'no' } : {}),
        format: ['application/fhir+json'],
        rest: [
          {
            mode: 'server',
            documentation: `${OF_EXPORTS}${stated === undefined ? OF_VERSION : ''}${NOT_SUPPORTED}`,
            ...(security === undefined ? {} : { security }),
            resource: withLevels(types).map((type) => resource(type, fhirVersion, hasGroupList(settings))),
            operation: [...['export', ...levels].flatMap((id) => exportOperations(fhirVersion, id)), ...own],
          },
        ],
      }),
    };
  };
}

/** The types, and those that have an operation whether they can be exported or not. */
function withLevels(types: readonly ExportableType[]): ExportableType[] {
  const named = new Set(types.map(({ type }) => type));
  const more = Object.keys(LEVELS).filter((type) => !named.has(type));
  return [...types, ...more.map((type) => ({ type, searchParam: [] }))];
}

function resource(
  { type, searchParam }: ExportableType,
  fhirVersion: FhirVersion,
  listsGroups: boolean,
): object {
  const search =
    type === 'Group' && listsGroups
      ? [
          {
            code: 'search-type',
            documentation: 'Lists the groups that the caller may know of, without parameters.',
          },
        ]
      : [];
  const level = fhirVersion === 'STU3' ? undefined : LEVELS[type as keyof typeof LEVELS];
  // STU3 requires one.
  const interaction =
    fhirVersion === 'STU3' && search.length === 0
      ? [{ code: 'search-type', documentation: 'By the export operations alone.' }]
      : search;
  return {
    type,
    ...(interaction.length === 0 ? {} : { interaction }),
    ...(searchParam.length === 0 ? {} : { searchParam }),
    ...(level === undefined ? {} : { operation: exportOperations(fhirVersion, level) }),
  };
}

/** A name for each version of the guide that differs: https://hl7.org/fhir/uv/bulkdata/4.0.0-202609-ballot/export.html */
function exportOperations(fhirVersion: FhirVersion, id: string): object[] {
  const definition = `${BULK_DATA}/OperationDefinition/${id}`;
  return [
    operation(fhirVersion, 'export', definition),
    operation(fhirVersion, 'export-v4', `${definition}|${STU_4}`),
  ];
}

function operation(fhirVersion: FhirVersion, name: string, definition: string): object {
  return { name, definition: fhirVersion === 'STU3' ? { reference: definition } : definition };
}
