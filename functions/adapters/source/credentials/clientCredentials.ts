import type { SourceAuthentication } from '../../../settings/sourceSettings.js';
import { BearerToken } from './bearerToken.js';
import { requestToken, type TokenTransport } from './tokenEndpoint.js';

type ClientCredentials = Extract<SourceAuthentication, { method: 'client-credentials' }>;

/** Tokens for a client id and its secret: RFC 6749, section 4.4. */
export function clientCredentials(
  { clientId, clientSecret, scope, tokenUrl }: ClientCredentials,
  transport: TokenTransport,
): BearerToken {
  const basic = Buffer.from(`${formEncoded(clientId)}:${formEncoded(clientSecret)}`).toString('base64');
  return new BearerToken(
    () =>
      requestToken(
        new URL(tokenUrl),
        {
          headers: { authorization: `Basic ${basic}` },
          form: scope === undefined ? {} : { scope },
        },
        'SOURCE_CLIENT_ID and SOURCE_CLIENT_SECRET',
        transport,
      ),
    'it does not take the token that SOURCE_TOKEN_URL gave. See whether that is the token endpoint of this source, and to SOURCE_SCOPE.',
  );
}

/** As both are written before they are joined: RFC 6749, section 2.3.1. */
function formEncoded(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1);
}
