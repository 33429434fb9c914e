import { searchParametersOf } from './searchParameters.js';
import { PROVENANCE_OF_MATCHES } from './searchRequest.js';
import type { SourceFhirVersion } from './settings.js';

const EXPORT_DEFINITIONS = 'http://hl7.org/fhir/uv/bulkdata/OperationDefinition';

const COMMON_PARAMETERS = [
  { name: '_id', type: 'token' },
  { name: '_lastUpdated', type: 'date' },
];

/** The source's CapabilityStatement, as JSON; `types` are the resource types it has data of. */
export function capabilityStatement(
  fhirVersion: SourceFhirVersion,
  base: string,
  types: readonly string[],
  unsupported: readonly string[],
  listsExport: boolean,
): string {
  return JSON.stringify({
    resourceType: 'CapabilityStatement',
    status: 'active',
    date: '2024-01-01',
    kind: 'instance',
    software: { name: 'Sample FHIR source' },
    implementation: { description: 'Serves sample data from NDJSON files', url: base },
    fhirVersion,
    format: ['json', 'application/fhir+json'],
    rest: [
      {
        mode: 'server',
        resource: types.map((type) => ({
          type,
          interaction: [
            { code: 'read' },
            { code: 'search-type' },
            { code: 'delete' },
            ...(unsupported.includes('_history') ? [] : [{ code: 'history-type' }]),
          ],
          versioning: 'no-version',
          searchParam: [
            ...COMMON_PARAMETERS,
            ...[...searchParametersOf(type)].map(([name, parameter]) => ({ name, type: parameter.type })),
          ].filter(({ name }) => !unsupported.includes(name)),
          ...(unsupported.includes('_revinclude') ? {} : { searchRevInclude: [PROVENANCE_OF_MATCHES] }),
          ...(listsExport ? exportOf(type) : {}),
        })),
        ...(listsExport
          ? { operation: [{ name: 'export', definition: `${EXPORT_DEFINITIONS}/export` }] }
          : {}),
      },
    ],
  });
}

function exportOf(type: string): object {
  if (type !== 'Patient' && type !== 'Group') return {};
  return {
    operation: [{ name: 'export', definition: `${EXPORT_DEFINITIONS}/${type.toLowerCase()}-export` }],
  };
}
