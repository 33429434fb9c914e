import { createPrivateKey, type KeyObject } from 'node:crypto';
import { unresolvedReference } from './keyVaultReference.js';
import { isLoopback } from '../common/loopback.js';
import { parseCertificates } from './registrySettings.js';

/** The key that a SMART Backend Services client signs its assertions with. */
export interface AssertionKey {
  /** A `KeyObject` tells its value to no log. */
  key: KeyObject;
  algorithm: 'RS384' | 'ES384';
  keyId: string;
}

/** How the app shows the source who it is. */
export type SourceAuthentication =
  | { way: 'none' }
  | { way: 'header'; name: string; value: string }
  | { way: 'managed-identity'; clientId: string | undefined; scope: string }
  | {
      way: 'smart';
      clientId: string;
      scope: string;
      assertionKey: AssertionKey;
      /** As the server writes it; `undefined`: the SMART configuration of the source tells. */
      tokenUrl: string | undefined;
    }
  | {
      way: 'client-credentials';
      clientId: string;
      clientSecret: string;
      scope: string | undefined;
      tokenUrl: string;
    };

export interface SourceSettings {
  authentication: SourceAuthentication;
  /** PEM certificates that the source and its token endpoint are trusted by, besides the public ones. */
  ca: string | undefined;
}

const WAYS = ['none', 'header', 'managed-identity', 'smart', 'client-credentials'] as const;
const SMART_SCOPE = 'system/*.rs';
const LEAST_RSA_BITS = 2048;

const text = (name: string, bounds: string, meaning: string, initial = '') => ({
  name,
  unit: '',
  default: initial,
  bounds,
  meaning,
});

/** Rows of the settings table. */
export const sourceDefinitions = [
  text(
    'SOURCE_AUTHENTICATION',
    WAYS.join(', '),
    'How the app shows the source who it is: see [Authentication at the source](source-authentication.md). All but `none` need a source by https, unless it is on this machine.',
    'none',
  ),
  text('SOURCE_HEADER_NAME', 'header name', 'Header of the way `header`.', 'Authorization'),
  text(
    'SOURCE_HEADER_VALUE',
    'printable ASCII',
    'Its value, such as `Bearer …`. On Azure, a Key Vault reference.',
  ),
  text(
    'SOURCE_CLIENT_ID',
    'client id',
    'Client id at the token endpoint (`smart`, `client-credentials`), or of the user-assigned managed identity.',
  ),
  text(
    'SOURCE_CLIENT_SECRET',
    'text',
    'Secret of the way `client-credentials`. On Azure, a Key Vault reference.',
  ),
  text(
    'SOURCE_PRIVATE_KEY',
    'JWK or PEM (PKCS #8)',
    'Key of the way `smart`: RSA of 2048 bits or more (signs RS384), or EC P-384 (ES384). On Azure, a Key Vault reference.',
  ),
  text('SOURCE_KEY_ID', 'text', 'Its `kid` at the source, where the JWK does not tell.'),
  text(
    'SOURCE_TOKEN_URL',
    'https URL',
    'Token endpoint. Needed for `client-credentials`; for `smart`, instead of the one that `.well-known/smart-configuration` tells, and needed where that is on another server than the source.',
  ),
  text(
    'SOURCE_SCOPE',
    'scopes, separated by spaces',
    `Asked for with a token. \`smart\`: \`${SMART_SCOPE}\` unless set; \`managed-identity\`: \`https://<host of the source>/.default\` unless set.`,
  ),
  text(
    'SOURCE_CA',
    'PEM',
    'Certificates of private authorities that the source, its token endpoint and `SMART_JWKS_URL` are trusted by, besides the public ones. `NODE_EXTRA_CA_CERTS` is heeded, too, where this is not set.',
  ),
];

/**
 * Reads how the source is called; what is wrong is added to `problems`, which quote no value.
 * @param fhirServerUrl the source; `undefined` where that setting itself is wrong
 */
export function readSourceSettings(
  environment: Readonly<Record<string, string | undefined>>,
  fhirServerUrl: string | undefined,
  problems: string[],
): SourceSettings {
  const value = (name: string): string => environment[name]?.trim() ?? '';
  const certificates = parseCertificates(value('SOURCE_CA'));
  if ('problem' in certificates) problems.push(`SOURCE_CA ${certificates.problem}`);
  const ca = 'value' in certificates ? certificates.value : undefined;
  const way = WAYS.find((known) => known === (value('SOURCE_AUTHENTICATION').toLowerCase() || 'none'));
  if (way === undefined) {
    problems.push(`SOURCE_AUTHENTICATION must be one of ${WAYS.join(', ')}`);
    return { authentication: { way: 'none' }, ca };
  }
  if (way !== 'none' && fhirServerUrl !== undefined && !isPrivateUrl(new URL(fhirServerUrl))) {
    problems.push(
      `FHIR_SERVER_URL must be an https URL with SOURCE_AUTHENTICATION=${way}: anybody on the way could read what lets the app in`,
    );
  }

  const needed = (name: string): string => {
    const found = value(name);
    if (found === '') problems.push(`${name} is missing: SOURCE_AUTHENTICATION=${way} needs it`);
    return found;
  };
  const secret = (name: string): string => {
    const found = needed(name);
    const problem = unresolvedReference(name, found);
    if (problem === undefined) return found;
    problems.push(problem);
    return '';
  };
  const checked = (name: string, found: string, pattern: RegExp, problem: string): string => {
    if (found !== '' && !pattern.test(found)) problems.push(`${name} ${problem}`);
    return found;
  };
  const scope = (): string =>
    checked(
      'SOURCE_SCOPE',
      value('SOURCE_SCOPE'),
      // RFC 6749, section 3.3
      /^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/,
      'must be scopes, separated by single spaces',
    );
  const clientId = (found: string): string =>
    checked('SOURCE_CLIENT_ID', found, /^[\x20-\x7e]{1,500}$/, 'must be printable ASCII');
  const tokenUrl = (found: string): string => {
    if (found !== '' && !isTokenUrl(found)) {
      problems.push(
        'SOURCE_TOKEN_URL must be an https URL without user and fragment, e.g. https://login.example.org/token',
      );
    }
    return found;
  };

  const read = (): SourceAuthentication => {
    switch (way) {
      case 'none':
        return { way };
      case 'header':
        return {
          way,
          name: checked(
            'SOURCE_HEADER_NAME',
            value('SOURCE_HEADER_NAME') || 'Authorization',
            // A token of RFC 9110, section 5.6.2, that is not one the client itself sends.
            /^(?!(?:accept|accept-encoding|connection|content-.*|expect|host|keep-alive|prefer|proxy-.*|te|trailer|transfer-encoding|upgrade)$)[!#$%&'*+.^_`|~\w-]{1,100}$/i,
            'must be the name of a header that lets a client in, such as Authorization or X-Api-Key',
          ),
          value: checked(
            'SOURCE_HEADER_VALUE',
            secret('SOURCE_HEADER_VALUE'),
            /^[\x20-\x7e]{1,16384}$/,
            'must be printable ASCII on one line',
          ),
        };
      case 'managed-identity':
        return {
          way,
          clientId: clientId(value('SOURCE_CLIENT_ID')) || undefined,
          scope: scope() || `${fhirServerUrl === undefined ? '' : new URL(fhirServerUrl).origin}/.default`,
        };
      case 'smart':
        return {
          way,
          clientId: clientId(needed('SOURCE_CLIENT_ID')),
          scope: scope() || SMART_SCOPE,
          assertionKey: readAssertionKey(secret('SOURCE_PRIVATE_KEY'), value('SOURCE_KEY_ID'), problems),
          tokenUrl: tokenUrl(value('SOURCE_TOKEN_URL')) || undefined,
        };
      case 'client-credentials':
        return {
          way,
          clientId: clientId(needed('SOURCE_CLIENT_ID')),
          clientSecret: secret('SOURCE_CLIENT_SECRET'),
          scope: scope() || undefined,
          tokenUrl: tokenUrl(needed('SOURCE_TOKEN_URL')),
        };
    }
  };
  return { authentication: read(), ca };
}

/** Whether it is a token endpoint by https, or on this machine; no user in it, no fragment (RFC 6749, section 3.2). */
export function isTokenUrl(found: string): boolean {
  if (!URL.canParse(found)) return false;
  const url = new URL(found);
  return isPrivateUrl(url) && url.hash === '' && `${url.username}${url.password}` === '';
}

function isPrivateUrl(url: URL): boolean {
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url));
}

/**
 * Reads the private key of a SMART Backend Services client; the algorithm is that of the two every server has to
 * know which fits the key: https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html
 */
function readAssertionKey(found: string, keyId: string, problems: string[]): AssertionKey {
  // Never used where there is a problem: nothing starts then.
  const unusable = (problem?: string): AssertionKey => {
    if (problem !== undefined) problems.push(problem);
    return { key: undefined as unknown as KeyObject, algorithm: 'RS384', keyId };
  };
  if (found === '') return unusable();
  let key: KeyObject;
  let jwk: { kid?: unknown; alg?: unknown } = {};
  try {
    if (found.startsWith('{')) {
      jwk = JSON.parse(found) as typeof jwk;
      key = createPrivateKey({ key: jwk, format: 'jwk' });
    } else {
      key = createPrivateKey(found.replaceAll('\\n', '\n'));
    }
  } catch {
    return unusable(
      'SOURCE_PRIVATE_KEY must be a private key as a JWK, or in PEM without a passphrase (-----BEGIN PRIVATE KEY-----)',
    );
  }
  const id = keyId || (typeof jwk.kid === 'string' ? jwk.kid : '');
  if (id === '') {
    problems.push(
      'SOURCE_KEY_ID is missing: the source finds the public key by it; it is the kid of the key in the JWKS that is registered there',
    );
  }
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  const isRsa = key.asymmetricKeyType === 'rsa' && modulusLength >= LEAST_RSA_BITS;
  const isP384 = key.asymmetricKeyType === 'ec' && namedCurve === 'secp384r1';
  const algorithm = isRsa ? 'RS384' : 'ES384';
  if ((!isRsa && !isP384) || (jwk.alg !== undefined && jwk.alg !== algorithm)) {
    return unusable(
      `SOURCE_PRIVATE_KEY must be an RSA key of ${LEAST_RSA_BITS} bits or more, for RS384, or an EC key on P-384, for ES384`,
    );
  }
  return { key, algorithm, keyId: id };
}
