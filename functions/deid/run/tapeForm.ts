import type { JsonTape } from '../../json/jsonTape.js';
import { isFormatted } from '../model/format.js';
import type { FhirType } from '../model/types.js';

const SPACE = 0x20;
const DELETE = 0x7f;
/** Four bytes at once. */
const ONES = 0x01010101;
const SPACES = 0x20202020;
const DELETES = 0x7f7f7f7f;
const HIGH_BITS = 0x80808080 | 0;

/** Whether a value on a tape has the form of its type: as `isFormatted`, which decides where bytes do not suffice. */
export function isFormattedAt(tape: JsonTape, node: number, type: FhirType): boolean {
  switch (type.name) {
    case 'code':
    case 'uri':
    case 'url':
    case 'canonical':
      if (tape.isVerbatim(node) && isToken(tape.view, tape.start(node) + 1, tape.end(node) - 1)) return true;
  }
  return isFormatted(type, tape.primitive(node));
}

/** Whether the bytes of a JSON string without escapes are ASCII, without blanks and control characters. */
function isToken(view: DataView, start: number, end: number): boolean {
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word = view.getInt32(at, true);
    const spaces = word ^ SPACES;
    const deletes = word ^ DELETES;
    // A high bit is set where a byte is not ASCII, is a space, or is the delete character.
    if (((word | ((spaces - ONES) & ~spaces) | ((deletes - ONES) & ~deletes)) & HIGH_BITS) !== 0)
      return false;
  }
  for (; at < end; at++) {
    const byte = view.getUint8(at);
    if (byte <= SPACE || byte >= DELETE) return false;
  }
  return end > start;
}
