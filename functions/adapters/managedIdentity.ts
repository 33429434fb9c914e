import type { TokenCredential } from '@azure/identity';

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

/** The library takes 3 MiB of each thread's heap, so it is loaded for the first token. */
function credentialOf(clientId: string | undefined): TokenCredential {
  const options = clientId === undefined ? {} : { managedIdentityClientId: clientId };
  let opened: Promise<TokenCredential> | undefined;
  const open = async (): Promise<TokenCredential> => {
    const { DefaultAzureCredential } = await import('@azure/identity');
    return new DefaultAzureCredential(options);
  };
  return { getToken: async (...call) => (await (opened ??= open())).getToken(...call) };
}

export function managedIdentityName(clientId: string | undefined): string {
  return clientId === undefined
    ? "the app's system-assigned managed identity"
    : `the managed identity with the client id ${clientId}`;
}

/** Whether `@azure/identity` threw it because there is no token to be had. */
export function isMissingIdentity(error: unknown): boolean {
  return (
    error instanceof Error &&
    /^(CredentialUnavailableError|AuthenticationError|AggregateAuthenticationError|AuthenticationRequiredError)$/.test(
      error.name,
    )
  );
}
