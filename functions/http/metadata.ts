import type { FhirVersion } from '../deid/engine.js';
import { securityStatement } from './authorization/securityStatement.js';
import type { HttpDependencies } from './dependencies.js';
import type { Handler } from './handler.js';

const FHIR_VERSION_NUMBERS: Record<FhirVersion, string> = {
  STU3: '3.0.2',
  R4: '4.0.1',
  R4B: '4.3.0',
  R5: '5.0.0',
};
const BULK_DATA = 'http://hl7.org/fhir/uv/bulkdata';

/** The CapabilityStatement: https://hl7.org/fhir/uv/bulkdata/STU2/CapabilityStatement-bulk-data.html */
export function metadata({ settings }: HttpDependencies): Handler {
  const security = securityStatement(settings.authorization.authentication, settings.fhirVersion);
  const statement = {
    resourceType: 'CapabilityStatement',
    status: 'active',
    date: '2026-11-21',
    kind: 'instance',
    instantiates: [`${BULK_DATA}/CapabilityStatement/bulk-data`],
    software: { name: 'De-identified FHIR Bulk Data export' },
    fhirVersion: FHIR_VERSION_NUMBERS[settings.fhirVersion],
    format: ['application/fhir+json'],
    rest: [
      {
        mode: 'server',
        ...(security === undefined ? {} : { security }),
        operation: [{ name: 'export', definition: `${BULK_DATA}/OperationDefinition/export` }],
      },
    ],
  };
  return async () => ({
    status: 200,
    headers: { 'content-type': 'application/fhir+json; charset=utf-8' },
    body: JSON.stringify(statement),
  });
}
