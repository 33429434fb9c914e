import type { Authentication } from '../../settings/authorizationSettings.js';
import type { FhirVersion } from '../../fhir/fhirVersion.js';
import { EXPORT_READ } from './entra.js';

const OAUTH_URIS = 'http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris';

/** How clients show who they are, for `CapabilityStatement.rest.security`; `undefined`: not at all. */
export function securityStatement(
  authentication: Authentication,
  fhirVersion: FhirVersion,
): object | undefined {
  const system =
    fhirVersion === 'STU3'
      ? 'http://hl7.org/fhir/restful-security-service'
      : 'http://terminology.hl7.org/CodeSystem/restful-security-service';
  const service = (code: string): object[] => [{ coding: [{ system, code }] }];
  switch (authentication.method) {
    case 'smart':
      return {
        extension: [{ url: OAUTH_URIS, extension: [{ url: 'token', valueUri: authentication.tokenUrl }] }],
        service: service('SMART-on-FHIR'),
        description: 'SMART Backend Services, with scopes such as system/*.rs.',
      };
    case 'entra':
      return {
        service: service('OAuth'),
        description: `Entra ID, with the app role ${EXPORT_READ}.`,
      };
    case 'function-keys':
      return { description: 'A key of the Functions host in the header x-functions-key.' };
    case 'none':
      return undefined;
  }
}
