import { createCipheriv } from 'node:crypto';
import { MASKED } from './labels.js';
import { primitiveText } from '../model/primitive.js';
import type { ValueMethod } from './method.js';

const IV_BYTES = 16;

/** AES-CBC with PKCS#7 padding; the random initialization vector stands before the ciphertext, all in Base64. */
export function encrypt(key: Uint8Array): ValueMethod {
  const algorithm = `aes-${key.length * 8}-cbc`;
  return (value, run) => {
    run.did(MASKED);
    const iv = run.randomBytes(IV_BYTES);
    const cipher = createCipheriv(algorithm, key, iv);
    return Buffer.concat([iv, cipher.update(primitiveText(value), 'utf8'), cipher.final()]).toString(
      'base64',
    );
  };
}
