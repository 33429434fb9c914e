import { remembered } from '../../common/maps.js';
import { primitiveText, type Primitive } from '../model/primitive.js';
import { choice, type Setting } from '../reading/settings.js';
import { KeyedBlake3 } from './blake3.js';
import { dialect, wholeNumber } from './dialect.js';
import { CLEARING, isKnown, KEEPING_SERVERS, KEEPING_SERVERS_IN_URLS, type Effect } from './effect.js';
import { Hmac, type HmacPads } from './hmac.js';
import { derivedKey, KEY_DERIVATION, masterKey } from './keyDerivation.js';
import { CRYTOHASH } from './labels.js';
import { method, type MethodContext, type Run, type Target, type ValueMethod } from './method.js';
import { ProcessingError } from './processingError.js';
import {
  conditionalReference,
  type LiteralReference,
  partsOfReference,
  SERVERS_IN_REFERENCES,
} from './referenceParts.js';
import { TextResults, type HashWork } from './textResults.js';

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

/** Hex digits that the hashes of a rule are cut to; null for all. */
const truncateToMaxLength: Setting<number | null> = (value, site) => {
  if (value === undefined || value === null) return null;
  const digits = wholeNumber(value);
  if (digits === undefined || digits === 0) {
    site.error('Must be a whole number of hex digits');
    return null;
  }
  if (digits < MIN_DIGITS)
    site.warn(`Two values may get one pseudonym: hashes of fewer than ${MIN_DIGITS} digits meet by chance`);
  return digits;
};

const readAlgorithm = choice('hmacSha256', 'blake3');

const hashAlgorithm: typeof readAlgorithm = (value, site) => {
  if (value !== undefined && value !== null && site.beside('cryptoHashFunction') !== undefined)
    site.error('Set this or cryptoHashFunction, not both');
  return readAlgorithm(value, site);
};

const PARAMETERS = {
  cryptoHashKey: masterKey,
  cryptoHashFunction: hashFunction,
  /** The same in fhir-pseudonymizer, with one more. */
  cryptoHashAlgorithm: hashAlgorithm,
  /** Hex digits that hashes are cut to; null for all. */
  truncate,
  /** What becomes of the server's address and the version in a reference: kept, or a pseudonym and nothing. */
  referenceServers: SERVERS_IN_REFERENCES,
  dialect,
  ...KEY_DERIVATION,
};

export const CRYPTO_HASH = method({
  name: 'cryptoHash',
  settings: { truncateToMaxLength },
  parameters: PARAMETERS,
  key: {
    name: 'cryptoHashKey',
    derive: (master, context) => Buffer.from(derivedKey(master, context, 'cryptoHash').toString('hex')),
  },
  labels: [CRYTOHASH],
  clears:
    'everything: what is left is a pseudonym, which anyone with the key can find again; references in part, unless `referenceServers` is `hash`; everything in part under a key that is written in the configuration',
  isPseudonym: true,
  dependsOnDialect: () => true,
  effect: (_, parameters) => {
    if (isKnown(parameters.cryptoHashKey)) return GUESSABLE;
    if (parameters.referenceServers === 'hash') return CLEARING;
    return parameters.dialect === 'miracum' ? KEEPING_SERVERS_IN_URLS : KEEPING_SERVERS;
  },
  prepare: (context) => {
    const { parameters, key } = context;
    const hash =
      parameters.cryptoHashAlgorithm === 'blake3'
        ? new KeyedBlake3(key)
        : new Hmac(parameters.cryptoHashFunction, key);
    const hashers = new Map<number, Hasher>();
    return {
      work: (settings) => {
        const digits = Math.min(parameters.truncate ?? Infinity, settings.truncateToMaxLength ?? Infinity);
        return remembered(hashers, digits, () => new Hasher(hash, digits, context));
      },
    };
  },
});

/** Hashes under a key that is known: names, numbers and dates are few enough to try them all. */
const GUESSABLE: Effect = { key: 'guessable', clearsAll: false, clears: () => 'partial' };

/** A surrogate without its other half. */
const HALF_PAIR = /\p{Surrogate}/u;
const SHA256_DIGITS = 64;
/** Hex digits in place of a server: a label of a host name has at most 63 characters (RFC 1035, section 2.3.4). */
const SERVER_DIGITS = 32;

/** What hashes texts under a key. */
interface TextHash {
  /** The hash of a text's UTF-8 bytes in lowercase hex digits. */
  hex(text: string): string;
  /** Set where it is HMAC-SHA256. */
  readonly pads?: HmacPads | undefined;
}

/** What fhir-pseudonymizer does not expect in the address of a server. */
const NOT_IN_MIRACUM_SERVERS = /[-_~]/;

/** Replaces values by their hash in lowercase hex digits; of references only the id. */
class Hasher {
  readonly #hasher: TextHash;
  readonly #digits: number;
  readonly #isMiracum: boolean;
  readonly #keepsServers: boolean;
  /** Names that a literal reference may hold before its id. */
  readonly #resourceTypes: ReadonlySet<string>;

  /** @param digits that hashes are cut to */
  constructor(hasher: TextHash, digits: number, { parameters, model }: MethodContext<typeof PARAMETERS>) {
    this.#hasher = hasher;
    this.#digits = digits;
    this.#isMiracum = parameters.dialect === 'miracum';
    this.#keepsServers = parameters.referenceServers === 'keep';
    const resourceTypes = new Set(model.resourceNames());
    this.#resourceTypes = resourceTypes;
    const { pads } = hasher;
    const hash = pads && { pads, digits: Math.min(digits, SHA256_DIGITS) };
    this.#ofText = hashing((text) => this.#hash(text), hash);
    this.#ofReference = hashing(
      (text) => this.#reference(text),
      hash && { ...hash, isType: (name) => resourceTypes.has(name) },
    );
  }

  ofValue({ type, name, parentType }: Target): ValueMethod {
    if (parentType === 'Reference' && name === 'reference') return this.#ofReference;
    return this.#isMiracum && type.name === 'uri' ? this.#ofUri : this.#ofText;
  }

  readonly #ofReference: ValueMethod;
  /** In fhir-pseudonymizer's dialect, a URI that leads to a resource is a reference. */
  readonly #ofUri = hashing((text) =>
    this.#leadsToResource(text) ? this.#reference(text) : this.#hash(text),
  );
  readonly #ofText: ValueMethod;

  #hash(text: string): string {
    // In UTF-8 all of them would be the replacement character, and two ids one.
    if (HALF_PAIR.test(text))
      throw new ProcessingError('not-unicode', 'A text to hash holds half of a surrogate pair');
    const digest = this.#hasher.hex(text);
    return this.#digits < digest.length ? digest.slice(0, this.#digits) : digest;
  }

  #leadsToResource(text: string): boolean {
    return (
      partsOfReference(text, this.#resourceTypes).kind === 'literal' ||
      conditionalReference(text, this.#resourceTypes) !== undefined
    );
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
        return this.#isMiracum ? this.#conditional(text) : this.#hash(text);
    }
  }

  #conditional(text: string): string {
    const { before, value } = conditionalReference(text, this.#resourceTypes) ?? { before: '', value: text };
    // It may name a server that takes no part in what is exported.
    return this.#keepsServers || !before.endsWith('|') ? `${before}${this.#hash(value)}` : this.#hash(text);
  }

  #literal(text: string, { server, type, id, version, isBelowResource }: LiteralReference): string {
    const reference = `${type}/${this.#hash(id)}`;
    if (server === '') return this.#keepsServers ? reference + version : reference;
    if (isBelowResource || (this.#isMiracum && NOT_IN_MIRACUM_SERVERS.test(server))) return this.#hash(text);
    if (this.#keepsServers) return `${server}${reference}${version}`;
    // The top-level domain of RFC 2606 that never leads anywhere.
    return `https://${this.#hash(server).slice(0, SERVER_DIGITS)}.invalid/${reference}`;
  }
}

/** The work that makes of each text another one. */
function hashing(make: (text: string) => string, hash?: HashWork): ValueMethod {
  const ofValue = (value: Primitive, run: Run): string => {
    run.did(CRYTOHASH);
    return make(primitiveText(value));
  };
  return Object.assign(ofValue, { results: new TextResults(CRYTOHASH, make, { hash }) });
}
