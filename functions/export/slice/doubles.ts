import { createHmac } from 'node:crypto';
import { addTo } from '../../common/maps.js';
import type { SearchRow } from '../source/resourceRow.js';

/** Bytes of a digest of type and id, then those of the time in microseconds, and of the place of the line. */
const DIGEST_BYTES = 16;
const PLACE = DIGEST_BYTES + 8;
const ENTRY_BYTES = PLACE + 8;
/** Digests that are compared at a time: 64 MiB. */
const MAX_COMPARED = 8_388_608;
/** Of those that are doubled, as many are decided at a time. */
const MAX_DECIDED = 1_048_576;
const BUCKETS = 65_536;
/** Of a line that does not say when it was updated. */
const NEVER = -(2n ** 63n);

/** What shows which lines of files are of the same resource: digests by the job's secret, of no use without it. */
export class LineIndex {
  readonly #secret: Uint8Array;
  #bytes = Buffer.allocUnsafe(1024 * ENTRY_BYTES);
  #length = 0;

  constructor(secret: Uint8Array) {
    this.#secret = secret;
  }

  add(type: string, { id, lastUpdated }: SearchRow, place: number): void {
    if (id === undefined) return;
    if (this.#length === this.#bytes.length) {
      this.#bytes = Buffer.concat([this.#bytes], 2 * this.#length);
    }
    const digest = createHmac('sha256', this.#secret).update(`file-line:${type}/${id}`).digest();
    digest.copy(this.#bytes, this.#length, 0, DIGEST_BYTES);
    const micros =
      lastUpdated === undefined
        ? NEVER
        : BigInt(lastUpdated.seconds) * 1_000_000n + BigInt(lastUpdated.fraction.padEnd(6, '0').slice(0, 6));
    this.#bytes.writeBigInt64LE(micros, this.#length + DIGEST_BYTES);
    this.#bytes.writeDoubleLE(place, this.#length + PLACE);
    this.#length += ENTRY_BYTES;
  }

  /** The index of what was added. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }
}

/** An index that was written, of a part of a file. */
export interface IndexOfPart {
  partition: number;
  /** Of its file. */
  number: number;
  bytes: Buffer;
}

/** A line, and what decides whether another one of its resource counts. */
interface Line {
  partition: number;
  number: number;
  micros: bigint;
  place: number;
}

/**
 * The lines that another one of the same resource supersedes, by partition: of each resource, the one with the latest
 * time counts, then the last in the order of files and places.
 * @param read all indexes; called several times
 * @param mostCompared lines whose digests are in memory at a time
 */
export async function supersededLines(
  read: () => AsyncIterable<IndexOfPart>,
  mostCompared = MAX_COMPARED,
): Promise<Map<number, number[]>> {
  const superseded = new Map<number, number[]>();
  let lines = 0;
  for await (const { bytes } of read()) lines += bytes.length / ENTRY_BYTES;
  const passes = Math.ceil(lines / mostCompared);
  // Digests are spread evenly, so each pass has about as many.
  const room = Math.ceil((1.1 * lines) / passes) + 1024;
  for (let pass = 0; pass < passes; pass++) {
    const first = Math.floor((BUCKETS * pass) / passes);
    const end = Math.floor((BUCKETS * (pass + 1)) / passes);
    const isInPass = (bytes: Buffer, at: number): boolean => {
      const bucket = bytes.readUInt16LE(at);
      return bucket >= first && bucket < end;
    };
    const repeated = await repeatedStarts(room, read, isInPass);
    for (let at = 0; at < repeated.length; at += MAX_DECIDED) {
      await decide(read, new Set(repeated.subarray(at, at + MAX_DECIDED)), superseded);
    }
  }
  return superseded;
}

/** First halves of digests that occur more than once in a pass, each once. */
async function repeatedStarts(
  room: number,
  read: () => AsyncIterable<IndexOfPart>,
  isInPass: (bytes: Buffer, at: number) => boolean,
): Promise<BigUint64Array> {
  const starts = new BigUint64Array(room);
  let filled = 0;
  for await (const { bytes } of read()) {
    for (let at = 0; at < bytes.length; at += ENTRY_BYTES) {
      if (isInPass(bytes, at)) starts[filled++] = bytes.readBigUInt64LE(at);
    }
  }
  if (filled > starts.length) throw new RangeError('digests are not spread evenly');
  const sorted = starts.subarray(0, filled).sort();
  let repeated = 0;
  for (let at = 1; at < filled; at++) {
    // What is kept is before what is looked at; a third of a kind is kept no more.
    if (sorted[at] === sorted[at - 1] && sorted[at] !== sorted[at + 1])
      starts[repeated++] = sorted[at] as bigint;
  }
  return starts.subarray(0, repeated);
}

async function decide(
  read: () => AsyncIterable<IndexOfPart>,
  repeated: ReadonlySet<bigint>,
  superseded: Map<number, number[]>,
): Promise<void> {
  const counting = new Map<string, Line>();
  for await (const { partition, number, bytes } of read()) {
    for (let at = 0; at < bytes.length; at += ENTRY_BYTES) {
      if (!repeated.has(bytes.readBigUInt64LE(at))) continue;
      const digest = bytes.toString('latin1', at, at + DIGEST_BYTES);
      const micros = bytes.readBigInt64LE(at + DIGEST_BYTES);
      const line = { partition, number, micros, place: bytes.readDoubleLE(at + PLACE) };
      const other = counting.get(digest);
      const isLater = other === undefined || compareLines(line, other) > 0;
      if (isLater) counting.set(digest, line);
      const loser = isLater ? other : line;
      if (loser === undefined) continue;
      addTo(superseded, loser.partition, loser.place);
    }
  }
}

function compareLines(one: Line, other: Line): number {
  if (one.micros !== other.micros) return one.micros > other.micros ? 1 : -1;
  return one.number - other.number || one.place - other.place;
}
