/*
 * The reader of `functions/json/jsonTape.ts` in WebAssembly. `JsonTape.read` is the definition: this one writes the same
 * numbers, and what it cannot read, JSON or not, it leaves to that. `functions/json/tapeReader.ts` has the same layout of
 * the memory.
 */

/** The number of a name that is not known here: its first byte in the text, and its length. */
declare function nameNumber(start: i32, length: i32): i32;

const OPEN: usize = 0x1000;
const MAX_DEPTH: i32 = 1000;
const NAME_SLOTS: usize = 0x10000;
const NAME_MASK: usize = 0x7fff;
const NAMES: usize = 0x30000;
const NAMES_END: usize = 0x200000;
const MAX_NAMES: i32 = 0x4000;
const INPUT: usize = 0x200000;
const TAPE: usize = 0x610000;
const TAPE_END: usize = 0xa10000;

const MAX_NAME: usize = 64;
const UNKNOWN_NAME: i32 = 0;
const UNRESOLVED_NAME: i32 = 1;
const OBJECT: i32 = 1;
const ARRAY: i32 = 2;
const STRING: i32 = 3;
const NUMBER: i32 = 4;
const TRUE: i32 = 5;
const FALSE: i32 = 6;
const NULL: i32 = 7;
const KIND: i32 = 7;
const IS_ESCAPED: i32 = 8;
const IS_REWRITTEN: i32 = 16;
const IS_WIDE: i32 = 32;
const IS_LONG: i32 = 64;
const IS_FRACTION: i32 = 128;
const IS_EXACT: i32 = 8;

const QUOTE: u32 = 0x22;
const COMMA: u32 = 0x2c;
const MINUS: u32 = 0x2d;
const DOT: u32 = 0x2e;
const SLASH: u32 = 0x2f;
const ZERO: u32 = 0x30;
const COLON: u32 = 0x3a;
const OPEN_BRACKET: u32 = 0x5b;
const BACKSLASH: u32 = 0x5c;
const CLOSE_BRACKET: u32 = 0x5d;
const OPEN_BRACE: u32 = 0x7b;
const CLOSE_BRACE: u32 = 0x7d;

let end: usize = 0;
/** Where the scalar that was read last has ended; of a string, its closing quote. */
let scalarEnd: usize = 0;
let namesFilled: usize = NAMES;
let names: i32 = 0;

export let hasSiblings: i32 = 0;

/**
 * Reads the text at `INPUT`.
 * @param start what is added to its places
 * @returns how many numbers the tape has; 0 where it was not read
 */
export function read(length: i32, start: i32): i32 {
  end = INPUT + (length as usize);
  for (let slack: usize = 0; slack < 64; slack += 8) store<u64>(end + slack, 0);
  hasSiblings = 0;
  return text((INPUT as i32) - start);
}

function isSpace(byte: u32): bool {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** @param base what is taken off of addresses */
function text(base: i32): i32 {
  let node = TAPE;
  let last = TAPE;
  let container: usize = 0;
  let isInObject = false;
  let depth = 0;
  let name = UNKNOWN_NAME;
  let at = INPUT;
  if (load<u8>(at) === 0xef && load<u8>(at, 1) === 0xbb && load<u8>(at, 2) === 0xbf) at += 3;
  while (true) {
    // A value.
    let byte: u32 = load<u8>(at);
    while (byte <= 0x20) {
      if (!isSpace(byte)) return 0;
      byte = load<u8>(++at);
    }
    node = last;
    if (node >= TAPE_END - 16) return 0;
    last += 16;
    const named = name << 8;
    store<i32>(node, (at as i32) - base, 4);
    let isFirst = false;
    if (byte === QUOTE) {
      const flags = string(at + 1);
      if (flags === 0) return 0;
      store<i32>(node, named | flags);
      at = scalarEnd + 1;
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (++depth === MAX_DEPTH) return 0;
      store<u32>(OPEN + ((depth as usize) << 2), container as u32);
      container = node;
      isInObject = byte === OPEN_BRACE;
      store<i32>(node, named | (isInObject ? OBJECT : ARRAY));
      byte = load<u8>(++at);
      while (byte <= 0x20) {
        if (!isSpace(byte)) return 0;
        byte = load<u8>(++at);
      }
      if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        if ((byte === CLOSE_BRACE) !== isInObject) return 0;
      } else if (!isInObject) {
        name = UNKNOWN_NAME;
        continue;
      }
      isFirst = true;
    } else {
      const flags = numberOrWord(at, byte);
      if (flags === 0) return 0;
      store<i32>(node, named | flags);
      at = scalarEnd;
    }
    if (!isFirst) {
      store<i32>(node, (at as i32) - base, 8);
      store<i32>(node, ((last - TAPE) >>> 2) as i32, 12);
    }
    // What follows a value, or the begin of an object: the next name, the next value, or ends.
    while (true) {
      if (container === 0) {
        while (at < end && isSpace(load<u8>(at))) at++;
        return at === end ? (((last - TAPE) >>> 2) as i32) : 0;
      }
      byte = load<u8>(at);
      while (byte <= 0x20) {
        if (!isSpace(byte)) return 0;
        byte = load<u8>(++at);
      }
      if (byte === (isInObject ? CLOSE_BRACE : CLOSE_BRACKET)) {
        at++;
        store<i32>(container, (at as i32) - base, 8);
        store<i32>(container, ((last - TAPE) >>> 2) as i32, 12);
        container = load<u32>(OPEN + ((depth as usize) << 2)) as usize;
        depth--;
        isInObject = container !== 0 && (load<i32>(container) & KIND) === OBJECT;
        isFirst = false;
        continue;
      }
      if (isFirst) isFirst = false;
      else {
        if (byte !== COMMA) return 0;
        byte = load<u8>(++at);
      }
      if (!isInObject) {
        name = UNKNOWN_NAME;
        break;
      }
      while (byte <= 0x20) {
        if (!isSpace(byte)) return 0;
        byte = load<u8>(++at);
      }
      if (byte !== QUOTE) return 0;
      name = nameAt(++at);
      if (name < 0) return 0;
      if (load<u8>(at) === 0x5f) hasSiblings = 1;
      at = scalarEnd + 1;
      byte = load<u8>(at);
      while (byte <= 0x20) {
        if (!isSpace(byte)) return 0;
        byte = load<u8>(++at);
      }
      if (byte !== COLON) return 0;
      at++;
      break;
    }
  }
  return 0;
}

/** Bits of the bytes, of sixteen, that a string does not hold unescaped. */
function specials(bytes: v128): i32 {
  return i8x16.bitmask(
    v128.or(
      v128.or(i8x16.eq(bytes, i8x16.splat(0x22)), i8x16.eq(bytes, i8x16.splat(0x5c))),
      i8x16.lt_u(bytes, i8x16.splat(0x20)),
    ),
  );
}

/** The kind and flags of a string from its first character on; 0 for none. */
function string(from: usize): i32 {
  let flags = STRING;
  let at = from;
  while (true) {
    const bytes = v128.load(at);
    const wide = i8x16.bitmask(bytes);
    const special = specials(bytes);
    if (special === 0) {
      if (wide !== 0) flags |= IS_WIDE;
      at += 16;
      continue;
    }
    const skipped = ctz(special);
    if ((wide & ((1 << skipped) - 1)) !== 0) flags |= IS_WIDE;
    at += skipped as usize;
    let byte: u32 = load<u8>(at);
    if (byte === QUOTE) {
      scalarEnd = at;
      return at < end ? flags : 0;
    }
    if (byte !== BACKSLASH) return 0;
    byte = load<u8>(at, 1);
    flags |= IS_ESCAPED;
    if (byte === SLASH || byte === 0x75) flags |= IS_REWRITTEN;
    if (byte === 0x75) {
      for (let digit = at + 2; digit < at + 6; digit++) if (!isHex(load<u8>(digit))) return 0;
      at += 6;
    } else if (isEscape(byte)) at += 2;
    else return 0;
  }
  return 0;
}

function isHex(byte: u32): bool {
  return byte - 0x30 < 10 || (byte | 0x20) - 0x61 < 6;
}

/** `"\/bfnrt` */
function isEscape(byte: u32): bool {
  switch (byte) {
    case 0x22:
    case 0x5c:
    case 0x2f:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return true;
    default:
      return false;
  }
}

function mixed(low: u64, high: u64): usize {
  const product = (low ^ (high * 0x9fb21c651e98df25)) * 0x9e3779b97f4a7c15;
  return (product >>> 49) as usize;
}

/** Eight bytes of a name, of which only those that it has count. */
function part(at: usize, length: usize): u64 {
  const bytes = load<u64>(at);
  return length >= 8 ? bytes : bytes & (((1 as u64) << ((length as u64) << 3)) - 1);
}

/** The number of the name that begins at a place, whose closing quote is then at `scalarEnd`; -1 for none. */
function nameAt(start: usize): i32 {
  const special = specials(v128.load(start));
  let quote: usize;
  if (special !== 0) {
    quote = start + (ctz(special) as usize);
    // Not ASCII, or with escapes: seldom.
    if (load<u8>(quote) !== QUOTE) return otherName(start);
  } else {
    if (string(start) === 0) return -1;
    quote = scalarEnd;
  }
  scalarEnd = quote;
  const length = quote - start;
  if (length === 0 || length > MAX_NAME) return otherName(start);
  const low = part(start, length);
  const high = length > 8 ? part(start + 8, length - 8) : 0;
  let slot = mixed(low, high ^ (length as u64)) & NAME_MASK;
  let record = load<u32>(NAME_SLOTS + (slot << 2)) as usize;
  for (; record !== 0; record = load<u32>(NAME_SLOTS + (slot << 2)) as usize) {
    if (
      load<u32>(record, 4) === (length as u32) &&
      load<u64>(record, 8) === low &&
      load<u64>(record, 16) === high
    ) {
      let at: usize = 16;
      while (at < length && load<u64>(record + 8 + at) === part(start + at, length - at)) at += 8;
      if (at >= length) return load<i32>(record);
    }
    slot = (slot + 1) & NAME_MASK;
  }
  const flags = string(start);
  if (flags !== STRING) return otherName(start);
  const number = nameNumber((start - INPUT) as i32, length as i32);
  if (number > UNRESOLVED_NAME && names < MAX_NAMES && namesFilled + 96 < NAMES_END) {
    names++;
    store<i32>(namesFilled, number);
    store<u32>(namesFilled, length as u32, 4);
    store<u64>(namesFilled, 0, 16);
    for (let at: usize = 0; at < length; at += 8)
      store<u64>(namesFilled + 8 + at, part(start + at, length - at));
    store<u32>(NAME_SLOTS + (slot << 2), namesFilled as u32);
    namesFilled += 24 + ((length + 7) & ~7);
  }
  return number;
}

function otherName(start: usize): i32 {
  const flags = string(start);
  if (flags === 0) return -1;
  return (flags & IS_ESCAPED) === 0 ? UNKNOWN_NAME : UNRESOLVED_NAME;
}

/** The kind and flags of a number or word, whose end is then in `scalarEnd`; 0 for neither. */
function numberOrWord(start: usize, byte: u32): i32 {
  if (byte === MINUS || byte - ZERO < 10) return number(start);
  if (byte === 0x74) return word(start, 0x65757274, 4, TRUE);
  if (byte === 0x66) return load<u8>(start, 4) === 0x65 ? word(start, 0x736c6166, 5, FALSE) : 0;
  return byte === 0x6e ? word(start, 0x6c6c756e, 4, NULL) : 0;
}

function word(start: usize, bytes: u32, length: usize, kind: i32): i32 {
  scalarEnd = start + length;
  return load<u32>(start) === bytes ? kind : 0;
}

function isDigitAt(at: usize): bool {
  return (load<u8>(at) as u32) - ZERO < 10;
}

function number(start: usize): i32 {
  let flags = NUMBER;
  let at = start;
  if (load<u8>(at) === MINUS) at++;
  if (load<u8>(at) === ZERO) at++;
  else {
    if (!isDigitAt(at)) return 0;
    while (isDigitAt(at)) at++;
  }
  if (load<u8>(at) === DOT) {
    flags |= IS_FRACTION;
    at++;
    if (!isDigitAt(at)) return 0;
    while (isDigitAt(at)) at++;
  }
  if ((load<u8>(at) | 0x20) === 0x65) {
    flags |= IS_LONG | IS_FRACTION;
    at++;
    if (load<u8>(at) === MINUS || load<u8>(at) === 0x2b) at++;
    if (!isDigitAt(at)) return 0;
    while (isDigitAt(at)) at++;
  }
  scalarEnd = at;
  if (at - start > 15) flags |= IS_LONG;
  const mayChange =
    (flags & IS_LONG) !== 0 ||
    ((flags & IS_FRACTION) !== 0 && (load<u8>(at - 1) === ZERO || isTiny(start))) ||
    (load<u8>(start) === MINUS && load<u8>(start, 1) === ZERO);
  return mayChange ? flags | IS_EXACT : flags;
}

function isTiny(start: usize): bool {
  const at = load<u8>(start) === MINUS ? start + 1 : start;
  return (
    load<u8>(at) === ZERO && load<u8>(at, 2) === ZERO && load<u8>(at, 3) === ZERO && load<u8>(at, 4) === ZERO
  );
}
