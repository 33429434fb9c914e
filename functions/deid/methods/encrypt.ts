import { createCipheriv } from 'node:crypto';
import { primitiveText } from '../model/primitive.js';
import { key, type Key, type Setting } from '../reading/settings.js';
import { CLEARING, isKnown, UNTOUCHED } from './effect.js';
import { MASKED } from './labels.js';
import { method, type ValueMethod } from './method.js';

/** Bytes of the initialization vector, before the ciphertext. */
export const IV_BYTES = 16;
const LENGTH = 'must be 16, 24 or 32 bytes long in UTF-8';

const aesKey: Setting<Key> = (value, site) => {
  const read = key(value, site);
  if (read.kind === 'text' && !isAesKey(read.text))
    site.error('Must be 16, 24 or 32 bytes long in UTF-8 (or empty, for a key of the job)');
  return read;
};

function isAesKey(text: string): boolean {
  return [16, 24, 32].includes(Buffer.byteLength(text, 'utf8'));
}

export const ENCRYPT = method({
  name: 'encrypt',
  settings: {},
  parameters: { encryptKey: aesKey },
  key: { name: 'encryptKey', problemOf: (text) => (isAesKey(text) ? undefined : LENGTH) },
  labels: [MASKED],
  clears:
    'everything: what is left is a pseudonym, which anyone with the key can undo; nothing under a key that is written in the configuration',
  effect: (_, { encryptKey }) => (isKnown(encryptKey) ? UNTOUCHED : CLEARING),
  prepare: (context) => {
    const ofValue = encrypt(context.key);
    return { work: () => ({ ofValue: () => ofValue }) };
  },
});

/** The cipher of a key, as OpenSSL names it. */
export function cipherOf(bytes: Uint8Array): string {
  return `aes-${bytes.length * 8}-cbc`;
}

/** AES-CBC with PKCS#7 padding; the random initialization vector comes before the ciphertext, all in Base64. */
function encrypt(bytes: Uint8Array): ValueMethod {
  const algorithm = cipherOf(bytes);
  return (value, run) => {
    run.did(MASKED);
    const iv = run.randomBytes(IV_BYTES);
    const cipher = createCipheriv(algorithm, bytes, iv);
    return Buffer.concat([iv, cipher.update(primitiveText(value), 'utf8'), cipher.final()]).toString(
      'base64',
    );
  };
}
