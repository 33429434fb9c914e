import { primitiveText, type Primitive } from '../model/primitive.js';
import { choice, key, type Setting } from '../reading/settings.js';
import { CLEARING, isKnown, KEEPING_SERVERS, type Effect } from './effect.js';
import { Hmac } from './hmac.js';
import { CRYTOHASH } from './labels.js';
import { method, type MethodContext, type Run, type Target, type ValueMethod } from './method.js';
import { ProcessingError } from './processingError.js';
import { type LiteralReference, partsOfReference, SERVERS_IN_REFERENCES } from './referenceParts.js';
import { TextResults } from './textResults.js';

const hashFunction = choice('sha256', 'sha384', 'sha512', 'sha3-256', 'sha3-384', 'sha3-512');
/** Fewest hex digits of a hash: 128 bits, so that two ids do not meet. */
const MIN_DIGITS = 32;

const truncate: Setting<number | null> = (value, site) => {
  const name = site.beside('cryptoHashFunction');
  const [bits = '256'] = /(?:256|384|512)$/.exec(typeof name === 'string' ? name : '') ?? [];
  const digits = Number(bits) / 4;
  if (value === undefined || value === null) {
    if (digits > 64) site.warn(`Hashes of ${digits} digits are no valid ids: set truncate to 64`);
    return null;
  }
  if (typeof value === 'number' && Number.isInteger(value) && value >= MIN_DIGITS && value <= digits)
    return value;
  site.error(`Must be a whole number of hex digits from ${MIN_DIGITS} to ${digits}`);
  return null;
};

const PARAMETERS = {
  cryptoHashKey: key,
  cryptoHashFunction: hashFunction,
  /** Hex digits that hashes are cut to; null for all. */
  truncate,
  /** What becomes of the server's address and the version in a reference: kept, or a pseudonym and nothing. */
  referenceServers: SERVERS_IN_REFERENCES,
};

export const CRYPTO_HASH = method({
  name: 'cryptoHash',
  settings: {},
  parameters: PARAMETERS,
  key: { name: 'cryptoHashKey' },
  labels: [CRYTOHASH],
  clears:
    'everything: what is left is a pseudonym, which anyone with the key can find again; references in part, unless `referenceServers` is `hash`; everything in part under a key that is written in the configuration',
  isPseudonym: true,
  effect: (_, { cryptoHashKey, referenceServers }) => {
    if (isKnown(cryptoHashKey)) return GUESSABLE;
    return referenceServers === 'keep' ? KEEPING_SERVERS : CLEARING;
  },
  prepare: (context) => {
    const hasher = new Hasher(context);
    return { work: () => hasher };
  },
});

/** Hashes under a key that is known: names, numbers and dates are few enough to try them all. */
const GUESSABLE: Effect = { key: 'guessable', clearsAll: false, clears: () => 'partial' };

/** A surrogate without its other half. */
const HALF_PAIR = /\p{Surrogate}/u;
/** Hex digits in place of a server: a label of a host name has at most 63 characters (RFC 1035, section 2.3.4). */
const SERVER_DIGITS = 32;

/** Replaces values by their HMAC in lowercase hex digits; of references only the id. */
class Hasher {
  readonly #hmac: Hmac;
  readonly #digits: number | null;
  readonly #keepsServers: boolean;
  /** Names that a literal reference may hold before its id. */
  readonly #resourceTypes: ReadonlySet<string>;

  constructor({ parameters, key: bytes, model }: MethodContext<typeof PARAMETERS>) {
    this.#hmac = new Hmac(parameters.cryptoHashFunction, bytes);
    this.#digits = parameters.truncate;
    this.#keepsServers = parameters.referenceServers === 'keep';
    this.#resourceTypes = new Set(model.resourceNames());
  }

  ofValue(target: Target): ValueMethod {
    return target.parentType === 'Reference' && target.name === 'reference'
      ? this.#ofReference
      : this.#ofText;
  }

  readonly #ofReference = hashing((text) => this.#reference(text));
  readonly #ofText = hashing((text) => this.#hash(text));

  #hash(text: string): string {
    // In UTF-8 all of them would be the replacement character, and two ids one.
    if (HALF_PAIR.test(text))
      throw new ProcessingError('not-unicode', 'A text to hash holds half of a surrogate pair');
    const digest = this.#hmac.hex(text);
    return this.#digits === null ? digest : digest.slice(0, this.#digits);
  }

  #reference(text: string): string {
    const parts = partsOfReference(text, this.#resourceTypes);
    switch (parts.kind) {
      case 'contained':
        return parts.id === '' ? text : `#${this.#hash(parts.id)}`;
      case 'literal':
        return this.#literal(text, parts);
      case 'urn':
        return `${parts.prefix}${this.#hash(parts.id)}`;
      case 'other':
        return this.#hash(text);
    }
  }

  #literal(text: string, { server, type, id, version, isBelowResource }: LiteralReference): string {
    const reference = `${type}/${this.#hash(id)}`;
    if (server === '') return this.#keepsServers ? reference + version : reference;
    if (isBelowResource) return this.#hash(text);
    if (this.#keepsServers) return `${server}${reference}${version}`;
    // The top-level domain of RFC 2606 that never leads anywhere.
    return `https://${this.#hash(server).slice(0, SERVER_DIGITS)}.invalid/${reference}`;
  }
}

/** The work that makes of each text another one. */
function hashing(make: (text: string) => string): ValueMethod {
  const ofValue = (value: Primitive, run: Run): string => {
    run.did(CRYTOHASH);
    return make(primitiveText(value));
  };
  return Object.assign(ofValue, { results: new TextResults(CRYTOHASH, make) });
}
