import { ExportError } from '../../common/errors.js';
import { remembered } from '../../common/maps.js';
import type { DomainName, Pseudonyms, PseudonymSource } from '../../deid/methods/pseudonyms.js';

/** A value, and its pseudonym as a service gave it. */
export type PseudonymPair = readonly [value: string, pseudonym: string];

/** Makes pseudonyms, one for each value of a domain: the same whenever it is asked for. */
export interface PseudonymService {
  /** Values of one call at most. */
  readonly batchSize: number;
  /**
   * @param values each once
   * @returns what the service has answered, which is not checked yet
   * @throws ExportError
   */
  pseudonyms(domain: DomainName, values: readonly string[]): Promise<readonly PseudonymPair[]>;
}

/** The service of the settings. */
export interface PseudonymServices {
  /** Names it and its keys, so that a change is noticed: a secret. */
  readonly identity: string;
  /** @param requester who the requests are for, among whom places at the service are shared */
  of(requester: string): PseudonymService;
}

/** Pseudonyms that are known at the same time; all are forgotten when there are more. */
const MAX_KNOWN = 200_000;
/** A surrogate without its other half: in UTF-8 two of them are one. */
const HALF_PAIR = /\p{Surrogate}/u;

/** The pseudonyms of one job on one thread: known ones, those that are missing, and those that are asked for now. */
export class JobPseudonyms implements PseudonymSource {
  readonly #service: PseudonymService;
  readonly #maxKnown: number;
  readonly #domains = new Map<string, Domain>();
  readonly #calls = new Set<Promise<void>>();
  #lacks = false;

  constructor(service: PseudonymService, maxKnown = MAX_KNOWN) {
    this.#service = service;
    this.#maxKnown = maxKnown;
  }

  domain(name: DomainName): Pseudonyms {
    const { domain, entici } = name;
    const key = JSON.stringify([domain, entici?.resourceType, entici?.project]);
    return remembered(this.#domains, key, () => new Domain(name, () => (this.#lacks = true)));
  }

  takeLack(): boolean {
    const lacks = this.#lacks;
    this.#lacks = false;
    return lacks;
  }

  /**
   * Asks for all that is missing, and waits until it, and what others have asked for, is known.
   * @throws ExportError where the service does not answer, or not as it must
   */
  async ask(): Promise<void> {
    const domains = [...this.#domains.values()];
    const known = domains.reduce((sum, domain) => sum + domain.size, 0);
    if (known > this.#maxKnown) for (const domain of domains) domain.forget();
    for (const domain of domains)
      for (const batch of domain.take(this.#service.batchSize)) this.#call(domain, batch);
    await Promise.all(this.#calls);
  }

  #call(domain: Domain, batch: readonly string[]): void {
    const call = this.#service
      .pseudonyms(domain.name, batch)
      .then((pairs) => domain.add(batch, pairs))
      .finally(() => {
        this.#calls.delete(call);
        domain.answered(batch);
      });
    this.#calls.add(call);
    // It is awaited together with others, of which one may fail first.
    call.catch(() => undefined);
  }
}

class Domain implements Pseudonyms {
  readonly name: DomainName;
  readonly #onLack: () => void;
  readonly #known = new Map<string, string>();
  /** Values by their pseudonyms. */
  readonly #values = new Map<string, string>();
  #missing = new Set<string>();
  readonly #asked = new Set<string>();

  constructor(name: DomainName, onLack: () => void) {
    this.name = name;
    this.#onLack = onLack;
  }

  get size(): number {
    return this.#known.size;
  }

  of(value: string): string | undefined {
    const known = this.#known.get(value);
    if (known !== undefined) return known;
    this.#onLack();
    if (!this.#asked.has(value)) this.#missing.add(value);
    return undefined;
  }

  /** What is missing, in batches: it counts as asked for. */
  *take(size: number): Generator<readonly string[]> {
    const missing = [...this.#missing];
    this.#missing = new Set();
    for (const value of missing) this.#asked.add(value);
    for (let at = 0; at < missing.length; at += size) yield missing.slice(at, at + size);
  }

  answered(batch: readonly string[]): void {
    for (const value of batch) this.#asked.delete(value);
  }

  /** Adds the answer to a batch. @throws ExportError where it is not one pseudonym, of its own, for each value */
  add(batch: readonly string[], pairs: readonly PseudonymPair[]): void {
    const open = new Set(batch);
    const answer = new Map<string, string>();
    for (const [value, pseudonym] of pairs) {
      if (!open.has(value)) throw wrong('has answered for a value that it was not asked for');
      if ((answer.get(value) ?? this.#known.get(value) ?? pseudonym) !== pseudonym)
        throw wrong('has given two pseudonyms to one value');
      if (pseudonym.trim() === '' || HALF_PAIR.test(pseudonym))
        throw wrong('has given a pseudonym without text');
      if (pseudonym.trim().toLowerCase() === value.trim().toLowerCase())
        throw wrong('has given a value itself as its pseudonym');
      answer.set(value, pseudonym);
    }
    if (answer.size < open.size)
      throw wrong(`has answered for ${answer.size} of ${open.size} values that it was asked for`, true);
    for (const [value, pseudonym] of answer) {
      if ((this.#values.get(pseudonym) ?? value) !== value)
        throw wrong('has given one pseudonym to two values');
      this.#values.set(pseudonym, value);
    }
    for (const [value, pseudonym] of answer) this.#known.set(value, pseudonym);
  }

  forget(): void {
    this.#known.clear();
    this.#values.clear();
  }
}

function wrong(what: string, isRetryable = false): ExportError {
  return new ExportError(
    'pseudonym-service-wrong',
    `The pseudonym service ${what}, so nothing of the page was written. See to its domains, which must give each value one pseudonym that lasts, and to its log.`,
    isRetryable,
  );
}
