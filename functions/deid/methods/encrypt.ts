import { aesCbc } from '../../common/crypto.js';
import { primitiveText } from '../model/primitive.js';
import type { Key, Setting } from '../reading/settings.js';
import { dialect, type Dialect } from './dialect.js';
import { CLEARING, isKnown, UNTOUCHED } from './effect.js';
import { derivedKey, KEY_DERIVATION, masterKey } from './keyDerivation.js';
import { MASKED } from './labels.js';
import { method, type ValueMethod } from './method.js';

/** Bytes of the initialization vector, before the ciphertext. */
export const IV_BYTES = 16;
const LENGTH = 'must be 16, 24 or 32 bytes long in UTF-8';

const aesKey: Setting<Key> = (value, site) => {
  const read = masterKey(value, site);
  if (read.kind === 'text' && read.context === undefined && !isAesKey(read.text))
    site.error('Must be 16, 24 or 32 bytes long in UTF-8 (or empty, for a key of the job)');
  return read;
};

function isAesKey(text: string): boolean {
  return [16, 24, 32].includes(Buffer.byteLength(text, 'utf8'));
}

export const ENCRYPT = method({
  name: 'encrypt',
  settings: {},
  parameters: { encryptKey: aesKey, dialect, ...KEY_DERIVATION },
  key: {
    name: 'encryptKey',
    problemOf: (text) => (isAesKey(text) ? undefined : LENGTH),
    derive: (master, context) => derivedKey(master, context, 'encrypt'),
  },
  dependsOnDialect: () => true,
  labels: [MASKED],
  clears:
    'everything: what is left is a pseudonym, which anyone with the key can undo; nothing under a key that is written in the configuration',
  effect: (_, { encryptKey }) => (isKnown(encryptKey) ? UNTOUCHED : CLEARING),
  prepare: (context) => {
    const ofValue = encrypt(context.key, context.parameters.dialect);
    return { work: () => ({ ofValue: () => ofValue }) };
  },
});

/**
 * AES-CBC with PKCS#7 padding; the random initialization vector comes before the ciphertext, all in Base64, or in hex
 * digits as fhir-pseudonymizer writes it.
 */
function encrypt(bytes: Uint8Array, written: Dialect | null): ValueMethod {
  return (value, run) => {
    run.did(MASKED);
    const iv = run.randomBytes(IV_BYTES);
    const encrypted = Buffer.concat([iv, aesCbc(bytes, iv, primitiveText(value))]);
    return written === 'miracum' ? encrypted.toString('hex').toUpperCase() : encrypted.toString('base64');
  };
}
