import { FHIR_VERSION_NUMBERS } from '../fhir/fhirVersion.js';
import { STU_4 } from '../export/request/guide.js';
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
  // A name for each version of the guide that differs: https://hl7.org/fhir/uv/bulkdata/4.0.0-202609-ballot/export.html
  const operations = (id: string): object[] => {
    const definition = `${BULK_DATA}/OperationDefinition/${id}`;
    return [named('export', definition), named('export-v4', `${definition}|${STU_4}`)];
  };
  // STU3 has operations of the system only; there they are side by side.
  const rest =
    fhirVersion === 'STU3'
      ? { operation: ['export', 'patient-export', 'group-export'].flatMap(operations) }
      : {
          resource: [
            { type: 'Group', operation: operations('group-export') },
            { type: 'Patient', operation: operations('patient-export') },
          ],
          operation: operations('export'),
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
