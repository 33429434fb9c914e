import { createPrivateKey, type KeyObject } from 'node:crypto';
import { clientAuthentication } from './clientAuthentication.js';
import { certificates } from './registrySettings.js';
import { storage } from './storageSettings.js';
import {
  anyText,
  integer,
  list,
  matching,
  Problem,
  required,
  text,
  type Values,
  variants,
} from './setting.js';

/** The key that a SMART Backend Services client signs its assertions with. */
export interface AssertionKey {
  /** A `KeyObject` writes its value to no log. */
  key: KeyObject;
  algorithm: 'RS384' | 'ES384';
  keyId: string;
}

type Given = Values<typeof SOURCE>['authentication'];
type SmartGiven = Extract<Given, { method: 'smart' }>;

/** How the app authenticates itself at the source. */
export type SourceAuthentication =
  | Exclude<Given, { method: 'smart' | 'managed-identity' }>
  | (Extract<Given, { method: 'managed-identity' }> & { readonly scope: string })
  | (Omit<SmartGiven, 'privateKey' | 'keyId'> & {
      readonly scope: string;
      readonly assertionKey: AssertionKey;
    });

/** Where the NDJSON files are that are the source. */
export type FileSource = Extract<Values<typeof SOURCE>['mode'], { method: 'files' }>;

export interface SourceSettings {
  /** How the source is read. */
  mode: Values<typeof SOURCE>['mode'];
  authentication: SourceAuthentication;
  /** PEM certificates that the source and its token endpoint are trusted by, besides the public ones. */
  ca: string | undefined;
}

const SMART_SCOPE = 'system/*.rs';
const MIN_RSA_BITS = 2048;

const client = clientAuthentication({
  prefix: 'SOURCE',
  server: 'the source',
  scopes: `\`smart\`: \`${SMART_SCOPE}\` unless set; \`managed-identity\`: \`https://<host of the source>/.default\` unless set.`,
  tokenEndpoint:
    'Token endpoint. With `smart` instead of the one in `.well-known/smart-configuration`, and needed where that is on another server than the source.',
});
const { clientId, scope, tokenUrl } = client;
/** Exported for the check that a key has an id. */
export const privateKey = text(
  'SOURCE_PRIVATE_KEY',
  'a private key as a JWK, or in PEM without a passphrase (-----BEGIN PRIVATE KEY-----)',
  readPrivateKey,
  { isRequired: true, isSecret: true },
  'Key that assertions are signed with: RSA of 2048 bits or more (signs RS384), or EC P-384 (ES384).',
);
const fileHosts = list(
  'SOURCE_FILE_HOSTS',
  'hosts separated by commas, with their ports where these are not the usual ones, e.g. files.example.org',
  (host) => /^[a-z0-9.-]{1,253}(?::\d{1,5})?$/.test(host),
  { default: '' },
  'Hosts beside the source where the files of its own export may be, by https: signed links, as a rule. The credentials of the source are not sent there.',
);
const maxHours = integer(
  'SOURCE_EXPORT_MAX_HOURS',
  { default: 24, min: 1, max: 336, unit: 'hours' },
  'How long the own export of the source may take, those that it fails before included. Some servers never say that one has failed.',
);

export const SOURCE = {
  mode: variants(
    'SOURCE_MODE',
    'search',
    'How the source is read: a server by search (`search`), by its own Bulk Data export (`bulk`, see [Bulk export as the source](source-bulk.md)), or by search where it answers one and by its own export elsewhere (`auto`); or NDJSON files in a container (`files`, see [Files as the source](source-files.md)).',
    {
      search: {},
      bulk: { fileHosts, maxHours },
      auto: { fileHosts, maxHours },
      files: {
        account: storage(
          'SOURCE_STORAGE',
          'Storage account of the files; not that of the exports, which researchers reach.',
        ),
        container: text(
          'SOURCE_CONTAINER',
          'the name of a container',
          matching(/^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$/),
          { isRequired: true },
          'Container of the files.',
        ),
        prefix: text(
          'SOURCE_PREFIX',
          'text, mostly a folder that ends with /',
          anyText,
          { default: '' },
          'What the names of the files begin with; all files of the container where it is not set.',
        ),
      },
    },
  ),
  authentication: variants(
    'SOURCE_AUTHENTICATION',
    'none',
    'How the app authenticates itself at the source: see [Authentication at the source](source-authentication.md). All but `none` need a source by https, unless it is on this machine.',
    {
      none: {},
      header: client.header,
      'managed-identity': { clientId, scope },
      smart: {
        clientId: required(clientId),
        privateKey,
        keyId: text(
          'SOURCE_KEY_ID',
          'text',
          anyText,
          {},
          '`kid` of the key at the source, where the JWK has none.',
        ),
        tokenUrl,
        scope,
      },
      'client-credentials': client.clientCredentials,
    },
  ),
  ca: certificates(
    'SOURCE_CA',
    'Certificates of private authorities that the source, its token endpoint and `SMART_JWKS_URL` are trusted by, besides the public ones.',
  ),
};

/** Adds what follows from other settings. */
export function sourceSettings(
  { authentication, ca, mode }: Values<typeof SOURCE>,
  fhirServerUrl: string,
): SourceSettings {
  switch (authentication.method) {
    case 'managed-identity': {
      const { scope: given = `${new URL(fhirServerUrl).origin}/.default` } = authentication;
      return { authentication: { ...authentication, scope: given }, ca, mode };
    }
    case 'smart': {
      const { privateKey: key, keyId, ...rest } = authentication;
      const assertionKey = { ...key, keyId: keyId ?? key.keyId ?? '' };
      return { authentication: { ...rest, scope: rest.scope ?? SMART_SCOPE, assertionKey }, ca, mode };
    }
    case 'none':
    case 'header':
    case 'client-credentials':
      return { authentication, ca, mode };
  }
}

/** Whether it is a token endpoint by https, or on this machine; no user in it, no fragment (RFC 6749, section 3.2). */
export function isTokenUrl(found: string): boolean {
  return tokenUrl.parse(found) !== undefined;
}

/**
 * Reads the private key of a SMART Backend Services client; the algorithm is that of the two every server has to
 * know which fits the key: https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html
 */
function readPrivateKey(
  found: string,
): (Omit<AssertionKey, 'keyId'> & { readonly keyId: string | undefined }) | Problem | undefined {
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
    return undefined;
  }
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  const isRsa = key.asymmetricKeyType === 'rsa' && modulusLength >= MIN_RSA_BITS;
  const isP384 = key.asymmetricKeyType === 'ec' && namedCurve === 'secp384r1';
  const algorithm = isRsa ? 'RS384' : 'ES384';
  if ((!isRsa && !isP384) || (jwk.alg !== undefined && jwk.alg !== algorithm)) {
    return new Problem(
      `must be an RSA key of ${MIN_RSA_BITS} bits or more, for RS384, or an EC key on P-384, for ES384`,
    );
  }
  return { key, algorithm, keyId: typeof jwk.kid === 'string' ? jwk.kid || undefined : undefined };
}
