import { privateUrl } from './clientAuthentication.js';
import { anyText, choice, integer, list, matching, text, url, type Values, variants } from './setting.js';
import { APPROVAL_RULES, type ApprovalPolicy } from '../export/request/approval.js';
import { isDigest } from '../export/request/ociReference.js';

/** How callers authenticate themselves. */
export type Authentication = Values<typeof AUTHORIZATION>['authentication'];

/** Whose tokens of SMART Backend Services are accepted, and what for. */
export type SmartSettings = Omit<Extract<Authentication, { method: 'smart' }>, 'method'>;

export interface AuthorizationSettings extends Values<typeof AUTHORIZATION> {
  /** Whether the host is of this machine alone, where function keys are not checked. */
  readonly servesLoopback: boolean;
}

/** Without the permission for raw exports, a part of a job that is of fewer patients is withheld, unless MIN_PATIENTS is set. */
export const DEFAULT_MIN_PATIENTS = 10;

/**
 * Parameters that a search may use without the permission for raw exports, unless TYPE_FILTER_PARAMETERS is set: codes,
 * categories, states and the time of care. None of them is on a name, an identifier, an address, a birth date, an id
 * or a text, and none leads to another resource.
 */
export const DEFAULT_FILTER_PARAMETERS: readonly string[] = (
  'code category type class status clinical-status verification-status intent priority severity vaccine-code ' +
  'combo-code component-code date onset-date recorded-date abatement-date authored authoredon effective ' +
  'effective-time issued'
).split(' ');

const ALGORITHMS = 'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519'.split(' ');
// RFC 6749, section 3.3. A scope that gives access to types is in the token of every caller.
const ownScope = matching(/^(?!system\/)[\x21\x23-\x5b\x5d-\x7e]+$/);
const REQUIRED = { isRequired: true } as const;
const guid = (found: string): string | undefined =>
  /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(found) ? found.toLowerCase() : undefined;

export const AUTHORIZATION = {
  authentication: variants(
    'AUTHENTICATION',
    'function-keys',
    'How callers authenticate themselves: with keys that the Functions host checks, with Entra ID by App Service authentication, with tokens of SMART Backend Services, or not at all, which is for localhost only. See [Callers](authorization.md).',
    {
      'function-keys': {},
      entra: {
        tenantId: text(
          'ENTRA_TENANT_ID',
          'the id of a tenant, a GUID',
          guid,
          REQUIRED,
          'The tenant whose users and applications may call, with the app roles `Export.Read`, `Export.Raw` and `DeIdentify`.',
        ),
        consoleClientId: text(
          'ENTRA_CONSOLE_CLIENT_ID',
          'the client id of an app registration, a GUID',
          guid,
          {},
          'Public client by which the [exports page](console.md#sign-in-with-entra-id) of the console signs users in. Unless set, a token is pasted there.',
        ),
        consoleScope: text(
          'ENTRA_CONSOLE_SCOPE',
          'one scope of this app, such as api://<client id>/user_impersonation',
          matching(/^[a-z][a-z0-9+.-]*:\/\/[\x21\x23-\x5b\x5d-\x7e]+$/i),
          {},
          'What the exports page asks a token for. With `ENTRA_CONSOLE_CLIENT_ID`, and needed there.',
        ),
        authority: url(
          'ENTRA_AUTHORITY',
          'an https URL of a host alone, such as https://login.microsoftonline.us',
          ({ protocol, username, pathname, search, hash }) =>
            protocol === 'https:' && `${username}${search}${hash}` === '' && pathname === '/',
          { default: 'https://login.microsoftonline.com' },
          'Where the exports page signs users in: Entra ID of the cloud that the tenant is in.',
        ),
      },
      smart: {
        audience: text(
          'SMART_AUDIENCE',
          'text',
          anyText,
          REQUIRED,
          'What `aud` of a token has to name, usually the FHIR base of this app.',
        ),
        issuer: privateUrl('SMART_ISSUER', REQUIRED, 'The authorization server, as `iss` in its tokens.'),
        jwksUrl: privateUrl(
          'SMART_JWKS_URL',
          REQUIRED,
          'Where the public keys of the authorization server are.',
        ),
        tokenUrl: privateUrl(
          'SMART_TOKEN_URL',
          REQUIRED,
          'The token endpoint that `.well-known/smart-configuration` names.',
        ),
        algorithms: list(
          'SMART_ALGORITHMS',
          `some of ${ALGORITHMS.join(', ')}, separated by commas`,
          (name) => ALGORITHMS.includes(name),
          { default: 'RS384, ES384' },
          'Algorithms that tokens may be signed with.',
        ),
        clockSkewSeconds: integer(
          'SMART_CLOCK_SKEW_SECONDS',
          { default: 60, min: 0, max: 300, unit: 'seconds' },
          "How far the authorization server's clock may be off.",
        ),
        rawScope: text(
          'SMART_RAW_SCOPE',
          'one scope of its own that does not begin with system/, such as export.raw',
          ownScope,
          {},
          'The scope that permits raw exports and searches without limits. Unless set, no caller is permitted.',
        ),
        deIdentifyScope: text(
          'SMART_DE_IDENTIFY_SCOPE',
          'one scope of its own that does not begin with system/, such as de-identify',
          ownScope,
          {},
          'The scope that permits [`$de-identify`](de-identify-operation.md), and nothing else.',
        ),
      },
      none: {},
    },
  ),
  filterParameters: list(
    'TYPE_FILTER_PARAMETERS',
    'names of search parameters without modifiers and chains, separated by commas, such as code, category, date',
    (name) => /^_?[a-z][a-z0-9-]*$/i.test(name) && name !== '_has',
    {},
    `Search parameters that \`_typeFilter\` may use without the permission for raw exports. Unless set: ${DEFAULT_FILTER_PARAMETERS.join(', ')}. With \`function-keys\` and \`none\`, where callers are not distinguished, only if set.`,
  ),
  minPatients: integer(
    'MIN_PATIENTS',
    { min: 0, max: 1000, unit: 'patients' },
    `Parts of a job (a type under one alternative of \`_typeFilter\`) that are of fewer patients, or of none, are withheld, unless the caller has the permission for raw exports; 0: no such limit. Unless set: ${DEFAULT_MIN_PATIENTS} with \`entra\` and \`smart\`, none with \`function-keys\` and \`none\`.`,
  ),
};

export const APPROVAL = {
  rule: choice(
    'CONFIGURATION_APPROVAL',
    APPROVAL_RULES,
    {},
    'Which configurations count as de-identification; what others export is raw data. `container`: all that can be read, since anyone who can write container `anonymization` or a registry of `ANONYMIZATION_REGISTRIES` approves; `coverage`: those whose coverage is complete, and those of `CONFIGURATION_DIGESTS`; `digest`: the latter alone. Unless set: `coverage` with `entra` and `smart`, `container` with `function-keys` and `none`.',
  ),
  digests: list(
    'CONFIGURATION_DIGESTS',
    'digests of configurations, sha256: and 64 hexadecimal digits, separated by commas',
    (digest) => isDigest(digest.toLowerCase()),
    { default: '' },
    'SHA-256 digests of configuration files that count as de-identification whatever they leave, as manifests and kick-offs name them.',
  ),
};

/** Where callers are distinguished, one may pick what another wrote; else no caller is kept from anything by who it is. */
export function approvalPolicy(
  { rule, digests }: Values<typeof APPROVAL>,
  { method }: Authentication,
): ApprovalPolicy {
  return {
    rule: rule ?? (method === 'entra' || method === 'smart' ? 'coverage' : 'container'),
    digests: new Set([...digests].map((digest) => digest.toLowerCase())),
  };
}
