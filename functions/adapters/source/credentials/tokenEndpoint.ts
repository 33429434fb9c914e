import { fetch, type Response } from 'undici';
import { ExportError } from '../../../common/errors.js';
import type { Dispatchers } from '../../dispatchers.js';
import { networkFault } from '../../networkFault.js';
import { boundedBytes } from '../../../common/boundedBytes.js';
import { isRecord } from '../../../common/isRecord.js';
import type { AccessToken } from './bearerToken.js';

/** How the servers are reached that tokens come from. */
export interface TokenTransport {
  dispatcherFor: Dispatchers;
  timeoutSeconds: number;
}

/** Tokens and SMART configurations are a few kilobytes. */
const MAX_BYTES = 262_144;
/** A header of this length every server takes. */
const MAX_TOKEN_CHARACTERS = 16_384;

/** What to do about the error codes of RFC 6749, section 5.2. No other text of an answer is reported. */
const REMEDIES = new Map([
  ['invalid_client', 'the client is not known there, or its secret or key is another: see to {credential}'],
  ['unauthorized_client', 'the client may not do this: have the grant client_credentials allowed for it'],
  ['invalid_scope', 'it does not know the scope, or does not allow it to the client: see to SOURCE_SCOPE'],
  ['invalid_grant', 'it does not take the assertion: see to {credential}, and to the clocks'],
  [
    'invalid_request',
    'it misses something in the request: see whether SOURCE_AUTHENTICATION is the method it expects',
  ],
  [
    'unsupported_grant_type',
    'it has no grant client_credentials: see whether SOURCE_TOKEN_URL is the right one',
  ],
]);

/**
 * Gets a token by the grant client_credentials: RFC 6749, section 4.4. Redirects are not followed.
 * @param credential the settings that hold the client's credentials
 * @throws ExportError without any word of the answer
 */
export async function requestToken(
  url: URL,
  request: { form: Readonly<Record<string, string>>; headers?: Readonly<Record<string, string>> },
  credential: string,
  transport: TokenTransport,
): Promise<AccessToken> {
  const who = 'The token endpoint of the source';
  const askedAt = Date.now();
  const { status, json } = await getJson(url, who, transport, {
    method: 'POST',
    headers: { ...request.headers, 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ grant_type: 'client_credentials', ...request.form }).toString(),
  });
  if (status !== 200) {
    const code = typeof json?.['error'] === 'string' ? json['error'] : '';
    const remedy = REMEDIES.get(code)?.replace('{credential}', credential);
    throw new ExportError(
      'source-denied',
      remedy === undefined
        ? `${who} answered ${status} and gave no token. See to SOURCE_TOKEN_URL and ${credential}.`
        : `${who} gave no token (${code}): ${remedy}.`,
    );
  }
  const { access_token: value, token_type: type, expires_in: seconds } = json ?? {};
  const lifetime = typeof seconds === 'string' && /^\d{1,9}$/.test(seconds) ? Number(seconds) : seconds;
  if (
    typeof value !== 'string' ||
    !/^[\x21-\x7e]+$/.test(value) ||
    value.length > MAX_TOKEN_CHARACTERS ||
    (type !== undefined && (typeof type !== 'string' || type.toLowerCase() !== 'bearer')) ||
    (lifetime !== undefined && !(typeof lifetime === 'number' && lifetime > 0 && lifetime < 1e9))
  ) {
    throw new ExportError(
      'source-denied',
      `${who} answered with something that is not a bearer token (RFC 6749, section 5.1). Check SOURCE_TOKEN_URL, and any proxy between.`,
      true,
    );
  }
  return { value, expiresAt: askedAt + (lifetime ?? DEFAULT_LIFETIME_SECONDS) * 1000 };
}

/** Lifetime of a token whose answer has none; SMART Backend Services recommend not more than five minutes. */
const DEFAULT_LIFETIME_SECONDS = 300;

/**
 * A short JSON object, and the status it came with; `undefined` where the answer is something else.
 * @param who the server in our own words, as the start of a sentence
 * @throws ExportError where there is no answer, one that says to come again, or a redirect
 */
export async function getJson(
  url: URL,
  who: string,
  { dispatcherFor, timeoutSeconds }: TokenTransport,
  init: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<{ status: number; json: Readonly<Record<string, unknown>> | undefined }> {
  const signal = AbortSignal.timeout(timeoutSeconds * 1000);
  try {
    const response = await fetch(url, {
      ...init,
      headers: { ...init.headers, accept: 'application/json' },
      dispatcher: dispatcherFor(url),
      redirect: 'manual',
      signal,
    });
    const { status } = response;
    if (status >= 300 && status < 400) {
      await response.body?.cancel();
      throw new ExportError(
        'source-denied',
        `${who} answered with a redirect (${status}), which is not followed: what is sent there is meant for no other server. Set SOURCE_TOKEN_URL to the token endpoint itself.`,
      );
    }
    if (status === 408 || status === 429 || status >= 500) {
      await response.body?.cancel();
      throw new ExportError(
        'source-busy',
        `${who} kept answering ${status}. Try again when it is less busy.`,
        true,
      );
    }
    return { status, json: await readJson(response) };
  } catch (error) {
    if (error instanceof ExportError) throw error;
    throw new ExportError(
      'source-unreachable',
      signal.aborted
        ? `${who} did not answer within SOURCE_TIMEOUT_SECONDS (${timeoutSeconds} s).`
        : `${who} cannot be reached: ${networkFault(error)}.`,
      true,
    );
  }
}

async function readJson(response: Response): Promise<Readonly<Record<string, unknown>> | undefined> {
  const bytes = await boundedBytes((response.body ?? []) as AsyncIterable<Uint8Array>, MAX_BYTES);
  try {
    const json: unknown = JSON.parse(bytes?.toString('utf8') ?? '');
    return isRecord(json) ? json : undefined;
  } catch {
    return undefined;
  }
}
