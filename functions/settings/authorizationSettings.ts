import { isLoopback } from '../common/loopback.js';

/** How callers show who they are. */
export type Authentication =
  | { way: 'none' }
  | { way: 'function-keys' }
  | { way: 'entra'; tenantId: string }
  | { way: 'smart'; smart: SmartSettings };

/** Whose tokens of SMART Backend Services are believed, and what for. */
export interface SmartSettings {
  issuer: string;
  audience: string;
  jwksUrl: URL;
  /** Where clients get their tokens, as the SMART configuration tells them. */
  tokenUrl: string;
  algorithms: string[];
  clockSkewSeconds: number;
  /** The scope that permits raw exports; `undefined`: none does. */
  rawScope: string | undefined;
}

export interface AuthorizationSettings {
  authentication: Authentication;
  /** Whether the host is of this machine alone, where nobody checks function keys. */
  servesLoopback: boolean;
  /** Names of the parameters that `_typeFilter` may use; `undefined`: not set. */
  filterParameters: ReadonlySet<string> | undefined;
  /** Fewest patients that each part of a job may be of; `undefined`: not set. */
  minPatients: number | undefined;
}

/** Without the permission for raw exports, a part of a job that is of fewer patients is withheld, unless MIN_PATIENTS is set. */
export const DEFAULT_MIN_PATIENTS = 10;
const MOST_MIN_PATIENTS = 1000;

/**
 * Parameters that a search may use without the permission for raw exports, unless TYPE_FILTER_PARAMETERS is set: codes,
 * categories, states and the time of care. None of them is on a name, an identifier, an address, a birth date, an id
 * or a text, and none leads to another resource.
 */
export const DEFAULT_FILTER_PARAMETERS: readonly string[] = [
  'code',
  'category',
  'type',
  'class',
  'status',
  'clinical-status',
  'verification-status',
  'intent',
  'priority',
  'severity',
  'vaccine-code',
  'combo-code',
  'component-code',
  'date',
  'onset-date',
  'recorded-date',
  'abatement-date',
  'authored',
  'authoredon',
  'effective',
  'effective-time',
  'issued',
];

const WAYS = ['function-keys', 'entra', 'smart', 'none'] as const;
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
const DEFAULT_ALGORITHMS = 'RS384, ES384';
const DEFAULT_CLOCK_SKEW_SECONDS = 60;
const MOST_CLOCK_SKEW_SECONDS = 300;

const row = (name: string, unit: string, initial: string, bounds: string, meaning: string) => ({
  name,
  unit,
  default: initial,
  bounds,
  meaning,
});

/** Rows of the settings table. */
export const authorizationDefinitions = [
  row(
    'AUTHENTICATION',
    '',
    'function-keys',
    WAYS.join(', '),
    'How callers show who they are: with keys that the Functions host checks, with Entra ID by App Service authentication, with tokens of SMART Backend Services, or not at all, which is for localhost only. See [Callers](authorization.md).',
  ),
  row(
    'ENTRA_TENANT_ID',
    '',
    '',
    'GUID',
    'With `entra`: the tenant whose users and applications may call, with the app roles `Export.Read` and `Export.Raw`.',
  ),
  row('SMART_ISSUER', '', '', 'https URL', 'With `smart`: the authorization server, as `iss` in its tokens.'),
  row(
    'SMART_AUDIENCE',
    '',
    '',
    'text',
    'With `smart`: what `aud` has to name, usually the FHIR base of this app.',
  ),
  row(
    'SMART_JWKS_URL',
    '',
    '',
    'https URL',
    'With `smart`: where the public keys of the authorization server are.',
  ),
  row(
    'SMART_TOKEN_URL',
    '',
    '',
    'https URL',
    'With `smart`: the token endpoint that `.well-known/smart-configuration` tells clients.',
  ),
  row(
    'SMART_ALGORITHMS',
    '',
    DEFAULT_ALGORITHMS,
    ALGORITHMS.join(', '),
    'With `smart`: algorithms that tokens may be signed with, separated by commas.',
  ),
  row(
    'SMART_CLOCK_SKEW_SECONDS',
    'seconds',
    String(DEFAULT_CLOCK_SKEW_SECONDS),
    `0 to ${MOST_CLOCK_SKEW_SECONDS}`,
    "With `smart`: how far the authorization server's clock may be off.",
  ),
  row(
    'SMART_RAW_SCOPE',
    '',
    '',
    'scope',
    'With `smart`: the scope that permits raw exports and searches without limits. Unless set, nobody is permitted.',
  ),
  row(
    'TYPE_FILTER_PARAMETERS',
    '',
    '',
    'names of search parameters, comma-separated',
    `Search parameters that \`_typeFilter\` may use without the permission for raw exports. Unless set: ${DEFAULT_FILTER_PARAMETERS.join(', ')}. With \`function-keys\` and \`none\`, where callers are not told apart, only if set.`,
  ),
  row(
    'MIN_PATIENTS',
    'patients',
    String(DEFAULT_MIN_PATIENTS),
    `0 to ${MOST_MIN_PATIENTS}`,
    'Parts of a job (a type under one alternative of `_typeFilter`) that are of fewer patients, or of none, are withheld, unless the caller has the permission for raw exports; 0: no such limit. With `function-keys` and `none`, only if set.',
  ),
];

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads who may call; what is wrong is added to `problems`, which quote no value. Nothing is open by accident: what
 * would be open to anybody but this machine is a problem.
 */
export function readAuthorizationSettings(
  environment: Environment,
  problems: string[],
): AuthorizationSettings {
  const value = (name: string): string => environment[name]?.trim() ?? '';
  const servesLoopback = isLoopbackName(value('WEBSITE_HOSTNAME'));
  return {
    authentication: readAuthentication(environment, servesLoopback, problems),
    servesLoopback,
    filterParameters: readFilterParameters(value('TYPE_FILTER_PARAMETERS'), problems),
    minPatients:
      value('MIN_PATIENTS') === ''
        ? undefined
        : wholeNumber('MIN_PATIENTS', value('MIN_PATIENTS'), MOST_MIN_PATIENTS, 'patients', problems),
  };
}

function readAuthentication(
  environment: Environment,
  servesLoopback: boolean,
  problems: string[],
): Authentication {
  const value = (name: string): string => environment[name]?.trim() ?? '';
  const isTrue = (name: string): boolean => value(name).toLowerCase() === 'true';
  const way = WAYS.find((known) => known === (value('AUTHENTICATION').toLowerCase() || 'function-keys'));
  switch (way) {
    case undefined:
      problems.push(`AUTHENTICATION must be one of ${WAYS.join(', ')}`);
      return { way: 'none' };
    case 'none':
      if (!servesLoopback) {
        problems.push(
          'AUTHENTICATION=none opens the app to everybody and works on localhost only, where WEBSITE_HOSTNAME says so: set it to function-keys, entra or smart',
        );
      }
      return { way };
    case 'function-keys':
      // Core Tools and the host's development mode check no keys; WEBSITE_HOSTNAME is Azure's, or localhost there.
      if (
        !servesLoopback &&
        (isTrue('FUNCTIONS_CORETOOLS_ENVIRONMENT') ||
          (value('WEBSITE_HOSTNAME') !== '' &&
            value('AZURE_FUNCTIONS_ENVIRONMENT').toLowerCase() === 'development'))
      ) {
        problems.push(
          'AUTHENTICATION=function-keys protects nothing here, since this host checks no keys in development mode and is not on localhost: set AZURE_FUNCTIONS_ENVIRONMENT to Production on a host that checks them, or AUTHENTICATION to entra or smart',
        );
      }
      return { way };
    case 'entra':
      if (!isTrue('WEBSITE_AUTH_ENABLED')) {
        problems.push(
          'AUTHENTICATION=entra needs App Service authentication, without which anybody could write the header that says who is calling: turn it on with Microsoft as identity provider (the platform then sets WEBSITE_AUTH_ENABLED), or set AUTHENTICATION to function-keys or smart',
        );
      }
      if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value('ENTRA_TENANT_ID'))) {
        problems.push(
          'ENTRA_TENANT_ID must be the id of the tenant that may call, a GUID: AUTHENTICATION=entra needs it',
        );
      }
      return { way, tenantId: value('ENTRA_TENANT_ID').toLowerCase() };
    case 'smart':
      return { way, smart: readSmart(environment, problems) };
  }
}

function readSmart(environment: Environment, problems: string[]): SmartSettings {
  const value = (name: string): string => environment[name]?.trim() ?? '';
  const url = (name: string): string => {
    const text = value(name);
    if (!isPrivateUrl(text)) {
      problems.push(`${name} must be an https URL without user and fragment: AUTHENTICATION=smart needs it`);
      return 'https://invalid.invalid';
    }
    return text;
  };
  const audience = value('SMART_AUDIENCE');
  if (audience === '') {
    problems.push(
      'SMART_AUDIENCE is missing: AUTHENTICATION=smart needs what aud names in the tokens for this app, usually its FHIR base',
    );
  }
  const algorithms = (value('SMART_ALGORITHMS') || DEFAULT_ALGORITHMS).split(',').map((name) => name.trim());
  if (algorithms.some((name) => !ALGORITHMS.includes(name))) {
    problems.push(`SMART_ALGORITHMS must be some of ${ALGORITHMS.join(', ')}, separated by commas`);
  }
  const rawScope = value('SMART_RAW_SCOPE');
  // RFC 6749, section 3.3. A scope that gives access to types is in everybody's token.
  if (rawScope !== '' && (!/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(rawScope) || rawScope.startsWith('system/'))) {
    problems.push(
      'SMART_RAW_SCOPE must be one scope of its own that does not begin with system/, such as export.raw',
    );
  }
  return {
    issuer: url('SMART_ISSUER'),
    audience,
    jwksUrl: new URL(url('SMART_JWKS_URL')),
    tokenUrl: url('SMART_TOKEN_URL'),
    algorithms,
    clockSkewSeconds: wholeNumber(
      'SMART_CLOCK_SKEW_SECONDS',
      value('SMART_CLOCK_SKEW_SECONDS') || String(DEFAULT_CLOCK_SKEW_SECONDS),
      MOST_CLOCK_SKEW_SECONDS,
      'seconds',
      problems,
    ),
    rawScope: rawScope === '' ? undefined : rawScope,
  };
}

function readFilterParameters(text: string, problems: string[]): ReadonlySet<string> | undefined {
  if (text === '') return undefined;
  const names = text.split(',').map((name) => name.trim());
  if (names.some((name) => !/^_?[a-z][a-z0-9-]*$/i.test(name) || name === '_has')) {
    problems.push(
      'TYPE_FILTER_PARAMETERS must be names of search parameters without modifiers and chains, separated by commas, such as code, category, date',
    );
  }
  return new Set(names);
}

function wholeNumber(name: string, text: string, most: number, unit: string, problems: string[]): number {
  const number = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (number <= most) return number;
  problems.push(`${name} must be a whole number from 0 to ${most} (${unit})`);
  return 0;
}

function isLoopbackName(hostName: string): boolean {
  return hostName !== '' && URL.canParse(`http://${hostName}`) && isLoopback(new URL(`http://${hostName}`));
}

/** Nobody on the way can read or change what goes to or comes from there. */
function isPrivateUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  const isPrivate = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url));
  return isPrivate && url.hash === '' && `${url.username}${url.password}` === '';
}
