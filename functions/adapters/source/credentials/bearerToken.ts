import type { SourceCredentials, SourceHeader } from './sourceCredentials.js';

/** An access token. Never logged. */
export interface AccessToken {
  value: string;
  /** In milliseconds since the epoch. */
  expiresAt: number;
}

/** A token is renewed when a fifth of its time is left, and five minutes before its end at the earliest. */
const RENEWAL_MS = 300_000;
const RENEWAL_PART = 0.2;
/** The request has to reach the source before the token ends, by the source's clock. */
const RESERVE_MS = 10_000;
const RESERVE_PART = 0.05;
/** Between two renewals ahead of time, where the first failed. */
const PAUSE_PART = 0.2;
const MIN_PAUSE_MS = 1_000;

/**
 * Access tokens as bearer (RFC 6750): kept, renewed ahead of their end while the old one still serves, and by one
 * request for all who wait. A token that the source refuses is given up at once.
 */
export class BearerToken implements SourceCredentials {
  readonly remedy: string;
  readonly #request: () => Promise<AccessToken>;
  readonly #now: () => number;
  #token: (AccessToken & { renewAt: number; lastUse: number }) | undefined;
  #pending: Promise<AccessToken> | undefined;

  /**
   * @param request gets a new token; throws ExportError
   * @param remedy what to do when the source refuses a token that was just got
   */
  constructor(request: () => Promise<AccessToken>, remedy: string, now = Date.now) {
    this.#request = request;
    this.remedy = remedy;
    this.#now = now;
  }

  async header(): Promise<SourceHeader> {
    return bearer(await this.#current());
  }

  async renewed(refused: SourceHeader): Promise<SourceHeader | undefined> {
    if (this.#token !== undefined && bearer(this.#token).value === refused.value) this.#token = undefined;
    const header = bearer(await this.#current());
    return header.value === refused.value ? undefined : header;
  }

  async #current(): Promise<AccessToken> {
    const now = this.#now();
    const token = this.#token;
    if (token === undefined || now >= token.lastUse) return this.#renew();
    if (now >= token.renewAt) {
      token.renewAt = now + Math.max(MIN_PAUSE_MS, (token.lastUse - token.renewAt) * PAUSE_PART);
      // The old token is still valid. Who needs the new one gets the failure.
      this.#renew().catch(() => undefined);
    }
    return token;
  }

  #renew(): Promise<AccessToken> {
    this.#pending ??= this.#get().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  async #get(): Promise<AccessToken> {
    const askedAt = this.#now();
    const token = await this.#request();
    const lifetime = Math.max(0, token.expiresAt - askedAt);
    this.#token = {
      ...token,
      renewAt: token.expiresAt - Math.min(RENEWAL_MS, lifetime * RENEWAL_PART),
      lastUse: token.expiresAt - Math.min(RESERVE_MS, lifetime * RESERVE_PART),
    };
    return token;
  }
}

function bearer({ value }: AccessToken): SourceHeader {
  return { name: 'Authorization', value: `Bearer ${value}` };
}
