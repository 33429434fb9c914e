import { createCipheriv, createHmac, hash, hkdfSync } from 'node:crypto';

/*
 * The cryptography of pure code, by Node. In browsers, `console/engine/node/crypto.ts` takes the place of this file: both
 * give the same bytes.
 */

/** The SHA-256 of bytes: lowercase hex digits; of `binary`, a character for each byte. */
export function sha256(bytes: Uint8Array, encoding: 'hex' | 'binary'): string {
  return hash('sha256', bytes, encoding);
}

/** The HMAC (RFC 2104) of a text's UTF-8 bytes. @param algorithm `sha256`, `sha384` or `sha512` */
export function hmac(algorithm: string, key: Uint8Array, text: string): Buffer {
  return createHmac(algorithm, key).update(text, 'utf8').digest();
}

/** HKDF-SHA256 (RFC 5869). Of texts the UTF-8 bytes are taken. @param length bytes of the result */
export function hkdf(key: Uint8Array | string, salt: string, info: string, length: number): Buffer {
  return Buffer.from(hkdfSync('sha256', key, salt, info, length));
}

/** The cipher AES-CBC of a key, as OpenSSL names it. */
export function cipherOf(key: Uint8Array): string {
  return `aes-${key.length * 8}-cbc`;
}

/** AES-CBC of a text's UTF-8 bytes, with PKCS#7 padding. @param key 16, 24 or 32 bytes @param iv 16 bytes */
export function aesCbc(key: Uint8Array, iv: Uint8Array, text: string): Buffer {
  const cipher = createCipheriv(cipherOf(key), key, iv);
  return Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
}
