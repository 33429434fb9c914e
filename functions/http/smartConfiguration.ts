import type { HttpDependencies } from './dependencies.js';
import type { Handler } from './handler.js';
import { RequestError } from './respond.js';

/**
 * Where clients of SMART Backend Services get tokens, and what they may ask for.
 * https://hl7.org/fhir/smart-app-launch/conformance.html#using-well-known
 */
export function smartConfiguration({ settings }: HttpDependencies): Handler {
  const { authentication } = settings.authorization;
  return async () => {
    if (authentication.method !== 'smart') {
      throw new RequestError(
        404,
        'This server takes no tokens of SMART on FHIR (AUTHENTICATION is not smart).',
      );
    }
    const { issuer, jwksUrl, tokenUrl, rawScope } = authentication;
    return {
      status: 200,
      headers: { 'cache-control': 'public, max-age=600' },
      jsonBody: {
        issuer,
        jwks_uri: jwksUrl,
        token_endpoint: tokenUrl,
        token_endpoint_auth_methods_supported: ['private_key_jwt'],
        grant_types_supported: ['client_credentials'],
        scopes_supported: ['system/*.rs', 'system/*.read', ...(rawScope === undefined ? [] : [rawScope])],
        capabilities: ['client-confidential-asymmetric', 'permission-v1', 'permission-v2'],
      },
    };
  };
}
