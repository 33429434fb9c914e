import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { JSONWebKeySet } from 'jose';
import { openDispatchers } from '../../../functions/adapters/dispatchers.js';
import { FhirClient, type SourceFailureLine } from '../../../functions/adapters/source/fhirClient.js';
import { openSourceCredentials } from '../../../functions/adapters/source/credentials/openSourceCredentials.js';
import type { ExportError } from '../../../functions/common/errors.js';
import type { ProxySettings } from '../../../functions/settings/proxySettings.js';
import type { SourceAuthentication } from '../../../functions/settings/sourceSettings.js';

export const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
export const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });

export function jwks(...keys: Array<[kid: string, key: KeyObject]>): JSONWebKeySet {
  return {
    keys: keys.map(([kid, key]) => ({ ...key.export({ format: 'jwk' }), kid })) as JSONWebKeySet['keys'],
  };
}

export function smart(
  more: Partial<Extract<SourceAuthentication, { method: 'smart' }>> = {},
): SourceAuthentication {
  return {
    method: 'smart',
    clientId: 'export-client',
    scope: 'system/*.rs',
    assertionKey: { key: rsa.privateKey, algorithm: 'RS384', keyId: 'rsa' },
    tokenUrl: undefined,
    ...more,
  };
}

export interface ClientOptions {
  ca?: string;
  proxy?: ProxySettings;
  timeoutSeconds?: number;
  maxAttempts?: number;
}

/** The client as the app makes it, with all that it logged. */
export function clientOf(
  base: string,
  authentication: SourceAuthentication,
  { ca, proxy, timeoutSeconds = 20, maxAttempts = 1 }: ClientOptions = {},
): { client: FhirClient; log: SourceFailureLine[] } {
  const log: SourceFailureLine[] = [];
  const dispatcherFor = openDispatchers({ ca, proxy, timeoutMs: timeoutSeconds * 1000, keepAliveMs: 1000 });
  const client = new FhirClient({
    baseUrl: base,
    timeoutSeconds,
    maxAttempts,
    maxPageBytes: 1_048_576,
    dispatcherFor,
    credentials: openSourceCredentials(authentication, base, { dispatcherFor, timeoutSeconds }),
    log: (line) => log.push(line),
  });
  return { client, log };
}

export async function failureOf(promise: Promise<unknown>): Promise<ExportError> {
  return promise.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: ExportError) => error,
  );
}

/** All of an error that could be shown anywhere. */
export function allOf(error: ExportError): string {
  return JSON.stringify([error.message, error.stack, error.cause, error]);
}
