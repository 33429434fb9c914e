import { MAX_PAUSE_MS } from '../export/source/requestLimiter.js';
import { isLoopback } from '../common/loopback.js';
import type { Authentication } from './authorizationSettings.js';
import { isTrusted } from './registrySettings.js';
import { SCHEMA } from './schema.js';
import type { Environment, Setting, Values } from './setting.js';
import { isPrivateUrl } from './clientAuthentication.js';
import { privateKey } from './sourceSettings.js';
import { isSameAccount } from './storageSettings.js';

/** `functionTimeout` in host.json. */
export const FUNCTION_TIMEOUT_SECONDS = 1800;

type Given = Values<typeof SCHEMA>;

/** What settings must not be together. */
interface CrossCheck {
  /** Without a problem of their own, or nothing is checked. */
  readonly of: ReadonlyArray<Setting<unknown>>;
  /** The problem; `undefined`: none. */
  readonly find: (given: Given, environment: Environment) => string | undefined;
}

const { authorization, source, pseudonyms, defaultConfiguration, registries } = SCHEMA;

export const CROSS_CHECKS: readonly CrossCheck[] = [
  {
    of: [SCHEMA.fhirServerUrl, source.authentication],
    find: ({
      fhirServerUrl,
      source: {
        authentication: { method },
      },
    }) =>
      method === 'none' || isPrivateUrl(new URL(fhirServerUrl))
        ? undefined
        : `${SCHEMA.fhirServerUrl.name} must be an https URL with ${source.authentication.name}=${method}: anybody in between could read what lets the app in`,
  },
  {
    of: [source.authentication, privateKey],
    find: ({ source: { authentication: given } }) =>
      given.method === 'smart' && (given.keyId ?? given.privateKey.keyId) === undefined
        ? 'SOURCE_KEY_ID is missing: the source finds the public key by it; it is the kid of the key in the JWKS that is registered there'
        : undefined,
  },
  {
    of: [authorization.authentication],
    find: ({ authorization: { authentication } }, environment) => openness(authentication, environment),
  },
  {
    of: [authorization.authentication],
    find: ({ authorization: { authentication } }) =>
      authentication.method === 'entra' &&
      (authentication.consoleClientId === undefined) !== (authentication.consoleScope === undefined)
        ? 'ENTRA_CONSOLE_CLIENT_ID and ENTRA_CONSOLE_SCOPE go together: set both, or leave both out'
        : undefined,
  },
  {
    of: [authorization.authentication, SCHEMA.deIdentify],
    find: ({ authorization: { authentication }, deIdentify }) =>
      deIdentify.method === 'on' ? openOperation(authentication, deIdentify.anyCaller) : undefined,
  },
  {
    of: [defaultConfiguration.name, defaultConfiguration.collection],
    find: ({ defaultConfiguration: { name, collection } }) =>
      collection === undefined || name !== undefined
        ? undefined
        : `${defaultConfiguration.collection.name} needs ${defaultConfiguration.name.name}, the name of the file in the image`,
  },
  {
    of: [defaultConfiguration.collection, registries.trusted],
    find: ({ defaultConfiguration: { name, collection }, registries: { trusted } }) =>
      name === undefined || collection === undefined || isTrusted(trusted, collection)
        ? undefined
        : `${defaultConfiguration.collection.name} is in a registry, or a repository, that ${registries.trusted.name} does not name: add it there`,
  },
  {
    of: [SCHEMA.approval.rule, SCHEMA.approval.digests],
    find: ({ approval: { rule, digests } }) =>
      rule === 'digest' && digests.size === 0
        ? `${SCHEMA.approval.rule.name} is digest, but ${SCHEMA.approval.digests.name} lists none, so no configuration could be used`
        : undefined,
  },
  {
    of: [SCHEMA.downloadLinks, SCHEMA.exportStorage],
    find: ({ downloadLinks, exportStorage }) =>
      downloadLinks === 'sas' &&
      'connectionString' in exportStorage &&
      !/(^|;)\s*(AccountKey\s*=|UseDevelopmentStorage\s*=\s*true)/i.test(exportStorage.connectionString)
        ? 'DOWNLOAD_LINKS is sas, but the connection string in EXPORT_STORAGE has no AccountKey to sign with: give one with AccountKey, or reach the account with the managed identity'
        : undefined,
  },
  {
    of: [
      SCHEMA.sliceMaxSeconds,
      SCHEMA.sourceMaxAttempts,
      SCHEMA.sourceTimeoutSeconds,
      pseudonyms.service,
      pseudonyms.maxAttempts,
      pseudonyms.timeoutSeconds,
    ],
    // A slice looks at its time between pages, so the last of them may begin just before it is over.
    find: ({ sliceMaxSeconds, sourceMaxAttempts, sourceTimeoutSeconds, pseudonyms: service }) => {
      const pause = MAX_PAUSE_MS / 1000;
      const patience = (attempts: number, timeout: number): number =>
        attempts * timeout + (attempts - 1) * pause;
      const isAsked = service.service.method !== 'none';
      const longest =
        sliceMaxSeconds +
        patience(sourceMaxAttempts, sourceTimeoutSeconds) +
        (isAsked ? patience(service.maxAttempts, service.timeoutSeconds) : 0);
      const names = isAsked
        ? 'SOURCE_MAX_ATTEMPTS of SOURCE_TIMEOUT_SECONDS and PSEUDONYM_MAX_ATTEMPTS of PSEUDONYM_TIMEOUT_SECONDS'
        : 'SOURCE_MAX_ATTEMPTS of SOURCE_TIMEOUT_SECONDS';
      return longest > FUNCTION_TIMEOUT_SECONDS
        ? `SLICE_MAX_SECONDS, then ${names} with waits of up to ${pause} s between them, may take ${longest} s, but the host ends a call after ${FUNCTION_TIMEOUT_SECONDS} s (functionTimeout in host.json), and a slow source would be asked for the same again and again: lower one of the ${isAsked ? 'five' : 'three'}`
        : undefined;
    },
  },
  {
    of: [SCHEMA.exportStorage, source.mode],
    find: ({ exportStorage, source: { mode } }) =>
      mode.method === 'files' && isSameAccount(exportStorage, mode.account)
        ? 'EXPORT_STORAGE and SOURCE_STORAGE are the same storage account: give the exports an account of their own, since researchers reach it and the other holds identities'
        : undefined,
  },
  {
    of: [SCHEMA.exportStorage, SCHEMA.runtimeStorage],
    find: ({ exportStorage, runtimeStorage }) =>
      isSameAccount(exportStorage, runtimeStorage)
        ? 'EXPORT_STORAGE and AzureWebJobsStorage are the same storage account: give the exports an account of their own, since researchers reach it and the private state of the jobs lies in the other'
        : undefined,
  },
];

/** Nothing is open by accident: what would be open to anybody but this machine. */
function openness({ method }: Authentication, environment: Environment): string | undefined {
  const value = (name: string): string => environment[name]?.trim().toLowerCase() ?? '';
  switch (method) {
    case 'none':
      return servesLoopback(environment)
        ? undefined
        : 'AUTHENTICATION=none opens the app to everybody and works on localhost only, where WEBSITE_HOSTNAME says so: set it to function-keys, entra or smart';
    case 'function-keys':
      // Core Tools and the host's development mode check no keys; WEBSITE_HOSTNAME is Azure's, or localhost there.
      return !servesLoopback(environment) &&
        (value('FUNCTIONS_CORETOOLS_ENVIRONMENT') === 'true' ||
          (value('WEBSITE_HOSTNAME') !== '' && value('AZURE_FUNCTIONS_ENVIRONMENT') === 'development'))
        ? 'AUTHENTICATION=function-keys protects nothing here, since this host checks no keys in development mode and is not on localhost: set AZURE_FUNCTIONS_ENVIRONMENT to Production on a host that checks them, or AUTHENTICATION to entra or smart'
        : undefined;
    case 'entra':
      return value('WEBSITE_AUTH_ENABLED') === 'true'
        ? undefined
        : 'AUTHENTICATION=entra needs App Service authentication, without which anybody could write the header that says who is calling: turn it on with Microsoft as identity provider (the platform then sets WEBSITE_AUTH_ENABLED), or set AUTHENTICATION to function-keys or smart';
    case 'smart':
      return undefined;
  }
}

/** Who may use `$de-identify` is said, and not by accident. */
function openOperation(authentication: Authentication, isForAny: boolean): string | undefined {
  switch (authentication.method) {
    case 'none':
    case 'function-keys':
      return isForAny
        ? undefined
        : `DE_IDENTIFY is on, and AUTHENTICATION=${authentication.method} does not distinguish callers: whoever sends a guessed id gets its pseudonym. Set DE_IDENTIFY_ANY_CALLER to true where everybody who is let in may use it, or AUTHENTICATION to entra or smart`;
    case 'smart':
      if (authentication.deIdentifyScope === undefined)
        return 'DE_IDENTIFY is on, but SMART_DE_IDENTIFY_SCOPE is not set, so no caller could use it';
      return authentication.deIdentifyScope === authentication.rawScope
        ? 'SMART_DE_IDENTIFY_SCOPE and SMART_RAW_SCOPE are the same scope: give each permission one of its own'
        : undefined;
    case 'entra':
      return undefined;
  }
}

/** Whether the host is of this machine alone, by the name that it gives itself. */
export function servesLoopback(environment: Environment): boolean {
  const host = `http://${environment['WEBSITE_HOSTNAME']?.trim() ?? ''}`;
  return URL.canParse(host) && isLoopback(new URL(host));
}

/**
 * What is usable, but hardly as it was meant: for the log at the start. A preflight has no header of its own, so the
 * host answers one without `code` in its URL before the app sees it.
 */
export function settingsWarnings(
  origins: ReadonlySet<string>,
  { method }: Pick<Authentication, 'method'>,
): string[] {
  return origins.size === 0 || method !== 'function-keys'
    ? []
    : [
        'Warning: CORS_ORIGINS is set with AUTHENTICATION=function-keys. A browser sends no x-functions-key with its preflight, so a host that checks keys answers 401 and the page cannot read anything, unless the key is in the URL (code), where it must not be. Set AUTHENTICATION to entra or smart for web pages, or leave CORS_ORIGINS empty.',
      ];
}
