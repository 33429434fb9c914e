import { cbc } from '@noble/ciphers/aes.js';
import { hkdf as nobleHkdf } from '@noble/hashes/hkdf.js';
import { hmac as nobleHmac } from '@noble/hashes/hmac.js';
import { sha256 as nobleSha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import type * as node from '../../../functions/common/crypto.js';

/* What `functions/common/crypto.ts` does by Node's cryptography, in browsers: the same bytes. */

const HASHES: Readonly<Record<string, typeof nobleSha256 | typeof sha512>> = {
  sha256: nobleSha256,
  sha384,
  sha512,
};

export const sha256: typeof node.sha256 = (bytes, encoding) =>
  Buffer.from(nobleSha256(bytes)).toString(encoding === 'binary' ? 'latin1' : 'hex');

export const hmac: typeof node.hmac = (algorithm, key, text) => {
  const hash = HASHES[algorithm];
  if (hash === undefined) throw new Error(`There is no hash ${algorithm}.`);
  return Buffer.from(nobleHmac(hash, key, Buffer.from(text, 'utf8')));
};

export const hkdf: typeof node.hkdf = (key, salt, info, length) =>
  Buffer.from(nobleHkdf(nobleSha256, bytesOf(key), bytesOf(salt), bytesOf(info), length));

export const aesCbc: typeof node.aesCbc = (key, iv, text) =>
  Buffer.from(cbc(key, iv).encrypt(Buffer.from(text, 'utf8')));

function bytesOf(value: Uint8Array | string): Uint8Array {
  return typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
}
