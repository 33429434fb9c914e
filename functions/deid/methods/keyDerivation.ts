import { hkdf } from '../../common/crypto.js';
import type { JsonValue } from '../../json/json.js';
import { key, type Key, type Setting } from '../reading/settings.js';

/** Binds derived keys to fhir-pseudonymizer, whose derivation this is. */
const SALT = 'FhirPseudonymizer.KeyDerivation.v1';
const BYTES = 32;

/** What keys are derived for; undefined where they are used as they are given. */
const keyDerivationContext: Setting<string | undefined> = (value, site) => {
  const context = contextOf(value);
  if (context === null) site.error('Must be a text');
  return context ?? undefined;
};

/** The parameter of methods whose key can be a master key. */
export const KEY_DERIVATION = { keyDerivationContext };

/** A context; undefined where there is none: blank, as fhir-pseudonymizer takes it; null where it is no text. */
function contextOf(value: JsonValue | undefined): string | undefined | null {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') return null;
  return value.trim() === '' ? undefined : value;
}

/** A key that is a master key where there is a context. */
export const masterKey: Setting<Key> = (value, site) => {
  const read = key(value, site);
  const context = contextOf(site.beside('keyDerivationContext')) ?? undefined;
  return read.kind === 'job' || context === undefined ? read : { ...read, context };
};

/** The key that is derived from a master key (HKDF-SHA256, RFC 5869): 32 bytes. */
export function derivedKey(master: string, context: string, purpose: 'cryptoHash' | 'encrypt'): Buffer {
  return hkdf(master, SALT, `${context}:${purpose}`, BYTES);
}
