import { isUtf8 } from 'node:buffer';
import { JsonError } from './json.js';

/**
 * The text of UTF-8 bytes, as JSON has to be (RFC 8259, section 8.1).
 * @throws JsonError for any other bytes: with replacement characters in their place, two texts would become one
 */
export function decodeUtf8(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (isUtf8(bytes)) return text;
  const replaced = Buffer.from(text, 'utf8');
  let at = 0;
  while (replaced[at] === bytes[at]) at++;
  throw new JsonError('Not UTF-8', bytes.toString('utf8', 0, at).length);
}
