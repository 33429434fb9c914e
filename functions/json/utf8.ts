import { isUtf8 } from 'node:buffer';
import { JsonError } from './json.js';

/**
 * The text of UTF-8 bytes, as JSON has to be (RFC 8259, section 8.1).
 * @throws JsonError for any other bytes: with replacement characters in their place, two texts would become one
 */
export function decodeUtf8(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw notUtf8(bytes);
  return bytes.toString('utf8');
}

/** The error for bytes that are not UTF-8. */
export function notUtf8(bytes: Buffer): JsonError {
  const replaced = Buffer.from(bytes.toString('utf8'), 'utf8');
  let at = 0;
  while (replaced[at] === bytes[at]) at++;
  return new JsonError('Not UTF-8', bytes.toString('utf8', 0, at).length);
}
