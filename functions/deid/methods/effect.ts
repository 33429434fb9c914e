import type { FhirElement } from '../model/types.js';
import type { Key } from '../reading/settings.js';

/** The kinds of identities that HIPAA's Safe Harbor lists (45 CFR 164.514(b)(2)(i)), as FHIR elements hold them. */
export type CoverageCategory =
  | 'names' | 'places' | 'dates' | 'ages' | 'contacts' | 'identifiers' | 'references' | 'devices' | 'accounts'
  | 'networkAddresses' | 'urls' | 'media' | 'extensions' | 'numbers' | 'freeText'; // prettier-ignore

/** What a method has to know of an element that may hold an identity. */
export interface IdentityKind {
  readonly category: CoverageCategory;
  /**
   * `clearing`: every rule that may decide it must clear it. `decision`: `keep` is enough, since the element says
   * nothing of a person unless a source misuses it. `condition`: only some values are identities, so that one rule
   * with a condition is enough.
   */
  readonly needs: 'clearing' | 'decision' | 'condition';
}

/** Whether what a method leaves of an element can still be an identity: not, sometimes, or as if there were no rule. */
export type Clears = 'full' | 'partial' | 'none';

/** What the rules of one method and settings come to; equal effects have equal keys. */
export interface Effect {
  readonly key: string;
  /** Whether it clears all that may be an identity, whatever element it decides. */
  readonly clearsAll: boolean;
  clears(identity: IdentityKind, element: FhirElement): Clears;
}

/** What an element comes to that no rule reaches. */
export const UNTOUCHED: Effect = { key: 'untouched', clearsAll: false, clears: () => 'none' };

/** Nothing of an identity is left, or a pseudonym. */
export const CLEARING: Effect = { key: 'clear', clearsAll: true, clears: () => 'full' };

/** A pseudonym; the address of a server that stays in a reference may name a person. */
export const KEEPING_SERVERS: Effect = {
  key: 'keeps servers',
  clearsAll: false,
  clears: ({ category }) => (category === 'references' ? 'partial' : 'full'),
};

/** A key that is written in the configuration is known to anyone who wrote the configuration or reads it. */
export function isKnown(key: Key): boolean {
  return key.kind === 'text';
}
