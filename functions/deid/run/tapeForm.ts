import type { JsonTape } from '../../json/jsonTape.js';
import { isFormatted } from '../model/format.js';
import type { FhirType } from '../model/types.js';

const SPACE = 0x20;
const MAX_ID = 64;
/** Bytes of which ids are made. */
const IN_ID = 1;
/** Bytes that are no white space, and of which the text can be told without more. */
const IN_TOKEN = 2;
const KINDS = new Uint8Array(256);
for (let byte = SPACE + 1; byte < 0x7f; byte++)
  KINDS[byte] = IN_TOKEN | (/[A-Za-z0-9.-]/.test(String.fromCharCode(byte)) ? IN_ID : 0);

/** Whether a value on a tape has the form of its type: as `isFormatted`, which decides where bytes do not suffice. */
export function isFormattedAt(tape: JsonTape, node: number, type: FhirType): boolean {
  if (tape.isVerbatim(node)) {
    const start = tape.start(node) + 1;
    const end = tape.end(node) - 1;
    switch (type.name) {
      case 'id':
        if (end - start <= MAX_ID && isAll(IN_ID, tape.bytes, start, end)) return true;
        break;
      case 'code':
      case 'uri':
      case 'url':
      case 'canonical':
        if (isAll(IN_TOKEN, tape.bytes, start, end)) return true;
        break;
    }
  }
  return isFormatted(type, tape.primitive(node));
}

function isAll(kind: number, bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++)
    if (((KINDS[bytes[at] as number] as number) & kind) === 0) return false;
  return end > start;
}
