import { HttpRequest } from '@azure/functions';
import { describe, expect, it } from 'vitest';
import { openDispatchers } from '../../functions/adapters/dispatchers.js';
import { DEFAULT_FILTER_PARAMETERS } from '../../functions/settings/authorizationSettings.js';
import { openAuthorization } from '../../functions/http/authorization/openAuthorization.js';
import { readSettings, SettingsError } from '../../functions/settings/settings.js';
import { REQUIRED_SETTINGS } from '../environment.js';

const AZURE = { WEBSITE_HOSTNAME: 'contoso-export.azurewebsites.net' };
const CORE_TOOLS = {
  WEBSITE_HOSTNAME: 'localhost:7071',
  FUNCTIONS_CORETOOLS_ENVIRONMENT: 'true',
  AZURE_FUNCTIONS_ENVIRONMENT: 'Development',
};
const ENTRA = { AUTHENTICATION: 'entra', ENTRA_TENANT_ID: '11111111-2222-3333-4444-555555555555' };
const CONSOLE = {
  ENTRA_CONSOLE_CLIENT_ID: '66666666-2222-3333-4444-555555555555',
  ENTRA_CONSOLE_SCOPE: 'api://export/user_impersonation',
};
const SMART = {
  AUTHENTICATION: 'smart',
  SMART_ISSUER: 'https://login.example.org',
  SMART_AUDIENCE: 'https://export.example.org/fhir',
  SMART_JWKS_URL: 'https://login.example.org/jwks.json',
  SMART_TOKEN_URL: 'https://login.example.org/token',
};

function problemsOf(environment: Record<string, string>): string {
  try {
    readSettings({ ...REQUIRED_SETTINGS, ...environment });
    return '';
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return error.message;
  }
}

describe('nothing is open by accident: the app', () => {
  it.each<[string, Record<string, string>]>([
    ['on Azure with keys, the default', AZURE],
    ['on a host that says no name, with keys', {}],
    ['on localhost with Core Tools', CORE_TOOLS],
    ['on localhost without authentication', { AUTHENTICATION: 'none', WEBSITE_HOSTNAME: '127.0.0.1:7071' }],
    ['on localhost by its IPv6 address', { AUTHENTICATION: 'none', WEBSITE_HOSTNAME: '[::1]:7071' }],
    ['with Entra ID', { ...AZURE, ...ENTRA, WEBSITE_AUTH_ENABLED: 'True' }],
    [
      'with Entra ID and a client of the console',
      { ...AZURE, ...ENTRA, ...CONSOLE, WEBSITE_AUTH_ENABLED: 'True' },
    ],
    ['with SMART', { ...AZURE, ...SMART }],
    [
      'with SMART and an authorization server on this machine',
      { ...CORE_TOOLS, ...SMART, SMART_JWKS_URL: 'http://127.0.0.1:9000/jwks' },
    ],
  ])('starts %s', (_name, environment) => {
    expect(problemsOf(environment)).toBe('');
  });

  it.each<[string, Record<string, string>, RegExp]>([
    [
      'on Azure without authentication',
      { ...AZURE, AUTHENTICATION: 'none' },
      /AUTHENTICATION=none.*set it to function-keys, entra or smart/,
    ],
    [
      'without authentication where no host says it is local',
      { AUTHENTICATION: 'none' },
      /AUTHENTICATION=none/,
    ],
    [
      'without authentication on a host that only looks local',
      { AUTHENTICATION: 'none', WEBSITE_HOSTNAME: 'localhost.example.org' },
      /AUTHENTICATION=none/,
    ],
    [
      'with keys that its host does not check, and not on localhost',
      { ...CORE_TOOLS, WEBSITE_HOSTNAME: '10.0.0.4:7071' },
      /AUTHENTICATION=function-keys protects nothing/,
    ],
    [
      'with keys on a host in development mode elsewhere',
      { ...AZURE, AZURE_FUNCTIONS_ENVIRONMENT: 'Development' },
      /AZURE_FUNCTIONS_ENVIRONMENT to Production/,
    ],
    [
      "with Entra ID while the platform's authentication is off",
      { ...AZURE, ...ENTRA },
      /WEBSITE_AUTH_ENABLED/,
    ],
    [
      "with Entra ID while the platform's authentication is said to be off",
      { ...AZURE, ...ENTRA, WEBSITE_AUTH_ENABLED: 'False' },
      /WEBSITE_AUTH_ENABLED/,
    ],
    ['with Entra ID on localhost', { ...CORE_TOOLS, ...ENTRA }, /WEBSITE_AUTH_ENABLED/],
    [
      'with Entra ID of any tenant',
      { ...AZURE, AUTHENTICATION: 'entra', WEBSITE_AUTH_ENABLED: 'True' },
      /ENTRA_TENANT_ID/,
    ],
    ...Object.keys(CONSOLE).map((name): [string, Record<string, string>, RegExp] => [
      `with a client of the console without ${name}`,
      { ...AZURE, ...ENTRA, ...CONSOLE, WEBSITE_AUTH_ENABLED: 'True', [name]: '' },
      /ENTRA_CONSOLE_CLIENT_ID and ENTRA_CONSOLE_SCOPE go together/,
    ]),
    ...['http://login.example.org', 'https://login.example.org/tenant', 'https://a@login.example.org'].map(
      (ENTRA_AUTHORITY): [string, Record<string, string>, RegExp] => [
        `with an authority at ${ENTRA_AUTHORITY}`,
        { ...AZURE, ...ENTRA, WEBSITE_AUTH_ENABLED: 'True', ENTRA_AUTHORITY },
        /ENTRA_AUTHORITY must be an https URL of a host alone/,
      ],
    ),
    ['with an unknown method', { ...AZURE, AUTHENTICATION: 'basic' }, /AUTHENTICATION must be one of/],
    [
      'with half of SMART, all that is missing at once',
      { ...AZURE, AUTHENTICATION: 'smart' },
      /SMART_AUDIENCE[^]*SMART_ISSUER[^]*SMART_JWKS_URL[^]*SMART_TOKEN_URL/,
    ],
    [
      'with keys read over http',
      { ...AZURE, ...SMART, SMART_JWKS_URL: 'http://login.example.org/jwks' },
      /SMART_JWKS_URL must be an https URL/,
    ],
    [
      'with a symmetric algorithm',
      { ...AZURE, ...SMART, SMART_ALGORITHMS: 'RS384, HS256' },
      /SMART_ALGORITHMS/,
    ],
    ['with no algorithm', { ...AZURE, ...SMART, SMART_ALGORITHMS: 'none' }, /SMART_ALGORITHMS/],
    [
      'with a scope of types as the raw scope',
      { ...AZURE, ...SMART, SMART_RAW_SCOPE: 'system/*.rs' },
      /SMART_RAW_SCOPE/,
    ],
    [
      'with a chain among the parameters of filters',
      { ...AZURE, TYPE_FILTER_PARAMETERS: 'code, subject.name' },
      /TYPE_FILTER_PARAMETERS/,
    ],
    ['with fewer patients than none', { ...AZURE, MIN_PATIENTS: '-1' }, /MIN_PATIENTS/],
  ])('does not start %s', (_name, environment, words) => {
    expect(problemsOf(environment)).toMatch(words);
  });
});

it.each(['none', 'function-keys'])(
  'a browser of this machine is not led to the app by a foreign name (%s)',
  async (method) => {
    const settings = readSettings({
      ...REQUIRED_SETTINGS,
      ...CORE_TOOLS,
      AUTHENTICATION: method,
    }).authorization;
    const authorize = openAuthorization(
      settings,
      openDispatchers({ timeoutMs: 1000, keepAliveMs: 1000 }),
      () => true,
    );
    const ask = (host: string): Promise<unknown> =>
      authorize(new HttpRequest({ method: 'GET', url: `http://${host}/fhir/$export` }));
    expect(await ask('localhost:7071')).toEqual({ kind: 'unknown' });
    expect(await ask('127.0.0.1:7071')).toEqual({ kind: 'unknown' });
    await expect(ask('rebound.example.org:7071')).rejects.toMatchObject({ status: 403 });
  },
);

it('by default no filter is on what identifies a person', () => {
  const identifying =
    /name|family|given|ident|address|telecom|phone|email|birth|death|^_|text|content|patient|subject|participant|account|url|link/;
  expect(DEFAULT_FILTER_PARAMETERS.filter((name) => identifying.test(name))).toEqual([]);
});

describe('$de-identify is on only where it is said who may use it: with', () => {
  const ON = { DE_IDENTIFY: 'on' };
  it.each<[string, Record<string, string>, RegExp]>([
    ['function keys', { ...AZURE, ...ON }, /AUTHENTICATION=function-keys.*DE_IDENTIFY_ANY_CALLER/],
    [
      'no authentication',
      { ...CORE_TOOLS, ...ON, AUTHENTICATION: 'none' },
      /AUTHENTICATION=none.*DE_IDENTIFY_ANY_CALLER/,
    ],
    [
      'SMART without its scope',
      { ...AZURE, ...ON, ...SMART, DE_IDENTIFY_ANY_CALLER: 'true' },
      /SMART_DE_IDENTIFY_SCOPE is not set/,
    ],
    [
      'a scope of SMART that is that of raw exports',
      { ...AZURE, ...ON, ...SMART, SMART_DE_IDENTIFY_SCOPE: 'raw', SMART_RAW_SCOPE: 'raw' },
      /the same scope/,
    ],
    [
      'a scope of SMART that every caller has',
      { ...AZURE, ...SMART, SMART_DE_IDENTIFY_SCOPE: 'system/*.rs' },
      /SMART_DE_IDENTIFY_SCOPE must be/,
    ],
  ])('%s the app does not start', (_name, environment, problem) => {
    expect(problemsOf(environment)).toMatch(problem);
  });

  it.each<[string, Record<string, string>]>([
    ['function keys and DE_IDENTIFY_ANY_CALLER', { ...AZURE, ...ON, DE_IDENTIFY_ANY_CALLER: 'true' }],
    [
      'no authentication and DE_IDENTIFY_ANY_CALLER',
      { ...CORE_TOOLS, ...ON, AUTHENTICATION: 'none', DE_IDENTIFY_ANY_CALLER: 'true' },
    ],
    ['SMART and its scope', { ...AZURE, ...ON, ...SMART, SMART_DE_IDENTIFY_SCOPE: 'de-identify' }],
    ['Entra ID', { ...AZURE, ...ON, ...ENTRA, WEBSITE_AUTH_ENABLED: 'True' }],
    ['function keys where it is off', { ...AZURE, DE_IDENTIFY: 'off' }],
  ])('%s the app starts', (_name, environment) => {
    expect(problemsOf(environment)).toBe('');
  });
});
