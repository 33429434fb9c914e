import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { ExportError } from '../../../common/errors.js';
import {
  type AssertionKey,
  isTokenUrl,
  type SourceAuthentication,
} from '../../../settings/sourceSettings.js';
import { BearerToken } from './bearerToken.js';
import { getJson, requestToken, type TokenTransport } from './tokenEndpoint.js';

type Smart = Extract<SourceAuthentication, { method: 'smart' }>;

/** An assertion ends at the latest five minutes after it is made; some for clocks that differ. */
const ASSERTION_SECONDS = 240;
const WHO = 'The SMART configuration of the source ([FHIR_SERVER_URL]/.well-known/smart-configuration)';

/**
 * Tokens of SMART Backend Services: for an assertion, signed with the client's key and used once.
 * https://hl7.org/fhir/smart-app-launch/backend-services.html
 */
export function smartBackendServices(
  { clientId, scope, assertionKey, tokenUrl }: Smart,
  fhirServerUrl: string,
  transport: TokenTransport,
): BearerToken {
  return new BearerToken(async () => {
    const url = tokenUrl ?? (await discoverTokenUrl(fhirServerUrl, assertionKey, transport));
    const form = {
      scope,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await assertion(assertionKey, clientId, url),
    };
    return requestToken(
      new URL(url),
      { form },
      'SOURCE_CLIENT_ID, SOURCE_PRIVATE_KEY and SOURCE_KEY_ID',
      transport,
    );
  }, 'it does not take the token that its token endpoint gave. See whether SOURCE_TOKEN_URL, where set, is the token endpoint of this source, and to SOURCE_SCOPE.');
}

function assertion(
  { key, algorithm, keyId }: AssertionKey,
  clientId: string,
  audience: string,
): Promise<string> {
  return new SignJWT()
    .setProtectedHeader({ alg: algorithm, kid: keyId, typ: 'JWT' })
    .setIssuer(clientId)
    .setSubject(clientId)
    .setAudience(audience)
    .setJti(randomUUID())
    .setExpirationTime(Math.floor(Date.now() / 1000) + ASSERTION_SECONDS)
    .sign(key);
}

/**
 * The token endpoint that the source names. One on another server is not believed: the app would send requests to
 * wherever an answer of the source says.
 */
async function discoverTokenUrl(
  fhirServerUrl: string,
  { algorithm }: AssertionKey,
  transport: TokenTransport,
): Promise<string> {
  const { status, json } = await getJson(
    new URL(`${fhirServerUrl}/.well-known/smart-configuration`),
    WHO,
    transport,
  );
  if (status !== 200) {
    throw new ExportError(
      'source-denied',
      `${WHO} cannot be had: the source answered ${status}. Set SOURCE_TOKEN_URL to its token endpoint, or see to FHIR_SERVER_URL.`,
    );
  }
  const endpoint = json?.['token_endpoint'];
  if (typeof endpoint !== 'string') {
    throw new ExportError(
      'source-denied',
      `${WHO} is not a JSON object with a token_endpoint. Set SOURCE_TOKEN_URL to its token endpoint, or check FHIR_SERVER_URL and any proxy between.`,
      true,
    );
  }
  if (!isTokenUrl(endpoint) || new URL(endpoint).origin !== new URL(fhirServerUrl).origin) {
    throw new ExportError(
      'source-denied',
      `${WHO} names a token_endpoint on another server than FHIR_SERVER_URL, or not by https. If that is the right one, set SOURCE_TOKEN_URL to it.`,
    );
  }
  const algorithms = json?.['token_endpoint_auth_signing_alg_values_supported'];
  if (Array.isArray(algorithms) && algorithms.length > 0 && !algorithms.includes(algorithm)) {
    throw new ExportError(
      'source-denied',
      `${WHO} does not name ${algorithm}, which SOURCE_PRIVATE_KEY signs with. Register a key of the other kind: EC on P-384 for ES384, RSA for RS384.`,
    );
  }
  return endpoint;
}
