import { ARRAY, JsonTape, NUMBER, OBJECT } from '../../json/jsonTape.js';
import { nameNumber } from '../../json/keyNames.js';

const LINK = nameNumber('link');
const RELATION = nameNumber('relation');
const TOTAL = nameNumber('total');
const URL = nameNumber('url');

/** Bytes of JSON for each of its values, in pages that are none too dense. */
const BYTES_PER_VALUE = 20;
/** Tapes that wait for another page, of which none takes more than this. */
const MAX_IDLE = 4;
const MAX_IDLE_BYTES = 4 * 1024 * 1024;
const idle: JsonTape[] = [];

/** An answer of the source on a tape; `undefined` where it is no JSON. */
export function readTape(bytes: Buffer): JsonTape | undefined {
  const tape = idle.pop() ?? new JsonTape(Math.ceil(bytes.length / BYTES_PER_VALUE) + 16);
  return tape.read(bytes) ? tape : undefined;
}

/** Lets another answer have a tape. What it held is gone. */
export function giveBack(tape: JsonTape): void {
  tape.clear();
  if (idle.length < MAX_IDLE && tape.size <= MAX_IDLE_BYTES) idle.push(tape);
}

/** The URL of the first link of a Bundle that has a relation and a URL. */
export function readLink(tape: JsonTape, relation: string): string | undefined {
  const links = tape.lastMember(tape.root, LINK);
  if (links < 0 || tape.kind(links) !== ARRAY) return undefined;
  const end = tape.after(links);
  for (let link = tape.first(links); link < end; link = tape.after(link)) {
    if (tape.kind(link) !== OBJECT || tape.textOf(link, RELATION) !== relation) continue;
    const url = tape.textOf(link, URL);
    if (url !== undefined) return url;
  }
  return undefined;
}

/** The total of a Bundle, where it is a whole number. */
export function readTotal(tape: JsonTape): number | undefined {
  const node = tape.lastMember(tape.root, TOTAL);
  const total = node >= 0 && tape.kind(node) === NUMBER ? tape.primitive(node) : undefined;
  return typeof total === 'number' && Number.isSafeInteger(total) && total >= 0 ? total : undefined;
}
