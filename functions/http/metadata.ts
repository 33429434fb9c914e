import { FHIR_VERSION_NUMBERS } from '../fhir/fhirVersion.js';
import { RELEASED, VERSION } from '../common/version.js';
import { securityStatement } from './authorization/securityStatement.js';
import type { HttpDependencies } from './dependencies.js';
import type { Handler } from './handler.js';

const BULK_DATA = 'http://hl7.org/fhir/uv/bulkdata';
const NAME = 'De-identified FHIR Bulk Data export';

/** The CapabilityStatement: https://hl7.org/fhir/uv/bulkdata/STU2/CapabilityStatement-bulk-data.html */
export function metadata({ settings }: HttpDependencies): Handler {
  const { fhirVersion } = settings;
  const security = securityStatement(settings.authorization.authentication, fhirVersion);
  const operation = (id: string): object => {
    const definition = `${BULK_DATA}/OperationDefinition/${id}`;
    return { name: 'export', definition: fhirVersion === 'STU3' ? { reference: definition } : definition };
  };
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
  return async (request) => ({
    status: 200,
    headers: { 'content-type': 'application/fhir+json; charset=utf-8' },
    body: JSON.stringify({
      resourceType: 'CapabilityStatement',
      status: 'active',
      date: RELEASED,
      kind: 'instance',
      instantiates: [`${BULK_DATA}/CapabilityStatement/bulk-data`],
      software: { name: NAME, version: VERSION },
      implementation: { description: NAME, url: `${new URL(request.url).origin}/fhir` },
      fhirVersion: FHIR_VERSION_NUMBERS[fhirVersion],
      ...(fhirVersion === 'STU3' ? { acceptUnknown: 'no' } : {}),
      format: ['application/fhir+json'],
      rest: [{ mode: 'server', ...(security === undefined ? {} : { security }), ...rest }],
    }),
  });
}
