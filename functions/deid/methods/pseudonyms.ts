import { ProcessingError } from './processingError.js';

/** Where a pseudonym is made: the same value has one pseudonym in each of them. */
export interface DomainName {
  /** With its prefix. */
  readonly domain: string;
  /** What entici needs to know besides. */
  readonly entici?: EnticiSettings | undefined;
}

export interface EnticiSettings {
  readonly resourceType: string;
  readonly project?: string | undefined;
}

/** The pseudonyms of one domain. */
export interface Pseudonyms {
  /**
   * The pseudonym of a value; undefined where it is yet to be asked for. That is noted, and the resource that is being
   * processed has to be given again.
   */
  of(value: string): string | undefined;
}

/** Knows pseudonyms, and notes which are missing. The engine asks nobody itself. */
export interface PseudonymSource {
  domain(name: DomainName): Pseudonyms;
  /** Whether a pseudonym was missing since the last call. */
  takeLack(): boolean;
}

/** Of an engine that was given none: rules that need pseudonyms fail. */
export const NO_PSEUDONYMS: PseudonymSource = {
  domain: () => ({
    of: () => {
      throw new ProcessingError('no-pseudonym-service', 'There is no service that makes pseudonyms');
    },
  }),
  takeLack: () => false,
};
