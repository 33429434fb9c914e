import { readFileSync } from 'node:fs';
import type { TokenCredential } from '@azure/identity';
import { openDispatchers } from '../../functions/adapters/dispatchers.js';
import { BearerToken } from '../../functions/adapters/source/credentials/bearerToken.js';
import { noCredentials } from '../../functions/adapters/source/credentials/none.js';
import { openSourceCredentials } from '../../functions/adapters/source/credentials/openSourceCredentials.js';
import type { SourceCredentials } from '../../functions/adapters/source/credentials/sourceCredentials.js';
import { staticHeader } from '../../functions/adapters/source/credentials/staticHeader.js';
import { ExportError } from '../../functions/common/errors.js';
import { isPrivateUrl } from '../../functions/settings/clientAuthentication.js';
import { PROXY } from '../../functions/settings/proxySettings.js';
import { certificates } from '../../functions/settings/registrySettings.js';
import {
  choice,
  type Environment,
  matching,
  readValues,
  required,
  text,
} from '../../functions/settings/setting.js';
import { SOURCE, sourceSettings } from '../../functions/settings/sourceSettings.js';
import { settingsOf } from '../config/environment.js';
import { UsageError } from '../command.js';
import { fileFault } from '../fileFault.js';
import { inClientWords } from './serverFailure.js';
import type { Access } from './serverRequests.js';

/** How a caller authenticates itself, beside the methods that the app itself has at its source. */
const AUTHENTICATION = choice(
  'CALLER_AUTHENTICATION',
  ['none', 'function-key', 'entra', 'smart', 'client-credentials', 'bearer-token'],
  { default: 'none' },
  'How the client authenticates itself',
);
const secret = (name: string, description: string) =>
  required(
    text(
      name,
      'printable ASCII on one line',
      matching(/^[\x21-\x7e]{1,16384}$/),
      { isSecret: true },
      description,
    ),
  );
const FUNCTION_KEY = secret('CALLER_FUNCTION_KEY', 'A key of the Functions host');
const BEARER_TOKEN = secret('CALLER_BEARER_TOKEN', 'An access token');
const SCOPE = text(
  'CALLER_SCOPE',
  'a scope without blanks',
  matching(/^[\x21-\x7e]+$/),
  {},
  'The scope of the token',
);
const CA = certificates('CALLER_CA', 'Certificates that the server is trusted by');
/** Each may be in a file, which the variable with `_FILE` at its end names. */
const SECRETS = ['CALLER_FUNCTION_KEY', 'CALLER_BEARER_TOKEN', 'CALLER_PRIVATE_KEY', 'CALLER_CLIENT_SECRET'];
const TIMEOUT_SECONDS = 60;

/**
 * How the server is reached, by the settings `CALLER_…` and those of proxies.
 * @throws UsageError where they do not do
 */
export async function callerAccess(
  baseUrl: string,
  given: Environment,
  signal: AbortSignal,
): Promise<Access> {
  const environment = withFiles(given);
  const { method, ca } = settingsOf({ method: AUTHENTICATION, ca: CA }, environment);
  const proxy = settingsOf(PROXY, environment);
  if (method !== 'none' && !isPrivateUrl(new URL(baseUrl)))
    throw new UsageError('Credentials are sent by https alone, or to this machine: correct --base.');
  const dispatcherFor = openDispatchers({ ca, proxy, timeoutMs: TIMEOUT_SECONDS * 1000, keepAliveMs: 1000 });
  const transport = { dispatcherFor, timeoutSeconds: TIMEOUT_SECONDS };
  const credentials = async (): Promise<SourceCredentials> => {
    switch (method) {
      case 'none':
        return noCredentials;
      case 'function-key':
        return functionKey(environment);
      case 'bearer-token':
        return bearerToken(given);
      case 'entra':
        return entra(baseUrl, environment);
      case 'smart':
      case 'client-credentials':
        return openSourceCredentials(asAtSource(environment, baseUrl), baseUrl, transport);
    }
  };
  return { credentials: await credentials(), ca, proxy, signal };
}

function functionKey(environment: Environment): SourceCredentials {
  const { value } = settingsOf({ value: FUNCTION_KEY }, environment);
  return {
    ...staticHeader({ name: 'x-functions-key', value }),
    remedy: 'it does not take the key of CALLER_FUNCTION_KEY.',
  };
}

/** A token that somebody else renews: in a file, it is read anew when it is refused. */
function bearerToken(given: Environment): SourceCredentials {
  const header = async () => {
    const { value } = settingsOf({ value: BEARER_TOKEN }, withFiles(given));
    return { name: 'Authorization', value: `Bearer ${value}` };
  };
  void settingsOf({ value: BEARER_TOKEN }, withFiles(given));
  return {
    header,
    renewed: async (refused) => {
      const other = await header();
      return other.value === refused.value ? undefined : other;
    },
    remedy: 'it does not take the token of CALLER_BEARER_TOKEN, which may have expired.',
  };
}

/** Tokens of Microsoft Entra ID for who is signed in here, or for the identity of this machine. */
async function entra(baseUrl: string, environment: Environment): Promise<SourceCredentials> {
  const { scope = `${new URL(baseUrl).origin}/.default` } = settingsOf({ scope: SCOPE }, environment);
  // Its start takes a moment, which others need not wait.
  const { DefaultAzureCredential } = await import('@azure/identity');
  return entraToken(scope, new DefaultAzureCredential());
}

/** @param credential where tokens come from */
export function entraToken(scope: string, credential: TokenCredential): SourceCredentials {
  return new BearerToken(async () => {
    const token = await credential.getToken(scope).catch(() => null);
    if (token !== null) return { value: token.token, expiresAt: token.expiresOnTimestamp };
    throw new ExportError(
      'source-denied',
      'There is no token of Microsoft Entra ID: sign in (az login), or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, and see to CALLER_SCOPE.',
    );
  }, 'it does not take the token of Microsoft Entra ID. See to CALLER_SCOPE, which has to name the application of the server: api://<its id>/.default.');
}

/** The settings of a method that the app has at its source, too. */
function asAtSource(
  environment: Environment,
  baseUrl: string,
): ReturnType<typeof sourceSettings>['authentication'] {
  const renamed = Object.entries(environment).flatMap(([name, value]) =>
    name.startsWith('CALLER_') ? [[name.replace('CALLER_', 'SOURCE_'), value] as const] : [],
  );
  const problems: string[] = [];
  const values = readValues(SOURCE, Object.fromEntries(renamed), (_setting, problem) =>
    problems.push(problem),
  );
  if (problems.length > 0) throw new UsageError(inClientWords(`${problems.join('. ')}.`));
  const { authentication } = sourceSettings(values, baseUrl);
  if (authentication.method === 'smart' && authentication.assertionKey.keyId === '')
    throw new UsageError(
      'CALLER_KEY_ID is missing: the kid under which the server knows the key, which the JWK has not.',
    );
  return authentication;
}

/** The environment with the secrets that are in files. @throws UsageError where one cannot be read */
function withFiles(environment: Environment): Environment {
  const read = SECRETS.flatMap((name) => {
    const path = environment[`${name}_FILE`] ?? '';
    if (path === '') return [];
    try {
      return [[name, readFileSync(path, 'utf8').trim()] as const];
    } catch (error) {
      throw new UsageError(`The file of ${name}_FILE cannot be read (${fileFault(error)}).`);
    }
  });
  return { ...environment, ...Object.fromEntries(read) };
}
