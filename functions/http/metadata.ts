import { FHIR_VERSION_NUMBERS } from '../fhir/fhirVersion.js';
import { RELEASED, VERSION } from '../common/version.js';
import { securityStatement } from './authorization/securityStatement.js';
import type { HttpDependencies } from './dependencies.js';
import { DEFINITION_PATH } from './deIdentify/definition.js';
import type { Handler } from './handler.js';
import { baseUrlOf } from './publicUrls.js';

const BULK_DATA = 'http://hl7.org/fhir/uv/bulkdata';
const NAME = 'De-identified FHIR Bulk Data export';

/** The CapabilityStatement: https://hl7.org/fhir/uv/bulkdata/STU2/CapabilityStatement-bulk-data.html */
export function metadata({ settings }: HttpDependencies): Handler {
  const { fhirVersion } = settings;
  const security = securityStatement(settings.authorization.authentication, fhirVersion);
  const named = (name: string, definition: string): object => ({
    name,
    definition: fhirVersion === 'STU3' ? { reference: definition } : definition,
  });
  const operation = (id: string): object => named('export', `${BULK_DATA}/OperationDefinition/${id}`);
  // STU3 has operations of the system only; there they are side by side.
  const rest =
    fhirVersion === 'STU3'
      ? { operation: [operation('export'), operation('patient-export'), operation('group-export')] }
      : {
          resource: [
            { type: 'Group', operation: [operation('group-export')] },
            { type: 'Patient', operation: [operation('patient-export')] },
          ],
          operation: [operation('export')],
        };
  return async (request) => {
    const url = baseUrlOf(request, settings);
    const own =
      settings.deIdentify.method === 'on' ? [named('de-identify', `${url}/${DEFINITION_PATH}`)] : [];
    return {
      status: 200,
      headers: { 'content-type': 'application/fhir+json; charset=utf-8' },
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
            ...(security === undefined ? {} : { security }),
            ...rest,
            operation: [...rest.operation, ...own],
          },
        ],
      }),
    };
  };
}
