import {
  type AccountInfo,
  AuthError,
  CacheLookupPolicy,
  createStandardPublicClientApplication,
  type IPublicClientApplication,
} from '@azure/msal-browser';
import type { SignInAt } from '../../functions/http/console/pages.js';

/*
 * A bundle of its own, which the exports page loads when somebody signs in. Tokens, the code and its verifier are in
 * the memory of this script.
 */

/** For a person, with a second factor. */
const MAX_SIGN_IN_MS = 600_000;

/** A sign-in in a window of its own. */
export interface WindowSignIn {
  /** Asks a person to sign in. @returns an access token @throws SignInError */
  signIn(): Promise<string>;
  /** The access token, renewed where it is about to expire; `undefined`: it takes another sign-in. */
  token(): Promise<string | undefined>;
}

/** Why nobody is signed in, by a code without any text of the server. */
export class SignInError extends Error {
  override readonly name = 'SignInError';
}

/** @param redirectUri of the page that the sign-in ends at, as it is registered for the client */
export async function openSignIn(
  { authority, clientId, scope }: SignInAt,
  redirectUri: string,
): Promise<WindowSignIn> {
  const client = await createStandardPublicClientApplication({
    // The settings name the server: it is not to be looked up at another one.
    auth: { clientId, authority, knownAuthorities: [new URL(authority).host], redirectUri },
    cache: { cacheLocation: 'memoryStorage' },
    system: {
      popupBridgeTimeout: MAX_SIGN_IN_MS,
      loggerOptions: { loggerCallback: () => undefined, piiLoggingEnabled: false },
    },
  });
  return new EntraSignIn(client, scope);
}

class EntraSignIn implements WindowSignIn {
  readonly #client: IPublicClientApplication;
  readonly #scopes: string[];
  #account: AccountInfo | undefined;

  constructor(client: IPublicClientApplication, scope: string) {
    this.#client = client;
    this.#scopes = [scope];
  }

  async signIn(): Promise<string> {
    try {
      const { accessToken, account } = await this.#client.acquireTokenPopup({
        scopes: this.#scopes,
        prompt: 'select_account',
        // The page cannot see that the window of an earlier attempt was closed.
        overrideInteractionInProgress: true,
      });
      this.#account = account ?? undefined;
      return accessToken;
    } catch (error) {
      throw new SignInError(error instanceof AuthError ? error.errorCode : 'unknown');
    }
  }

  async token(): Promise<string | undefined> {
    if (this.#account === undefined) return undefined;
    try {
      const { accessToken } = await this.#client.acquireTokenSilent({
        scopes: this.#scopes,
        account: this.#account,
        // Never by a hidden frame, which the policy of the page refuses.
        cacheLookupPolicy: CacheLookupPolicy.AccessTokenAndRefreshToken,
      });
      return accessToken;
    } catch {
      return undefined;
    }
  }
}
