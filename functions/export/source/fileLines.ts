import { isUtf8 } from 'node:buffer';
import { createHash, type Hash } from 'node:crypto';
import { ExportError } from '../../common/errors.js';
import { JsonTape, OBJECT } from '../../json/jsonTape.js';
import { readHead, resourceRow, type RowFaults, type SearchRow } from './resourceRow.js';

/** Whole lines of a file, valid until the next ones are asked for. */
export interface LineBlock {
  bytes: Buffer;
  /** Where they begin in the file. */
  place: number;
  /** SHA-256 of the file to their end, where it is read from its start again. */
  readonly digest?: () => string;
}

/** From where lines are read. */
export interface LineStart {
  /** Place of the first byte that comes. */
  first: number;
  /** Place of the first byte that counts. */
  from: number;
  /** Whether a line that began before is left out. */
  skipsLine: boolean;
  /** SHA-256 of what is before `from`; absent: it is not looked at. */
  before?: string;
}

/** A line of a file. */
export interface FileLine {
  place: number;
  type: string;
  row: SearchRow;
}

/** As much as the lines of a page are: they are written in the order of their text, and the next ones after them. */
const BLOCK_BYTES = 1_048_576;
const LINE_BREAK = 0x0a;

/**
 * Where the lines of a part begin.
 * @param isWhole whether it can be read from the start of the file only
 * @param isPinned whether something else shows that the file is the same as before
 * @param cursor where the next line begins, if lines were read already
 */
export function lineStart(
  { begin, isWhole, isPinned }: { begin: number; isWhole: boolean; isPinned: boolean },
  cursor: { place: number; before?: string } | undefined,
): LineStart {
  const skipsLine = cursor === undefined && begin > 0;
  // The byte before the part shows whether a line begins with it.
  const from = cursor?.place ?? begin - (skipsLine ? 1 : 0);
  const start = { first: isWhole ? 0 : from, from, skipsLine };
  return isWhole && !isPinned ? { ...start, before: cursor?.before ?? EMPTY } : start;
}

/** Of nothing. */
const EMPTY = createHash('sha256').digest('hex');

/**
 * Cuts the bytes of a file into blocks of whole lines; the last one need not end with a line break.
 * @param maxLine in bytes
 * @throws ExportError `source-page-too-large`
 */
export async function* lineBlocks(
  chunks: AsyncIterable<Buffer>,
  { first, from, skipsLine, before }: LineStart,
  maxLine: number,
  blockBytes = BLOCK_BYTES,
): AsyncGenerator<LineBlock> {
  let held = Buffer.allocUnsafe(2 * blockBytes);
  let filled = 0;
  /** Bytes that were searched: no line ends within them. */
  let searched = 0;
  let place = from;
  let toDrop = from - first;
  let isSkipping = skipsLine;
  const hash = before === undefined ? undefined : createHash('sha256');
  const block = (end: number): LineBlock => {
    const bytes = held.subarray(0, end);
    return hash === undefined ? { bytes, place } : { bytes, place, digest: () => digestOf(hash, bytes) };
  };
  for await (const chunk of chunks) {
    let rest = chunk.subarray(Math.min(toDrop, chunk.length));
    if (toDrop > 0) {
      const dropped = chunk.length - rest.length;
      hash?.update(chunk.subarray(0, dropped));
      toDrop -= dropped;
      if (toDrop === 0 && hash !== undefined && digestOf(hash) !== before) throw otherFile();
    }
    if (isSkipping) {
      const end = rest.indexOf(LINE_BREAK);
      isSkipping = end < 0;
      const skipped = isSkipping ? rest.length : end + 1;
      place += skipped;
      rest = rest.subarray(skipped);
    }
    if (filled + rest.length > held.length) {
      const larger = Buffer.allocUnsafe(Math.max(2 * held.length, filled + rest.length));
      held.copy(larger, 0, 0, filled);
      held = larger;
    }
    filled += rest.copy(held, filled);
    if (filled < blockBytes) continue;
    const last = held.subarray(searched, filled).lastIndexOf(LINE_BREAK);
    if (last >= 0) {
      const end = searched + last + 1;
      yield block(end);
      hash?.update(held.subarray(0, end));
      held.copyWithin(0, end, filled);
      filled -= end;
      place += end;
    }
    searched = filled;
    if (filled > maxLine) throw tooLong(maxLine);
  }
  if (toDrop > 0) throw otherFile();
  if (filled > 0) yield block(filled);
}

/** What was hashed so far, and more. */
function digestOf(hash: Hash, more: Buffer = Buffer.alloc(0)): string {
  return hash.copy().update(more).digest('hex');
}

/** Reads the lines of blocks, one at a time: a line is valid until the next one. Blank lines are left out. */
export class LineReader implements RowFaults {
  readonly #tape = new JsonTape();
  readonly #file: NamedFile;
  #type = '';
  /** Where the line is that was given last. */
  #place = 0;

  constructor(file: NamedFile) {
    this.#file = file;
  }

  /** @throws ExportError `source-not-fhir` where a line is no resource */
  *lines({ bytes, place }: LineBlock): Generator<FileLine> {
    const isText = isUtf8(bytes);
    const read = this.#tape.readLines(bytes) ? yield* this.#readTogether(bytes, place, isText) : 0;
    for (let start = read; start < bytes.length;) {
      const end = lineEnd(bytes, start);
      const line = bytes.subarray(start, end);
      if (!isBlank(line)) {
        this.#place = place + start;
        if (!this.#tape.read(line)) throw this.malformed();
        yield this.#line(this.#tape.root, isText);
      }
      start = end + 1;
    }
  }

  /**
   * The lines that are on the tape together, up to one that is not all of a value.
   * @returns where the next line begins
   */
  *#readTogether(bytes: Buffer, place: number, isText: boolean): Generator<FileLine, number> {
    const tape = this.#tape;
    const last = tape.after(tape.root);
    let start = 0;
    for (let node = tape.first(tape.root); node < last; node = tape.after(node)) {
      const end = lineEnd(bytes, start);
      const valueEnd = tape.end(node);
      // A value of several lines, or a line of several values, is no line of JSON.
      if (valueEnd !== end && (valueEnd > end || !isBlank(bytes.subarray(valueEnd, end)))) return start;
      this.#place = place + start;
      yield this.#line(node, isText);
      start = end + 1;
    }
    return start;
  }

  #line(node: number, isText: boolean): FileLine {
    const tape = this.#tape;
    if (tape.kind(node) !== OBJECT) throw this.malformed();
    const head = readHead(tape, node, this.#type);
    if (head.resourceType === undefined) throw this.malformed();
    this.#type = head.resourceType;
    return { place: this.#place, type: head.resourceType, row: resourceRow(tape, isText, head, this) };
  }

  /** What is wrong with the line that was given last. */
  malformed(): ExportError {
    return this.#fault(
      this.#place,
      'is no complete JSON object with a resourceType, or is nested too deeply',
    );
  }

  notUtf8(): ExportError {
    return this.#fault(this.#place, 'has bytes that are not UTF-8, as JSON has to be');
  }

  /** @throws ExportError always: a line whose type FHIR does not have, or another one than its file */
  refuseType(place: number, isOfFile: boolean): never {
    throw this.#fault(
      place,
      isOfFile
        ? 'has another resourceType than the manifest says of the file'
        : 'has a resourceType that the FHIR version (FHIR_VERSION) does not have',
    );
  }

  #fault(place: number, what: string): ExportError {
    const remedy =
      this.#file.bulk === undefined ? 'Correct or remove the file' : 'Look for the cause at the source';
    return new ExportError(
      'source-not-fhir',
      `${fileName(this.#file)}: the line at byte ${place} ${what}. The export ends, so that no resource is left out silently. ${remedy}, and export again.`,
      // Another download may be whole.
      this.#file.bulk !== undefined,
    );
  }
}

/** A file in messages. */
export interface NamedFile {
  number: number;
  /** Of the source's own export. */
  bulk?: object;
}

/** What messages call a file, whose name can hold a person's. */
export function fileName({ number, bulk }: NamedFile): string {
  return bulk === undefined
    ? `File ${number} of the source, in the order of their names`
    : `File ${number} of the source's own export, in the order of its manifest`;
}

function otherFile(): ExportError {
  return new ExportError(
    'source-export-lost',
    'A file of the source is another one than before, although it was to be read on from where it was left, so its lines would not fit each other. Export again.',
  );
}

/** Where the line break of a line is, or the end of all. */
function lineEnd(bytes: Buffer, start: number): number {
  const found = bytes.indexOf(LINE_BREAK, start);
  return found < 0 ? bytes.length : found;
}

function isBlank(line: Buffer): boolean {
  for (const byte of line) if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) return false;
  return true;
}

function tooLong(maxLine: number): ExportError {
  return new ExportError(
    'source-page-too-large',
    `A file of the source has a line of more than ${maxLine / 1_048_576} MiB. Raise SOURCE_MAX_PAGE_MEBIBYTES.`,
  );
}
