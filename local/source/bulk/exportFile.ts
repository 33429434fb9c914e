import type { Collection } from '../collection.js';

const CHUNK_BYTES = 1024 * 1024;
/** What a cut file lacks: its last line break, and some of the line. */
const CUT_BYTES = 10;

/** Changes a line, which has no line break; `index` is its number in its part, from 0. */
export type EditLine = (line: string, index: number) => string;

/** Lines of a file: rows of a collection, each changed by `edit`, or texts without line breaks. */
export type Lines =
  { collection: Collection; rows: Uint32Array; edit?: EditLine | undefined } | { texts: readonly string[] };

/** An NDJSON file of an export. It is made anew from its rows whenever it is read. */
export class ExportFile {
  readonly #parts: readonly Lines[];
  #size: number | undefined;

  /** `isCut`: its last line ends in the middle. */
  constructor(
    readonly type: string,
    parts: readonly Lines[],
    readonly isCut = false,
  ) {
    this.#parts = parts;
  }

  get lines(): number {
    return this.#parts.reduce(
      (sum, part) => sum + ('texts' in part ? part.texts.length : part.rows.length),
      0,
    );
  }

  get parts(): readonly Lines[] {
    return this.#parts;
  }

  /** Bytes of the file. Where lines are edited, the first look at it reads all of them. */
  get size(): number {
    this.#size ??= this.#parts.reduce((sum, part) => sum + sizeOf(part), 0) - (this.isCut ? CUT_BYTES : 0);
    return this.#size;
  }

  /** The bytes from `from` up to `to`, in chunks of about a mebibyte. */
  *read(from: number, to: number): Generator<Buffer> {
    let at = 0;
    for (const part of this.#parts) {
      for (const { size, fill } of batchesOf(part)) {
        if (at >= to) return;
        if (at + size > from) yield fill().subarray(Math.max(0, from - at), Math.min(size, to - at));
        at += size;
      }
    }
  }
}

interface Batch {
  size: number;
  fill: () => Buffer;
}

function sizeOf(part: Lines): number {
  let size = 0;
  for (const batch of batchesOf(part)) size += batch.size;
  return size;
}

function* batchesOf(part: Lines): Generator<Batch> {
  if ('texts' in part) {
    const bytes = Buffer.from(part.texts.map((text) => `${text}\n`).join(''));
    yield { size: bytes.length, fill: () => bytes };
    return;
  }
  const { rows, edit, collection } = part;
  const { texts } = collection;
  for (let first = 0, next = 0; first < rows.length; first = next) {
    let size = 0;
    while (next < rows.length && size < CHUNK_BYTES) size += texts.length(rows[next++]!) + 1;
    const batch = rows.subarray(first, next);
    const fill = () => {
      const bytes = Buffer.allocUnsafe(size);
      texts.copyLines(batch, bytes);
      return bytes;
    };
    if (edit === undefined) yield { size, fill };
    else {
      const edited = editLines(fill(), first, edit);
      yield { size: edited.length, fill: () => edited };
    }
  }
}

function editLines(lines: Buffer, first: number, edit: EditLine): Buffer {
  return Buffer.from(
    lines
      .toString('utf8')
      .split('\n')
      .slice(0, -1)
      .map((line, index) => `${edit(line, first + index)}\n`)
      .join(''),
  );
}
