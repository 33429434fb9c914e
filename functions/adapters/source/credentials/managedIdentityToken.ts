import { ExportError } from '../../../common/errors.js';
import {
  busyIdentity,
  isMissingIdentity,
  managedIdentity,
  type ManagedIdentity,
} from '../../managedIdentity.js';
import { BearerToken } from './bearerToken.js';

/** Tokens of Microsoft Entra ID for the app's identity. */
export function managedIdentityToken(
  { clientId, scope }: { clientId: string | undefined; scope: string },
  identity: ManagedIdentity = managedIdentity(clientId),
): BearerToken {
  return new BearerToken(async () => {
    try {
      const token = await identity.credential.getToken(scope);
      if (token !== null) return { value: token.token, expiresAt: token.expiresOnTimestamp };
    } catch (error) {
      if (error instanceof ExportError) throw error;
      if (!isMissingIdentity(error)) {
        const why = busyIdentity(error);
        throw new ExportError(
          'source-unreachable',
          `A token for ${identity.name}, with which the source is read, cannot be had now${
            why === undefined
              ? '. Try again; see whether the app reaches its identity endpoint, and whether a proxy is in between (NO_PROXY).'
              : `: ${why}.`
          }`,
          true,
        );
      }
    }
    throw new ExportError(
      'source-denied',
      `No token could be had for ${identity.name}, with which the source is read. Switch the identity on for the app, and see to SOURCE_CLIENT_ID and SOURCE_SCOPE.`,
      true,
    );
  }, `it does not take the token of ${identity.name}. See to SOURCE_SCOPE, which has to name the audience of the source, and let the source trust the tenant of the app.`);
}
