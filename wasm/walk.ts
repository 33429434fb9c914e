/*
 * The walk of `functions/deid/run/tapeWalk.ts` for what most resources hold, in WebAssembly. That file is the definition:
 * what this one does not know it leaves to the host, a value at a time or with the whole resource (`leave`).
 * `functions/deid/run/walkMemory.ts` has the same layout of the memory, and says what its parts hold.
 */

declare function leave(): void;
declare function entry(node: i32, name: i32): usize;
declare function inner(row: usize): i32;
declare function resolve(row: usize, place: i32): usize;
declare function value(row: usize, place: i32): i32;
declare function make(row: usize, place: i32): i32;
declare function look(row: usize, place: i32): void;
declare function drop(row: usize): void;
declare function dropUnknown(node: i32): void;
declare function complete(node: i32, place: i32, had: i32, left: i32, depth: i32, hasOthers: i32): i32;
declare function back(elements: i32, counted: i32, problems: i32): void;
declare function beginInner(row: usize, node: i32, place: i32): i32;
declare function endInner(): void;
declare function lookAtId(): void;

// The memory: `walkMemory.ts`.
const ELEMENTS: usize = 0x1000;
const MAX_ELEMENTS: i32 = 1024;
const COUNTED: usize = 0x2000;
const MAX_COUNTED: i32 = 8192;
const SCHEDULE: usize = 0xa000;
const BLOCKS: usize = 0xa100;
const STATE: usize = 0xa300;
const DIGEST: usize = 0xa340;
const KEY: usize = 0xc000;
const ID: usize = 0xd000;
const SCRATCH: usize = 0x10000;
const INPUT: usize = 0x20000;
const TAPE: usize = 0x40000;
const OUTPUT: usize = 0x80000;
const OUTPUT_END: usize = 0xc0000;
const ENTRY_SLOTS: usize = 0xc0000;
const ENTRY_MASK: usize = 0x1fff;
const NODES: usize = 0x110000;
const VERDICT_SLOTS: usize = 0x150000;
const VERDICT_MASK: usize = 0x1fff;
const VERDICTS: usize = 0x160000;
const VERDICTS_END: usize = 0x200000;
const RESULT_SLOTS: usize = 0x200000;
const RESULT_MASK: usize = 0xffff;
const RESULTS: usize = 0x240000;
const RESULTS_END: usize = 0x840000;

/** Tags of URIs: between the numbers of methods' results and places of rows. */
const URI_TAG: i32 = 0x8000;

const MAX_DEPTH: i32 = 200;
/** Longest text whose result is remembered, and longest parts of which a verdict is, in bytes. */
const MAX_TEXT: i32 = 200;
const MAX_PARTS: i32 = 512;
const MAX_RESULTS: i32 = 0x8000;
const MAX_VERDICTS: i32 = 0x1000;

// Kinds and flags of the tape.
const KIND: i32 = 7;
const OBJECT: i32 = 1;
const ARRAY: i32 = 2;
const STRING: i32 = 3;
const NUMBER: i32 = 4;
const TRUE: i32 = 5;
const FALSE: i32 = 6;
const NULL: i32 = 7;
const IS_ESCAPED: i32 = 8;
const IS_REWRITTEN: i32 = 16;
const IS_WIDE: i32 = 32;
const IS_LONG: i32 = 64;
const IS_FRACTION: i32 = 128;

// Rows of entries.
const UNKNOWN_ENTRY: i32 = 0;
const IGNORED_ENTRY: i32 = 1;
const TYPE_ENTRY: i32 = 2;
const VALUE_ENTRY: i32 = 3;
const VALUES_ENTRY: i32 = 4;
const COMPLEX_ENTRY: i32 = 5;
const LIST_ENTRY: i32 = 6;
const RESOURCE_ENTRY: i32 = 7;
const RESOURCES_ENTRY: i32 = 8;
const TEXT: i32 = 0;
const TAKEN: i32 = 1;
const REPLACED_TEXT: i32 = 2;
const INTEGER: i32 = 3;
const DECIMAL: i32 = 4;
const BOOLEAN: i32 = 5;
const YEAR: i32 = 7;
const LOOKS_AT_NOTHING: i32 = 0;
const REFERENCE: i32 = 2;
const PLAIN_FORM: i32 = 4;
const TOKEN: i32 = 5;
const CODE: i32 = 6;
const POSITIVE: i32 = 7;
/** URIs of two kinds, each remembered by texts as what it counts for. */
const EXTENSION_URI: i32 = 8;
const SYSTEM_URI: i32 = 9;
const IS_PLAIN: i32 = 1;
const IS_LEFT_ALONE: i32 = 2;
const IS_DAY: i32 = 4;

// Rows of nodes.
const HAS_SHAPE: i32 = 1;
const IS_RESOURCE: i32 = 4;

// What became of a value, and of a member.
const NO_VALUE: i32 = 0;
const AS_IT_CAME: i32 = 1;
const CHANGED: i32 = 2;
const REPLACED: i32 = 3;
const HASHED: i32 = 4;
const GONE: i32 = 0;
const WRITTEN: i32 = 1;
const LEFT: i32 = 2;

const UNRESOLVED_NAME: i32 = 1;
const QUOTE: i32 = 0x22;

let inputBase: usize = 0;
let tapeBase: usize = 0;
let filled: usize = OUTPUT;
let from: usize = INPUT;
let to: usize = INPUT;
let hasSiblings: i32 = 0;
let idName: i32 = 0;
let metaName: i32 = 0;

let verdictsFilled: usize = VERDICTS;
let verdicts: i32 = 0;
let resultsFilled: usize = RESULTS;
let results: i32 = 0;

/** Of the last value that was replaced or changed: its JSON. */
let madeAt: usize = 0;
let madeLength: i32 = 0;
/** A number beside the last text that was found: see `find`. */
let note: i32 = 0;
/** Whether the host has looked at the value. */
let isLookedAt: i32 = 0;

/** What became of the id of the outermost resource, whose JSON is at `ID` where it has another. */
let idBecame: i32 = 0;
let idLength: i32 = 0;
let nodeOfRoot: i32 = 0;

// Numbers that the host reads and writes, at the begin of the memory.
const HEAD_ELEMENTS: usize = 4;
const HEAD_COUNTED: usize = 8;
const HEAD_META_START: usize = 12;
const HEAD_META_END: usize = 16;
const HEAD_META: usize = 20;
const HEAD_HAS_OTHERS: usize = 24;
const HEAD_LENGTH: usize = 28;
const HEAD_NOTE: usize = 32;
const HEAD_IS_KEPT: usize = 36;
const HEAD_HOST_ELEMENTS: usize = 40;
const HEAD_HOST_COUNTED: usize = 44;
const HEAD_HOST_PROBLEMS: usize = 48;
/** The first of the rows by which something was done to the resource; the next one is in the row. */
const HEAD_DONE: usize = 52;

/** Forgets what it remembers of an engine; the host has cleared the tables. */
export function reset(id: i32, meta: i32): void {
  idName = id;
  metaName = meta;
  verdictsFilled = VERDICTS;
  verdicts = 0;
  resultsFilled = RESULTS;
  results = 0;
  generation++;
  store<i32>(HEAD_DONE, 0);
}

/**
 * Walks a resource whose bytes and tape are in the memory, and writes it, but for its closing brace.
 * @param start where the bytes begin in their page, @param first where the tape begins on that of the page
 * @param place of the resource on the tape of its page
 * @returns the bytes that were written
 */
export function resource(
  node: i32,
  start: i32,
  first: i32,
  place: i32,
  siblings: i32,
  id: i32,
  idSize: i32,
): i32 {
  inputBase = INPUT - (start as usize);
  tapeBase = TAPE - ((first as usize) << 2);
  const root = tapeBase + ((place as usize) << 2);
  filled = OUTPUT;
  from = startOf(root);
  to = from;
  hasSiblings = siblings;
  nodeOfRoot = node;
  idBecame = id;
  idLength = idSize;
  for (let row: usize = load<u32>(HEAD_DONE) as usize; row !== 0; row = load<u32>(row, 60) as usize)
    store<i32>(row, 0, 56);
  for (let at: usize = 0; at < 56; at += 8) store<u64>(at, 0);
  store<i32>(HEAD_META_END, -1);
  store<i32>(HEAD_META, -1);
  object(root, node, 0);
  flush();
  return (filled - OUTPUT) as i32;
}

function placeOf(at: usize): i32 {
  return ((at - tapeBase) >> 2) as i32;
}

function after(at: usize): usize {
  return tapeBase + ((load<i32>(at, 12) as usize) << 2);
}

function startOf(at: usize): usize {
  return inputBase + (load<i32>(at, 4) as usize);
}

function endOf(at: usize): usize {
  return inputBase + (load<i32>(at, 8) as usize);
}

/** Bytes are copied by sixteen: what is behind either is of no use to anyone. */
function copied(source: usize, length: usize): void {
  const target = filled;
  if (target + length + 16 > OUTPUT_END) leave();
  let at: usize = 0;
  do {
    v128.store(target + at, v128.load(source + at));
    at += 16;
  } while (at < length);
  filled = target + length;
}

function flush(): void {
  if (to !== from) copied(from, to - from);
  from = to;
}

function byte(code: i32): void {
  if (load<u8>(to) === (code as u8)) {
    to++;
    return;
  }
  flush();
  if (filled + 16 > OUTPUT_END) leave();
  store<u8>(filled, code as u8);
  filled++;
}

function piece(start: usize, end: usize): void {
  if (start !== to) {
    flush();
    from = start;
  }
  to = end;
}

function copy(source: usize, length: i32): void {
  flush();
  if (length > 0) copied(source, length as usize);
}

/** Counts the operation of a row. */
function did(row: usize): void {
  const count = load<i32>(row, 56);
  if (count === 0) {
    store<u32>(row, load<u32>(HEAD_DONE), 60);
    store<u32>(HEAD_DONE, row as u32);
  }
  store<i32>(row, count + 1, 56);
}

function counted(number: i32): void {
  const count = load<i32>(HEAD_COUNTED);
  if (count >= MAX_COUNTED) leave();
  store<i32>(COUNTED + ((count as usize) << 2), number);
  store<i32>(HEAD_COUNTED, count + 1);
}

function countElement(name: i32): void {
  const count = load<i32>(HEAD_ELEMENTS);
  if (count >= MAX_ELEMENTS) leave();
  store<i32>(ELEMENTS + ((count as usize) << 2), name);
  store<i32>(HEAD_ELEMENTS, count + 1);
}

/** The row of the entry of a name in a node. */
function rowOf(node: i32, name: i32): usize {
  const key = ((node << 15) | name) + 1;
  let slot = ((key as u32) * 0x9e3779b1) >>> 19;
  let at = ENTRY_SLOTS + ((slot as usize) << 3);
  for (let found = load<i32>(at); found !== 0; found = load<i32>(at)) {
    if (found === key) return load<u32>(at, 4) as usize;
    slot = (slot + 1) & (ENTRY_MASK as u32);
    at = ENTRY_SLOTS + ((slot as usize) << 3);
  }
  return entry(node, name);
}

function refuseRepeated(object: usize, member: usize, name: i32): void {
  if (name === UNRESOLVED_NAME) leave();
  for (let other = object + 16; other < member; other = after(other))
    if (load<i32>(other) >> 8 === name) leave();
}

function isComplete(row: usize, left: i32): bool {
  if ((load<i32>(row) & ~left) !== 0) return false;
  let at: usize = load<u32>(row, 12) as usize;
  for (let rules = load<i32>(row, 16); rules > 0; rules--, at += 8) {
    const beside = load<i32>(at);
    if ((beside === 0 || (left & beside) !== 0) && (left & load<i32>(at, 4)) === 0) return false;
  }
  return true;
}

function object(at: usize, node: i32, depth: i32): bool {
  if (depth > MAX_DEPTH) leave();
  const row: usize = NODES + ((node as usize) << 5);
  const flags = load<i32>(row, 8);
  const choices = load<i32>(row, 4);
  const elementsBefore = load<i32>(HEAD_ELEMENTS);
  const countedBefore = load<i32>(HEAD_COUNTED);
  const hostElements = load<i32>(HEAD_HOST_ELEMENTS);
  const hostCounted = load<i32>(HEAD_HOST_COUNTED);
  const hostProblems = load<i32>(HEAD_HOST_PROBLEMS);
  byte(0x7b);
  const end = after(at);
  let isLeft = false;
  let hasOthers = false;
  let had = 0;
  let left = 0;
  let mask = 1 << UNRESOLVED_NAME;
  for (let member = at + 16; member < end; member = after(member)) {
    const name = load<i32>(member) >> 8;
    const bit = 1 << (name & 31);
    if ((mask & bit) !== 0) refuseRepeated(at, member, name);
    mask |= bit;
    const entry = rowOf(node, name);
    const ownBit = load<i32>(entry, 8);
    had |= ownBit;
    let became: i32;
    if (depth === 0 && name === idName) became = putId(member, hasOthers);
    else {
      if ((ownBit & left & choices) !== 0) leave();
      if (depth === 0 && name === metaName) store<i32>(HEAD_META_START, lengthSoFar());
      became = walkMember(entry, node, at, member, depth, hasOthers);
    }
    if (became === GONE) continue;
    hasOthers = true;
    if (became === LEFT) {
      isLeft = true;
      left |= ownBit;
      if (depth === 0) countElement(name);
    }
    if (depth === 0 && name === metaName) {
      store<i32>(HEAD_META_END, lengthSoFar());
      store<i32>(HEAD_META, placeOf(member));
    }
  }
  if ((flags & HAS_SHAPE) !== 0 && (isLeft || (flags & IS_RESOURCE) !== 0) && !isComplete(row, left)) {
    const others = complete(node, placeOf(at), had, left, depth, hasOthers ? 1 : 0);
    if (others < 0) {
      if (depth === 0) leave();
      store<i32>(HEAD_ELEMENTS, elementsBefore);
      store<i32>(HEAD_COUNTED, countedBefore);
      back(hostElements, hostCounted, hostProblems);
      return false;
    }
    hasOthers = others !== 0;
    copy(SCRATCH, load<i32>(HEAD_LENGTH));
  }
  if (depth === 0) store<i32>(HEAD_HAS_OTHERS, hasOthers ? 1 : 0);
  else byte(0x7d);
  return isLeft;
}

function lengthSoFar(): i32 {
  return (filled - OUTPUT + (to - from)) as i32;
}

function putId(member: usize, hasOthers: bool): i32 {
  if (idBecame === NO_VALUE) return GONE;
  begin(member, 2, hasOthers);
  if (idBecame === AS_IT_CAME) piece(startOf(member), endOf(member));
  else if (idBecame === HASHED) {
    const start = startOf(member) + 1;
    hashedText(load<u32>(rowOf(nodeOfRoot, idName), 40) as usize, start, start, endOf(member) - 1);
    copy(SCRATCH, madeLength);
    did(rowOf(nodeOfRoot, idName));
    return LEFT;
  } else copy(ID, idLength);
  lookAtId();
  return LEFT;
}

function begin(member: usize, nameLength: i32, hasOthers: bool): void {
  let end = startOf(member) - 1;
  while (load<u8>(end) !== QUOTE) end--;
  const start = end - 1 - (nameLength as usize);
  // Mostly it is what comes next in the text.
  const next = hasOthers ? to + 1 : to;
  if (start === next && (!hasOthers || load<u8>(to) === 0x2c)) to = end + 1;
  else {
    if (hasOthers) byte(0x2c);
    piece(start, end + 1);
  }
  byte(0x3a);
}

function put(became: i32, at: usize): void {
  if (became === AS_IT_CAME) piece(startOf(at), endOf(at));
  else copy(madeAt, madeLength);
}

function dropped(entry: usize, at: usize): i32 {
  if ((load<i32>(at) & KIND) !== NULL) drop(entry);
  return GONE;
}

function walkMember(entry: usize, node: i32, object: usize, member: usize, depth: i32, hasOthers: bool): i32 {
  const kind = load<i32>(entry);
  switch (kind) {
    case VALUE_ENTRY: {
      const became = decide(entry, member);
      if (became === NO_VALUE) return GONE;
      begin(member, load<i32>(entry, 20), hasOthers);
      put(became, member);
      lookAt(entry, became, member);
      return LEFT;
    }
    case COMPLEX_ENTRY:
    case RESOURCE_ENTRY: {
      if ((load<i32>(member) & KIND) !== OBJECT) return dropped(entry, member);
      const filledBefore = filled;
      const fromBefore = from;
      const toBefore = to;
      begin(member, load<i32>(entry, 20), hasOthers);
      const isLeft =
        kind === COMPLEX_ENTRY ? complex(entry, member, depth) : innerResource(entry, node, member, depth);
      if (isLeft) return LEFT;
      filled = filledBefore;
      from = fromBefore;
      to = toBefore;
      return GONE;
    }
    case VALUES_ENTRY:
    case LIST_ENTRY:
    case RESOURCES_ENTRY:
      return list(entry, kind, node, object, member, depth, hasOthers);
    case TYPE_ENTRY:
      if ((load<i32>(member) & (KIND | IS_REWRITTEN)) !== STRING) leave();
      begin(member, load<i32>(entry, 20), hasOthers);
      piece(startOf(member), endOf(member));
      return WRITTEN;
    case UNKNOWN_ENTRY:
      dropUnknown(node);
      return GONE;
    case IGNORED_ENTRY:
      return GONE;
    default:
      leave();
      return GONE;
  }
}

function list(
  entry: usize,
  kind: i32,
  node: i32,
  object: usize,
  member: usize,
  depth: i32,
  hasOthers: bool,
): i32 {
  if (kind === VALUES_ENTRY && hasSiblings !== 0) refuseRepeated(object, after(object), load<i32>(entry, 52));
  const filledBefore = filled;
  const fromBefore = from;
  const toBefore = to;
  begin(member, load<i32>(entry, 20), hasOthers);
  byte(0x5b);
  let isLeft = false;
  const end = after(member);
  let item = (load<i32>(member) & KIND) === ARRAY ? member + 16 : member;
  for (; item < end; item = after(item)) {
    if (kind === VALUES_ENTRY) {
      const became = decide(entry, item);
      if (became === NO_VALUE) continue;
      if (isLeft) byte(0x2c);
      put(became, item);
      lookAt(entry, became, item);
      isLeft = true;
      continue;
    }
    if ((load<i32>(item) & KIND) !== OBJECT) {
      dropped(entry, item);
      continue;
    }
    const filledHere = filled;
    const fromHere = from;
    const toHere = to;
    if (isLeft) byte(0x2c);
    if (kind === LIST_ENTRY ? complex(entry, item, depth) : innerResource(entry, node, item, depth)) {
      isLeft = true;
      continue;
    }
    filled = filledHere;
    from = fromHere;
    to = toHere;
  }
  byte(0x5d);
  if (isLeft) return LEFT;
  filled = filledBefore;
  from = fromBefore;
  to = toBefore;
  return GONE;
}

function innerOf(entry: usize): i32 {
  const node = load<i32>(entry, 24);
  return node >= 0 ? node : inner(entry);
}

function complex(entry: usize, at: usize, depth: i32): bool {
  let row = entry;
  if ((load<i32>(row, 28) & IS_PLAIN) === 0) {
    if (after(at) === at + 16) return false;
    while (load<i32>(row, 32) !== 0) row = resolved(row, at);
    if ((load<i32>(row, 28) & IS_LEFT_ALONE) !== 0) leave();
  }
  return object(at, innerOf(row), depth + 1);
}

function innerResource(entry: usize, node: i32, at: usize, depth: i32): bool {
  if (after(at) === at + 16) return false;
  const innerNode = beginInner(entry, node, placeOf(at));
  if (innerNode < 0) return false;
  object(at, innerNode, depth + 1);
  endInner();
  return true;
}

function isLookedFor(names: usize, name: i32): bool {
  for (let left = load<i32>(names); left > 0; left--) {
    names += 4;
    if (load<i32>(names) === name) return true;
  }
  return false;
}

/** The row that holds at an object whose conditions have to be evaluated: remembered by the parts that they look at. */
function resolved(entry: usize, object: usize): usize {
  const names = load<i32>(entry, 32);
  if (names === -1) return resolve(entry, placeOf(object));
  const mask = load<u32>(entry, 48);
  const end = after(object);
  let at = KEY;
  for (let member = object + 16; member < end; member = after(member)) {
    const name = load<i32>(member) >> 8;
    if (((mask >>> (name & 31)) & 1) === 0 || !isLookedFor(names as usize, name)) continue;
    const start = startOf(member);
    const size = (endOf(member) - start) as i32;
    if (((at - KEY) as i32) + size + 4 > MAX_PARTS) return resolve(entry, placeOf(object));
    store<i32>(at, (name << 16) | size);
    at += 4;
    for (let offset: usize = 0; offset < (size as usize); offset += 16)
      v128.store(at + offset, v128.load(start + offset));
    at += size as usize;
  }
  store<u64>(at, 0);
  const length = at - KEY;
  let hash: u64 = entry as u64;
  for (let word = KEY; word < at; word += 8) hash = mixed(hash, load<u64>(word));
  let slot = ((hash >>> 40) as usize) & VERDICT_MASK;
  let known = load<u32>(VERDICT_SLOTS + (slot << 2)) as usize;
  for (; known !== 0; known = load<u32>(VERDICT_SLOTS + (slot << 2)) as usize) {
    if (load<u32>(known) === (entry as u32) && load<u32>(known, 4) === (length as u32)) {
      let word: usize = 0;
      while (word < length && load<u64>(known + 12 + word) === load<u64>(KEY + word)) word += 8;
      if (word >= length) return load<u32>(known, 8) as usize;
    }
    slot = (slot + 1) & VERDICT_MASK;
  }
  const row = resolve(entry, placeOf(object));
  if (verdicts >= MAX_VERDICTS || verdictsFilled + length + 32 > VERDICTS_END) {
    memory.fill(VERDICT_SLOTS, 0, (VERDICT_MASK + 1) << 2);
    verdictsFilled = VERDICTS;
    verdicts = 0;
    return row;
  }
  const record = verdictsFilled;
  store<u32>(record, entry as u32);
  store<u32>(record, length as u32, 4);
  store<u32>(record, row as u32, 8);
  for (let word: usize = 0; word < length; word += 8) store<u64>(record + 12 + word, load<u64>(KEY + word));
  store<u32>(VERDICT_SLOTS + (slot << 2), record as u32);
  verdictsFilled = (record + 12 + length + 15) & ~7;
  verdicts++;
  return row;
}

function mixed(hash: u64, word: u64): u64 {
  const product = (hash ^ word) * 0x9fb21c651e98df25;
  return product ^ (product >>> 32);
}

let slotOfText: usize = 0;
/** The record that was found last. */
let found: usize = 0;
/** Changes when all records are forgotten. */
let generation: i32 = 1;

/** The last bytes of a text whose length is no multiple of eight. */
function tailOf(at: usize, bytes: usize): u64 {
  return load<u64>(at) & (((1 as u64) << ((bytes as u64) << 3)) - 1);
}

/**
 * Finds what is remembered of a text. A record: its tag, the text's length, its note and that of its JSON, and both.
 * @param tag what the text was met as
 */
function find(tag: usize, start: usize, length: usize): bool {
  const whole = length & ~7;
  const tail = tailOf(start + whole, length - whole);
  let hash: u64 = (tag as u64) ^ ((length as u64) << 32);
  for (let word: usize = 0; word < whole; word += 8) hash = mixed(hash, load<u64>(start + word));
  hash = mixed(hash, tail);
  let slot = ((hash >>> 40) as usize) & RESULT_MASK;
  let record = load<u32>(RESULT_SLOTS + (slot << 2)) as usize;
  for (; record !== 0; record = load<u32>(RESULT_SLOTS + (slot << 2)) as usize) {
    if (load<u32>(record) === (tag as u32) && load<u32>(record, 4) === (length as u32)) {
      const text = record + 16;
      let word: usize = 0;
      while (word < whole && load<u64>(text + word) === load<u64>(start + word)) word += 8;
      if (word === whole && load<u64>(text + word) === tail) {
        note = load<i32>(record, 8);
        madeLength = load<i32>(record, 12);
        madeAt = text + whole + 8;
        found = record;
        return true;
      }
    }
    slot = (slot + 1) & RESULT_MASK;
  }
  slotOfText = slot;
  return false;
}

/** Whether a text is that of the record that was found last for a row. */
function isLast(row: usize, start: usize, length: i32): bool {
  if (load<i32>(row, 40) !== generation) return false;
  const record = load<u32>(row, 44) as usize;
  if (load<i32>(record, 4) !== length) return false;
  const whole = (length as usize) & ~7;
  const text = record + 16;
  for (let word: usize = 0; word < whole; word += 8)
    if (load<u64>(text + word) !== load<u64>(start + word)) return false;
  return load<u64>(text + whole) === tailOf(start + whole, (length as usize) - whole);
}

/** Remembers the JSON in `SCRATCH` of the text that `find` has not found. */
function remember(tag: usize, start: usize, length: usize): void {
  const whole = length & ~7;
  const size: usize = whole + 24 + (((madeLength as usize) + 23) & ~7);
  if (results >= MAX_RESULTS || resultsFilled + size > RESULTS_END) {
    memory.fill(RESULT_SLOTS, 0, (RESULT_MASK + 1) << 2);
    resultsFilled = RESULTS;
    results = 0;
    generation++;
    return;
  }
  const record = resultsFilled;
  store<u32>(record, tag as u32);
  store<u32>(record, length as u32, 4);
  store<i32>(record, note, 8);
  store<i32>(record, madeLength, 12);
  const text = record + 16;
  for (let word: usize = 0; word < whole; word += 8) store<u64>(text + word, load<u64>(start + word));
  store<u64>(text + whole, tailOf(start + whole, length - whole));
  const json = text + whole + 8;
  for (let at: usize = 0; at < (madeLength as usize); at += 16)
    v128.store(json + at, v128.load(SCRATCH + at));
  store<u32>(RESULT_SLOTS + (slotOfText << 2), record as u32);
  resultsFilled = record + size;
  results++;
}

function isShortNumber(head: i32): bool {
  return (head & (KIND | IS_LONG)) === NUMBER;
}

function decide(entry: usize, at: usize): i32 {
  const head = load<i32>(at);
  isLookedAt = 0;
  switch (load<i32>(entry, 4)) {
    case TEXT:
      if ((head & (KIND | IS_REWRITTEN)) === STRING)
        return endOf(at) - startOf(at) === 2 ? NO_VALUE : AS_IT_CAME;
      break;
    case TAKEN:
      if ((head & KIND) === STRING) {
        if (endOf(at) - startOf(at) !== 2) did(entry);
        return NO_VALUE;
      }
      break;
    case REPLACED_TEXT: {
      const length = (endOf(at) - startOf(at) - 2) as i32;
      if ((head & (KIND | IS_ESCAPED)) === STRING && length > 0 && length <= MAX_TEXT) {
        if (replaced(entry, head, at, length as usize)) return REPLACED;
      }
      break;
    }
    case INTEGER:
      if (isShortNumber(head) && (head & IS_FRACTION) === 0 && endOf(at) - startOf(at) < 10)
        return AS_IT_CAME;
      break;
    case DECIMAL:
      if (isShortNumber(head)) return AS_IT_CAME;
      break;
    case BOOLEAN:
      if ((head & KIND) === TRUE || (head & KIND) === FALSE) return AS_IT_CAME;
      break;
    case YEAR:
      if ((head & (KIND | IS_ESCAPED)) === STRING && isDate(entry, startOf(at) + 1, endOf(at) - 1))
        return yearOf(entry, at);
      break;
    default:
      break;
  }
  if ((head & KIND) === NULL) return NO_VALUE;
  return byHost(entry, at);
}

function byHost(entry: usize, at: usize): i32 {
  const became = value(entry, placeOf(at));
  isLookedAt = 1;
  madeAt = SCRATCH;
  madeLength = load<i32>(HEAD_LENGTH);
  return became;
}

function replaced(entry: usize, head: i32, at: usize, length: usize): bool {
  const tag = load<u32>(entry, 36) as usize;
  const start = startOf(at) + 1;
  if (!find(tag, start, length)) {
    const hash = load<u32>(entry, 40) as usize;
    if (hash === 0 || (head & IS_WIDE) !== 0 || !hashed(hash, start, length)) {
      const size = make(entry, placeOf(at));
      if (size < 0) return false;
      // The host may have remembered something else: the place of this text may be another now.
      find(tag, start, length);
      note = load<i32>(HEAD_NOTE);
      madeLength = size;
    }
    madeAt = SCRATCH;
    remember(tag, start, length);
  }
  did(entry);
  return true;
}

/** The result of a date whose year decides it. */
function yearOf(entry: usize, at: usize): i32 {
  const start = startOf(at) + 1;
  if (find(entry, start, 4)) {
    did(entry);
    isLookedAt = 1;
    if (madeLength === 0) return NO_VALUE;
    if (note > 0) counted(note - 1);
    return CHANGED;
  }
  const became = byHost(entry, at);
  if (load<i32>(HEAD_IS_KEPT) !== 0) {
    if (became === NO_VALUE) madeLength = 0;
    note = load<i32>(HEAD_NOTE);
    remember(entry, start, 4);
  }
  return became;
}

/** Two digits as a number; 255 or more for anything else. */
function digits(at: usize): u32 {
  const tens = (load<u8>(at) as u32) - 48;
  const ones = (load<u8>(at, 1) as u32) - 48;
  return tens > 9 || ones > 9 ? 1000 : tens * 10 + ones;
}

/** Whether a text is for certain a day of the calendar, or with it a time to the second with an offset. */
function isDate(entry: usize, start: usize, end: usize): bool {
  if (end - start < 10 || load<u8>(start, 4) !== 0x2d || load<u8>(start, 7) !== 0x2d) return false;
  const century = digits(start);
  const year = digits(start + 2);
  const month = digits(start + 5);
  const day = digits(start + 8);
  if (century > 99 || year > 99 || century + year === 0) return false;
  if (month < 1 || month > 12 || day < 1 || day > 30) return false;
  if (day > 28 && month === 2) return false;
  if (end - start === 10) return true;
  if ((load<i32>(entry, 28) & IS_DAY) !== 0) return false;
  if (end - start < 20 || load<u8>(start, 10) !== 0x54) return false;
  if (load<u8>(start, 13) !== 0x3a || load<u8>(start, 16) !== 0x3a) return false;
  if (digits(start + 11) > 23 || digits(start + 14) > 59 || digits(start + 17) > 59) return false;
  let at = start + 19;
  if (load<u8>(at) === 0x2e) {
    const first = ++at;
    while ((load<u8>(at) as u32) - 48 <= 9) at++;
    if (at === first) return false;
  }
  const sign = load<u8>(at);
  if (sign === 0x5a) return at + 1 === end;
  if (sign !== 0x2b && sign !== 0x2d) return false;
  return at + 6 === end && load<u8>(at, 3) === 0x3a && digits(at + 1) <= 13 && digits(at + 4) <= 59;
}

/** Whether the text of a string without escapes is ASCII, without blanks and control characters. */
function isToken(start: usize, end: usize): bool {
  if (start >= end) return false;
  let at = start;
  for (; at + 16 <= end; at += 16) {
    const bytes = v128.load(at);
    // As signed bytes, those that are not ASCII are below all others.
    const isOther = v128.or(i8x16.le_s(bytes, i8x16.splat(0x20)), i8x16.eq(bytes, i8x16.splat(0x7f)));
    if (v128.any_true(isOther)) return false;
  }
  for (; at < end; at++) {
    const code = load<u8>(at);
    if (code <= 0x20 || code >= 0x7f) return false;
  }
  return true;
}

function lookAt(entry: usize, became: i32, at: usize): void {
  const looks = load<i32>(entry, 12);
  if (looks === LOOKS_AT_NOTHING || isLookedAt !== 0) return;
  if (became === REPLACED) {
    // What is replaced has the form of its type: entries of which that is not certain are the host's.
    if (looks === REFERENCE) counted(note - 1);
    return;
  }
  const isVerbatim = (load<i32>(at) & (KIND | IS_ESCAPED)) === STRING;
  switch (looks) {
    case PLAIN_FORM:
      if (isVerbatim) return;
      break;
    case TOKEN:
      if (isVerbatim && isToken(startOf(at) + 1, endOf(at) - 1)) return;
      break;
    case CODE: {
      const start = startOf(at) + 1;
      const length = (endOf(at) - start - 1) as i32;
      if (!isVerbatim || length > MAX_TEXT) break;
      if (find(entry, start, length as usize)) return;
      look(entry, placeOf(at));
      if (load<i32>(HEAD_IS_KEPT) !== 0) {
        madeLength = 0;
        note = 0;
        remember(entry, start, length as usize);
      }
      return;
    }
    case EXTENSION_URI:
    case SYSTEM_URI: {
      const start = startOf(at) + 1;
      const length = (endOf(at) - start - 1) as i32;
      if (!isVerbatim || length > MAX_TEXT) break;
      if (isLast(entry, start, length)) return counted(load<i32>(load<u32>(entry, 44) as usize, 8) - 1);
      const tag = (URI_TAG + looks) as usize;
      if (find(tag, start, length as usize)) {
        store<u32>(entry, found as u32, 44);
        store<i32>(entry, generation, 40);
        return counted(note - 1);
      }
      look(entry, placeOf(at));
      note = load<i32>(HEAD_NOTE);
      if (load<i32>(HEAD_IS_KEPT) !== 0 && note > 0) {
        madeLength = 0;
        remember(tag, start, length as usize);
      }
      return;
    }
    case POSITIVE: {
      const first = load<u8>(startOf(at));
      if (first > 0x30 && first <= 0x39) return;
      break;
    }
    default:
      break;
  }
  look(entry, placeOf(at));
}

// Hashes: HMAC-SHA256 (RFC 2104, FIPS 180-4). What is known of a key: the states behind its two padded blocks, how many
// digits stay, and whether a text is a reference, of which the id alone is hashed.
const OUTER: usize = 32;
const DIGITS: usize = 64;
const IS_REFERENCE: usize = 68;

/** Makes the two states of a key whose padded blocks are in `SCRATCH`. */
export function knowKey(hash: usize, digits: i32, isReference: i32): void {
  begun(hash);
  compress(hash, SCRATCH);
  begun(hash + OUTER);
  compress(hash + OUTER, SCRATCH + 64);
  store<i32>(hash + DIGITS, digits);
  store<i32>(hash + IS_REFERENCE, isReference);
}

/** Remembers the resource type that the relative reference at a value begins with. @param number as `note` is */
export function knowType(hash: usize, place: i32, length: i32, number: i32): void {
  const start = startOf(tapeBase + ((place as usize) << 2)) + 1;
  if (find(hash, start, length as usize)) return;
  note = number;
  madeLength = 0;
  remember(hash, start, length as usize);
}

/** Puts the JSON of what replaces a text into `SCRATCH`. @returns false where only the host can */
function hashed(hash: usize, start: usize, length: usize): bool {
  const end = start + length;
  if (load<i32>(hash + IS_REFERENCE) === 0) {
    note = 0;
    hashedText(hash, start, start, end);
    return true;
  }
  let id = start;
  while (id < end && load<u8>(id) !== 0x2f) id++;
  const slot = slotOfText;
  if (id === end || !find(hash, start, id - start)) return false;
  slotOfText = slot;
  id++;
  if (id === end || end - id > 64) return false;
  for (let at = id; at < end; at++) if (!isOfId(load<u8>(at))) return false;
  hashedText(hash, start, id, end);
  return true;
}

function isOfId(code: u32): bool {
  const letter = (code | 0x20) - 0x61;
  return letter < 26 || code - 0x30 < 10 || code === 0x2d || code === 0x2e;
}

/** Writes a JSON string to `SCRATCH`: what comes before a text, and its hash. */
function hashedText(hash: usize, start: usize, text: usize, end: usize): void {
  const before = text - start;
  store<u8>(SCRATCH, QUOTE as u8);
  for (let at: usize = 0; at < before; at += 16) v128.store(SCRATCH + 1 + at, v128.load(start + at));
  hmac(hash, text, end - text);
  const place = SCRATCH + 1 + before;
  writeHex(DIGEST, place);
  writeHex(DIGEST + 16, place + 32);
  const digits = load<u32>(hash + DIGITS) as usize;
  store<u8>(place + digits, QUOTE as u8);
  madeLength = (before + digits + 2) as i32;
}

/** Sixteen bytes as 32 hexadecimal digits. */
function writeHex(bytes: usize, target: usize): void {
  const digits = v128(
    0x30,
    0x31,
    0x32,
    0x33,
    0x34,
    0x35,
    0x36,
    0x37,
    0x38,
    0x39,
    0x61,
    0x62,
    0x63,
    0x64,
    0x65,
    0x66,
  );
  const all = v128.load(bytes);
  const high = v128.swizzle(digits, i8x16.shr_u(all, 4));
  const low = v128.swizzle(digits, v128.and(all, i8x16.splat(15)));
  v128.store(target, v128.shuffle<u8>(high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
  v128.store(
    target + 16,
    v128.shuffle<u8>(high, low, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31),
  );
}

/** The HMAC of up to 200 bytes, at `DIGEST`. */
function hmac(hash: usize, start: usize, length: usize): void {
  const end = (length + 72) & ~63;
  memory.fill(BLOCKS, 0, end);
  for (let at: usize = 0; at < length; at++) store<u8>(BLOCKS + at, load<u8>(start + at));
  finish(hash, length, end);
  store<u64>(BLOCKS + 32, 0x80);
  store<u64>(BLOCKS + 40, 0);
  store<u64>(BLOCKS + 48, 0);
  for (let at: usize = 0; at < 32; at += 8) store<u64>(BLOCKS + at, load<u64>(DIGEST + at));
  finish(hash + OUTER, 32, 64);
}

/** Ends a hash whose first 64 bytes are known as a state: of the bytes in `BLOCKS`, with zeros behind up to `end`. */
function finish(state: usize, length: usize, end: usize): void {
  store<u8>(BLOCKS + length, 0x80);
  store<u64>(BLOCKS + end - 8, bswap<u64>(((length as u64) + 64) << 3));
  for (let at: usize = 0; at < 32; at += 8) store<u64>(STATE + at, load<u64>(state + at));
  for (let block: usize = 0; block < end; block += 64) compress(STATE, BLOCKS + block);
  for (let at: usize = 0; at < 32; at += 4) store<u32>(DIGEST + at, bswap<u32>(load<u32>(STATE + at)));
}

const FIRST_STATE = memory.data<u32>([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]);
const CONSTANTS = memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
  0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
  0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
  0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
  0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
  0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
  0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
  0xc67178f2,
]);

function begun(state: usize): void {
  for (let at: usize = 0; at < 32; at += 8) store<u64>(state + at, load<u64>(FIRST_STATE + at));
}

function compress(state: usize, block: usize): void {
  for (let at: usize = 0; at < 64; at += 4) store<u32>(SCHEDULE + at, bswap<u32>(load<u32>(block + at)));
  for (let at = SCHEDULE + 64; at < SCHEDULE + 256; at += 4) {
    const old = load<u32>(at - 60);
    const late = load<u32>(at - 8);
    const one = rotr<u32>(old, 7) ^ rotr<u32>(old, 18) ^ (old >>> 3);
    const other = rotr<u32>(late, 17) ^ rotr<u32>(late, 19) ^ (late >>> 10);
    store<u32>(at, load<u32>(at - 64) + one + load<u32>(at - 28) + other);
  }
  for (let at: usize = 0; at < 256; at += 16)
    v128.store(SCHEDULE + at, i32x4.add(v128.load(SCHEDULE + at), v128.load(CONSTANTS + at)));
  let a = load<u32>(state);
  let b = load<u32>(state, 4);
  let c = load<u32>(state, 8);
  let d = load<u32>(state, 12);
  let e = load<u32>(state, 16);
  let f = load<u32>(state, 20);
  let g = load<u32>(state, 24);
  let h = load<u32>(state, 28);
  // Eight rounds: after them, each variable has its own name again.
  for (let at: usize = 0; at < 256; at += 32) {
    h +=
      (rotr<u32>(e, 6) ^ rotr<u32>(e, 11) ^ rotr<u32>(e, 25)) +
      (g ^ (e & (f ^ g))) +
      load<u32>(SCHEDULE + at, 0);
    d += h;
    h += (rotr<u32>(a, 2) ^ rotr<u32>(a, 13) ^ rotr<u32>(a, 22)) + ((a & b) | (c & (a | b)));
    g +=
      (rotr<u32>(d, 6) ^ rotr<u32>(d, 11) ^ rotr<u32>(d, 25)) +
      (f ^ (d & (e ^ f))) +
      load<u32>(SCHEDULE + at, 4);
    c += g;
    g += (rotr<u32>(h, 2) ^ rotr<u32>(h, 13) ^ rotr<u32>(h, 22)) + ((h & a) | (b & (h | a)));
    f +=
      (rotr<u32>(c, 6) ^ rotr<u32>(c, 11) ^ rotr<u32>(c, 25)) +
      (e ^ (c & (d ^ e))) +
      load<u32>(SCHEDULE + at, 8);
    b += f;
    f += (rotr<u32>(g, 2) ^ rotr<u32>(g, 13) ^ rotr<u32>(g, 22)) + ((g & h) | (a & (g | h)));
    e +=
      (rotr<u32>(b, 6) ^ rotr<u32>(b, 11) ^ rotr<u32>(b, 25)) +
      (d ^ (b & (c ^ d))) +
      load<u32>(SCHEDULE + at, 12);
    a += e;
    e += (rotr<u32>(f, 2) ^ rotr<u32>(f, 13) ^ rotr<u32>(f, 22)) + ((f & g) | (h & (f | g)));
    d +=
      (rotr<u32>(a, 6) ^ rotr<u32>(a, 11) ^ rotr<u32>(a, 25)) +
      (c ^ (a & (b ^ c))) +
      load<u32>(SCHEDULE + at, 16);
    h += d;
    d += (rotr<u32>(e, 2) ^ rotr<u32>(e, 13) ^ rotr<u32>(e, 22)) + ((e & f) | (g & (e | f)));
    c +=
      (rotr<u32>(h, 6) ^ rotr<u32>(h, 11) ^ rotr<u32>(h, 25)) +
      (b ^ (h & (a ^ b))) +
      load<u32>(SCHEDULE + at, 20);
    g += c;
    c += (rotr<u32>(d, 2) ^ rotr<u32>(d, 13) ^ rotr<u32>(d, 22)) + ((d & e) | (f & (d | e)));
    b +=
      (rotr<u32>(g, 6) ^ rotr<u32>(g, 11) ^ rotr<u32>(g, 25)) +
      (a ^ (g & (h ^ a))) +
      load<u32>(SCHEDULE + at, 24);
    f += b;
    b += (rotr<u32>(c, 2) ^ rotr<u32>(c, 13) ^ rotr<u32>(c, 22)) + ((c & d) | (e & (c | d)));
    a +=
      (rotr<u32>(f, 6) ^ rotr<u32>(f, 11) ^ rotr<u32>(f, 25)) +
      (h ^ (f & (g ^ h))) +
      load<u32>(SCHEDULE + at, 28);
    e += a;
    a += (rotr<u32>(b, 2) ^ rotr<u32>(b, 13) ^ rotr<u32>(b, 22)) + ((b & c) | (d & (b | c)));
  }
  store<u32>(state, load<u32>(state) + a);
  store<u32>(state, load<u32>(state, 4) + b, 4);
  store<u32>(state, load<u32>(state, 8) + c, 8);
  store<u32>(state, load<u32>(state, 12) + d, 12);
  store<u32>(state, load<u32>(state, 16) + e, 16);
  store<u32>(state, load<u32>(state, 20) + f, 20);
  store<u32>(state, load<u32>(state, 24) + g, 24);
  store<u32>(state, load<u32>(state, 28) + h, 28);
}
