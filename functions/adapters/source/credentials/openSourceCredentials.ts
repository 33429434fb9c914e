import type { SourceAuthentication } from '../../../settings/sourceSettings.js';
import { clientCredentials } from './clientCredentials.js';
import { managedIdentityToken } from './managedIdentityToken.js';
import { noCredentials } from './none.js';
import { smartBackendServices } from './smartBackendServices.js';
import type { SourceCredentials } from './sourceCredentials.js';
import { staticHeader } from './staticHeader.js';
import type { TokenTransport } from './tokenEndpoint.js';

/** The method that SOURCE_AUTHENTICATION names. */
export function openSourceCredentials(
  authentication: SourceAuthentication,
  fhirServerUrl: string,
  transport: TokenTransport,
): SourceCredentials {
  switch (authentication.method) {
    case 'none':
      return noCredentials;
    case 'header':
      return staticHeader(authentication);
    case 'managed-identity':
      return managedIdentityToken(authentication);
    case 'smart':
      return smartBackendServices(authentication, fhirServerUrl, transport);
    case 'client-credentials':
      return clientCredentials(authentication, transport);
  }
}
