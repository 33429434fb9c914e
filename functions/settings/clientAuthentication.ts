import { anyText, matching, required, text, url } from './setting.js';
import { isLoopback } from '../common/loopback.js';

/** What the settings of one server are called. */
interface Words {
  /** What their names begin with: `SOURCE`. */
  readonly prefix: string;
  /** The server, in descriptions. */
  readonly server: string;
  /** What the scope is where it is not set. */
  readonly scopes: string;
  readonly tokenEndpoint: string;
}

/** The settings by which the app authenticates itself at a server, but for those of one method alone. */
export function clientAuthentication({ prefix, server, scopes, tokenEndpoint }: Words) {
  const clientId = text(
    `${prefix}_CLIENT_ID`,
    'printable ASCII',
    matching(/^[\x20-\x7e]{1,500}$/),
    {},
    'Client id at the token endpoint, or of the user-assigned managed identity.',
  );
  const scope = text(
    `${prefix}_SCOPE`,
    'scopes, separated by single spaces',
    // RFC 6749, section 3.3
    matching(/^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/),
    {},
    `Requested with a token. ${scopes}`,
  );
  const tokenUrl = privateUrl(`${prefix}_TOKEN_URL`, {}, tokenEndpoint);
  return {
    clientId,
    scope,
    tokenUrl,
    header: {
      name: text(
        `${prefix}_HEADER_NAME`,
        'the name of a header that lets a client in, such as Authorization or X-Api-Key',
        // A token of RFC 9110, section 5.6.2, that is not one the client itself sends.
        matching(
          /^(?!(?:accept|accept-encoding|connection|content-.*|expect|host|keep-alive|prefer|proxy-.*|te|trailer|transfer-encoding|upgrade)$)[!#$%&'*+.^_`|~\w-]{1,100}$/i,
        ),
        { default: 'Authorization' },
        `Header that every request to ${server} has.`,
      ),
      value: text(
        `${prefix}_HEADER_VALUE`,
        'printable ASCII on one line',
        matching(/^[\x20-\x7e]{1,16384}$/),
        { isRequired: true, isSecret: true },
        'Value of the header, such as `Bearer …`.',
      ),
    },
    clientCredentials: {
      clientId: required(clientId),
      clientSecret: text(
        `${prefix}_CLIENT_SECRET`,
        'text',
        anyText,
        { isRequired: true, isSecret: true },
        'Secret of the client.',
      ),
      tokenUrl: required(tokenUrl),
      scope,
    },
  };
}

/** A URL by https, or on this machine: what goes there or comes from there cannot be read or changed in between. */
export function privateUrl<const O extends { isRequired?: true }>(
  name: string,
  options: O,
  description: string,
): ReturnType<typeof url<O>> {
  return url(
    name,
    'an https URL without user and fragment, e.g. https://login.example.org/token',
    (found) => isPrivateUrl(found) && found.hash === '' && `${found.username}${found.password}` === '',
    options,
    description,
  );
}

export function isPrivateUrl(found: URL): boolean {
  return found.protocol === 'https:' || (found.protocol === 'http:' && isLoopback(found));
}
