import {
  createRemoteJWKSet,
  customFetch,
  errors,
  type FetchImplementation,
  type JWTPayload,
  jwtVerify,
} from 'jose';
import { fetch } from 'undici';
import type { Dispatchers } from '../../adapters/dispatchers.js';
import type { SmartSettings } from '../../settings/authorizationSettings.js';
import { RequestError } from '../respond.js';
import type { Authorize } from './authorize.js';
import { notBelieved, notPermitted, unauthenticated } from './bearer.js';
import { ownerOf } from './caller.js';
import { readScopes } from './smartScopes.js';
import { boundedBytes } from '../../common/boundedBytes.js';

/** An unknown key makes the keys be read again, but not more often than this, whatever is sent. */
const JWKS_COOL_DOWN_MS = 30_000;
/** A key that was withdrawn counts no longer than this. */
const JWKS_MOST_AGE_MS = 600_000;
const JWKS_TIMEOUT_MS = 5000;
const MAX_JWKS_BYTES = 1_048_576;
/** Claims that name the client, the first of them that there is: RFC 9068, section 2.2, and what is usual beside it. */
const CLIENT_CLAIMS = ['client_id', 'azp', 'appid', 'sub'] as const;

type KeysRequest = Parameters<FetchImplementation>[1];
type KeysAnswer = Awaited<ReturnType<typeof fetch>>;

/**
 * Checks access tokens of SMART Backend Services: signature by a key of the authorization server with a permitted
 * algorithm, issuer, audience, time; and reads from the scopes what they permit.
 * https://hl7.org/fhir/smart-app-launch/backend-services.html
 * @param dispatcherFor how the keys are read
 */
export function smartBackendServices(
  settings: SmartSettings,
  dispatcherFor: Dispatchers,
  isResourceType: (name: string) => boolean,
  coolDownMs = JWKS_COOL_DOWN_MS,
): Authorize {
  const jwksUrl = new URL(settings.jwksUrl);
  const keys = createRemoteJWKSet(jwksUrl, {
    cooldownDuration: coolDownMs,
    cacheMaxAge: JWKS_MOST_AGE_MS,
    timeoutDuration: JWKS_TIMEOUT_MS,
    [customFetch]: readKeys,
  });
  const { rawScope, deIdentifyScope } = settings;
  return async (request, asked = 'export') => {
    const header = request.headers.get('authorization');
    if (header === null) {
      throw unauthenticated(
        'Send an access token as Authorization: Bearer …. .well-known/smart-configuration names the token endpoint.',
      );
    }
    const token = /^Bearer +([\w-]+\.[\w-]+\.[\w-]*)$/i.exec(header.trim())?.[1];
    if (token === undefined) {
      throw notBelieved('The header Authorization must be Bearer and one signed token (a JWT).');
    }
    const payload = await verify(token);
    const given = scopesOf(payload);
    if (asked === 'deIdentify' && (deIdentifyScope === undefined || !given.includes(deIdentifyScope))) {
      throw notPermitted(
        'The token has no scope that permits $de-identify, which is the one that SMART_DE_IDENTIFY_SCOPE names.',
        deIdentifyScope === undefined ? '' : `, scope="${deIdentifyScope}"`,
      );
    }
    const scopes = readScopes(given, rawScope, isResourceType);
    if (asked === 'export' && scopes.types !== 'all' && scopes.types.size === 0) {
      throw notPermitted(
        'The token has no scope that permits an export: it takes system/*.rs, or system/<type>.rs for each type, without search parameters (system/*.read in the older form).',
        ', scope="system/*.rs"',
      );
    }
    const claim = CLIENT_CLAIMS.find((name) => isFilled(payload[name]));
    if (claim === undefined) {
      throw notBelieved('The token does not name the client it was given to (client_id, azp, appid or sub).');
    }
    return {
      kind: 'known',
      owner: ownerOf('smart', settings.issuer, claim, String(payload[claim])),
      permissions: scopes,
      rawPermission: rawScope === undefined ? undefined : `the scope ${rawScope}`,
    };
  };

  /** By the ways out of this app, with their rules of TLS, instead of the global one, which has others. */
  async function readKeys(url: string, { signal, headers }: KeysRequest): Promise<Response> {
    const answer = await fetch(url, {
      dispatcher: dispatcherFor(jwksUrl),
      redirect: 'manual',
      signal,
      headers: [...headers],
    });
    return new Response(await boundedBody(answer), { status: answer.status });
  }

  async function verify(token: string): Promise<JWTPayload> {
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer: settings.issuer,
        audience: settings.audience,
        algorithms: [...settings.algorithms],
        clockTolerance: settings.clockSkewSeconds,
        requiredClaims: ['exp'],
      });
      return payload;
    } catch (error) {
      throw refusal(error, settings);
    }
  }
}

/** Why a token is refused: which of its claims is wrong. Nothing of the token is reported. */
function refusal(error: unknown, { algorithms }: SmartSettings): RequestError {
  const code = error instanceof errors.JOSEError ? error.code : '';
  if (error instanceof errors.JWTClaimValidationFailed)
    return notBelieved(CLAIM_PROBLEMS[error.claim] ?? 'A claim of the token is not as it has to be.');
  if (error instanceof errors.JOSEAlgNotAllowed)
    return notBelieved(`The token must be signed with ${[...algorithms].join(' or ')} (SMART_ALGORITHMS).`);
  const problem = PROBLEMS.get(code);
  if (problem !== undefined) return notBelieved(problem);
  return new RequestError(
    503,
    'The keys of the authorization server cannot be read for now, so no token can be checked. Try again; if it stays so, SMART_JWKS_URL is wrong or not reached.',
    { 'retry-after': '30' },
  );
}

/** The body of an answer of 200, as far as it is one; of others, nothing. @throws where it is too large to be keys */
async function boundedBody({ status, body }: KeysAnswer): Promise<Blob | null> {
  if (status !== 200) {
    await body?.cancel();
    return null;
  }
  const bytes = await boundedBytes((body ?? []) as AsyncIterable<Uint8Array>, MAX_JWKS_BYTES);
  if (bytes === undefined) throw new Error('too large');
  return new Blob([bytes]);
}

const NOT_OF_KEY = 'The token is not signed with the key of the authorization server that its kid names.';
const NOT_READ = 'The token cannot be read as a signed JWT.';
const PROBLEMS = new Map<string, string>([
  [errors.JWTExpired.code, 'The token has expired. Get a new one.'],
  [errors.JWSSignatureVerificationFailed.code, NOT_OF_KEY],
  [errors.JWKSNoMatchingKey.code, NOT_OF_KEY],
  [errors.JWKSMultipleMatchingKeys.code, NOT_OF_KEY],
  [errors.JWSInvalid.code, NOT_READ],
  [errors.JWTInvalid.code, NOT_READ],
  [errors.JOSENotSupported.code, NOT_READ],
]);

const CLAIM_PROBLEMS: Record<string, string> = {
  iss: 'The token is of another issuer than SMART_ISSUER.',
  aud: 'The token is for another audience than SMART_AUDIENCE: ask for one with this server as its audience.',
  exp: 'The token does not say when it expires (exp).',
  nbf: 'The token is not valid yet. Are the clocks right?',
};

/** `scope` as RFC 9068 has it, a text, or `scp` as others have it, a text or a list. */
function scopesOf({ scope, scp }: JWTPayload): string[] {
  return [scope, scp]
    .flat()
    .filter((value) => typeof value === 'string')
    .flatMap((value) => value.split(' '))
    .filter((value) => value !== '');
}

function isFilled(value: unknown): boolean {
  return typeof value === 'string' && value.trim() !== '';
}
