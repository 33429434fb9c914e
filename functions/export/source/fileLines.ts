import { isUtf8 } from 'node:buffer';
import { ExportError } from '../../common/errors.js';
import { JsonTape, OBJECT } from '../../json/jsonTape.js';
import { readHead, resourceRow, type SearchRow } from './resourceRow.js';

/** Whole lines of a file, valid until the next ones are asked for. */
export interface LineBlock {
  bytes: Buffer;
  /** Where they begin in the file. */
  place: number;
}

/** From where lines are read. */
export interface LineStart {
  /** Place of the first byte that comes. */
  first: number;
  /** Place of the first byte that counts. */
  from: number;
  /** Whether a line that began before is left out. */
  skipsLine: boolean;
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
 * @param cursor where the next line begins, if lines were read already
 */
export function lineStart(
  { begin, isGzip }: { begin: number; isGzip?: true },
  cursor: { place: number } | undefined,
): LineStart {
  const skipsLine = cursor === undefined && begin > 0;
  // The byte before the part shows whether a line begins with it.
  const from = cursor?.place ?? begin - (skipsLine ? 1 : 0);
  return { first: isGzip === true ? 0 : from, from, skipsLine };
}

/**
 * Cuts the bytes of a file into blocks of whole lines; the last one need not end with a line break.
 * @param maxLine in bytes
 * @throws ExportError `source-page-too-large`
 */
export async function* lineBlocks(
  chunks: AsyncIterable<Buffer>,
  { first, from, skipsLine }: LineStart,
  maxLine: number,
  blockBytes = BLOCK_BYTES,
): AsyncGenerator<LineBlock> {
  let held = Buffer.allocUnsafe(2 * blockBytes);
  let filled = 0;
  let place = from;
  let toDrop = from - first;
  let isSkipping = skipsLine;
  for await (const chunk of chunks) {
    let rest = chunk.subarray(Math.min(toDrop, chunk.length));
    toDrop -= chunk.length - rest.length;
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
    const end = held.subarray(0, filled).lastIndexOf(LINE_BREAK) + 1;
    if (end > 0) yield { bytes: held.subarray(0, end), place };
    held.copyWithin(0, end, filled);
    filled -= end;
    place += end;
    if (filled > maxLine) throw tooLong(maxLine);
  }
  if (filled > 0) yield { bytes: held.subarray(0, filled), place };
}

/** Reads the lines of blocks, one at a time: a line is valid until the next one. Blank lines are left out. */
export class LineReader {
  readonly #tape = new JsonTape();
  readonly #number: number;
  #type = '';

  /** @param number of the file, for messages */
  constructor(number: number) {
    this.#number = number;
  }

  /** @throws ExportError `source-not-fhir` where a line is no resource */
  *lines({ bytes, place }: LineBlock): Generator<FileLine> {
    const isText = isUtf8(bytes);
    for (let start = 0; start < bytes.length;) {
      const found = bytes.indexOf(LINE_BREAK, start);
      const end = found < 0 ? bytes.length : found;
      const line = bytes.subarray(start, end);
      if (!isBlank(line)) yield this.#read(line, place + start, isText);
      start = end + 1;
    }
  }

  #read(line: Buffer, place: number, isText: boolean): FileLine {
    const tape = this.#tape;
    const malformed = (): ExportError =>
      this.#fault(place, 'is no complete JSON object with a resourceType, or is nested too deeply');
    if (!tape.read(line) || tape.kind(tape.root) !== OBJECT) throw malformed();
    const head = readHead(tape, tape.root, this.#type);
    if (head.resourceType === undefined) throw malformed();
    this.#type = head.resourceType;
    const row = resourceRow(tape, isText, head, {
      malformed,
      notUtf8: () => this.#fault(place, 'has bytes that are not UTF-8, as JSON has to be'),
    });
    return { place, type: head.resourceType, row };
  }

  /** @throws ExportError always: a line whose type FHIR does not have */
  refuseType(place: number): never {
    throw this.#fault(place, 'has a resourceType that the FHIR version (FHIR_VERSION) does not have');
  }

  #fault(place: number, what: string): ExportError {
    return new ExportError(
      'source-not-fhir',
      `${fileName(this.#number)}: the line at byte ${place} ${what}. The export ends, so that no resource is left out silently. Correct or remove the file, and export again.`,
    );
  }
}

/** What messages call a file, whose name can hold a person's. */
export function fileName(number: number): string {
  return `File ${number} of the source, in the order of their names`;
}

function isBlank(line: Buffer): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}

function tooLong(maxLine: number): ExportError {
  return new ExportError(
    'source-page-too-large',
    `A file of the source has a line of more than ${maxLine / 1_048_576} MiB. Raise SOURCE_MAX_PAGE_MEBIBYTES.`,
  );
}
