import { ARRAY, OBJECT, STRING, type JsonTape } from './jsonTape.js';
import { UNKNOWN_NAME, UNRESOLVED_NAME } from './keyNames.js';
import type { LineBuffer } from './lineBuffer.js';

const COMMA = 0x2c;
const COLON = 0x3a;
const OPENING = [0, 0x7b, 0x5b];
const CLOSING = [0, 0x7d, 0x5d];

/**
 * Adds the JSON of a value to a line that takes pieces of its bytes: without space, texts as `JSON.stringify` writes
 * them, numbers with their digits.
 * @returns false where an object has a name twice, or one that has no number: what was added is of no use then
 */
export function addCompact(tape: JsonTape, root: number, line: LineBuffer): boolean {
  const around: number[] = [];
  const masks: number[] = [];
  const end = tape.after(root);
  let isFirst = true;
  const close = (node: number): void => {
    for (let last = around.at(-1); last !== undefined && node >= tape.after(last); last = around.at(-1)) {
      line.byte(CLOSING[tape.kind(last)] as number);
      around.pop();
      masks.pop();
      isFirst = false;
    }
  };
  for (let node = root; node < end;) {
    close(node);
    if (!isFirst) line.byte(COMMA);
    isFirst = false;
    const container = around.at(-1);
    if (container !== undefined && tape.kind(container) === OBJECT) {
      const name = tape.name(node);
      const bit = 1 << (name & 31);
      const mask = masks.at(-1) as number;
      if (name === UNKNOWN_NAME || name === UNRESOLVED_NAME) return false;
      if ((mask & bit) !== 0 && tape.member(container, name) !== node) return false;
      masks[masks.length - 1] = mask | bit;
      line.piece(tape.nameStart(node), tape.nameEnd(node));
      line.byte(COLON);
    }
    const kind = tape.kind(node);
    if (kind === OBJECT || kind === ARRAY) {
      line.byte(OPENING[kind] as number);
      around.push(node);
      masks.push(0);
      isFirst = true;
      node = tape.first(node);
      continue;
    }
    if (kind === STRING && !tape.isString(node)) line.string(tape.primitive(node) as string);
    else line.piece(tape.start(node), tape.end(node));
    node = tape.after(node);
  }
  close(end);
  return true;
}
