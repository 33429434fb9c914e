import type { TokenCredential } from '@azure/identity';
import { library } from './library.js';

const MAX_CAUSES = 5;

/** An identity of Microsoft Entra ID, and how it is called in messages. */
export interface ManagedIdentity {
  credential: TokenCredential;
  name: string;
}

/** The identity of the app: the user-assigned one with that client id, or the system-assigned one. */
export function managedIdentity(clientId: string | undefined): ManagedIdentity {
  return {
    credential: credentialOf(clientId),
    name: managedIdentityName(clientId),
  };
}

/** It takes 3 MiB of each thread's heap, so it is loaded for the first token. */
const identityLibrary = library('@azure/identity', () => import('@azure/identity'));

function credentialOf(clientId: string | undefined): TokenCredential {
  const options = clientId === undefined ? {} : { managedIdentityClientId: clientId };
  let credential: TokenCredential | undefined;
  return {
    getToken: async (...call) => {
      const { DefaultAzureCredential } = await identityLibrary();
      credential ??= new DefaultAzureCredential(options);
      return credential.getToken(...call);
    },
  };
}

export function managedIdentityName(clientId: string | undefined): string {
  return clientId === undefined
    ? "the app's system-assigned managed identity"
    : `the managed identity with the client id ${clientId}`;
}

/** Whether `@azure/identity` threw it because there is no token to be had, now and later. */
export function isMissingIdentity(error: unknown): boolean {
  return (
    error instanceof Error &&
    busyIdentity(error) === undefined &&
    /^(CredentialUnavailableError|AuthenticationError|AggregateAuthenticationError|AuthenticationRequiredError)$/.test(
      error.name,
    )
  );
}

/**
 * That the identity endpoint of the app is busy or fails for a time, in our own words, where that is why there is no
 * token. `@azure/identity` throws the same for it as for an identity that is missing: the status alone, which is in
 * what caused the error, tells them apart.
 */
export function busyIdentity(error: unknown): string | undefined {
  const status = busyStatus(error, MAX_CAUSES);
  if (status === undefined) return undefined;
  return `the identity endpoint of the app answered ${status}, since it is busy or fails for a time. Try again`;
}

function busyStatus(error: unknown, depth: number): number | undefined {
  if (!(error instanceof Error) || depth === 0) return undefined;
  if ('status' in error && typeof error.status === 'number' && isPassing(error.status)) return error.status;
  const causes: unknown[] = [
    error.cause,
    ...('errors' in error && Array.isArray(error.errors) ? error.errors : []),
  ];
  for (const cause of causes) {
    const status = busyStatus(cause, depth - 1);
    if (status !== undefined) return status;
  }
  return undefined;
}

function isPassing(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}
