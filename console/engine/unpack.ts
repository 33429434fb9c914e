import { MAX_OPENED_BYTES, type OpenedFile } from './protocol.js';
import { CallError } from './serve.js';

/** What each member of a gzip file begins with (RFC 1952, section 2.3): the magic numbers, and the method deflate. */
const MAGIC = [0x1f, 0x8b, 0x08] as const;
/** Bytes of header and trailer of a member, at least. */
const MIN_MEMBER = 18;
/** Ends that are tried for one member: its content has what a member begins with about once in 16 MiB. */
const MAX_TRIES = 16;
/** Members of all files: each takes a while, also an empty one. Those of bgzip have 64 KiB each, so 4,096 are the most. */
const MAX_MEMBERS = 20_000;

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Files, those of gzip unpacked, whatever their names: by how they begin.
 * @param most bytes of all, unpacked
 * @param mostMembers of all
 * @throws CallError, which names the file, where one is damaged, or all hold more
 */
export async function unpackedFiles(
  files: readonly OpenedFile[],
  most = MAX_OPENED_BYTES,
  mostMembers = MAX_MEMBERS,
): Promise<OpenedFile[]> {
  const left: Left = { bytes: most, members: mostMembers };
  const plain: OpenedFile[] = [];
  for (const { name, data } of files) {
    if (typeof data === 'string' || !isMember(data, 0)) {
      plain.push({ name, data });
      left.bytes -= data.length;
    } else plain.push({ name: name.replace(/\.gz$/i, ''), data: await unpacked(data, left, name) });
    if (left.bytes < 0) throw tooMuch(name);
  }
  return plain;
}

/** What may still be unpacked. */
interface Left {
  bytes: number;
  members: number;
}

/** All members of a file. */
async function unpacked(file: Bytes, left: Left, name: string): Promise<Bytes> {
  const parts: Uint8Array[] = [];
  const before = left.bytes;
  // Counted before the first is unpacked: an engine may take all members for one.
  for (let at = 0; at >= 0; at = nextMember(file, at + MIN_MEMBER))
    if (left.members-- === 0) throw tooManyMembers(name);
  // Browsers refuse what comes after the first member, which some servers and tools write.
  for (let start = 0; start < file.length;) {
    const { content, end } = await member(file, start, left.bytes, name);
    for (const part of content) {
      parts.push(part);
      left.bytes -= part.byteLength;
    }
    start = end;
  }
  return joined(parts, before - left.bytes);
}

function joined(parts: readonly Uint8Array[], length: number): Bytes {
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.byteLength;
  }
  return all;
}

interface Member {
  readonly content: readonly Uint8Array[];
  /** Where the next one begins. */
  readonly end: number;
}

/** The member that begins at a place: its checksum and length say where it ends. */
async function member(file: Bytes, start: number, most: number, name: string): Promise<Member> {
  let tries = 0;
  for (const end of ends(file, start)) {
    if (tries++ === MAX_TRIES) break;
    const content = await inflated(file.subarray(start, end), most, name);
    if (content !== undefined) return { content, end };
  }
  throw new CallError(
    'invalid',
    `${name} is packed by gzip, and damaged or not whole. Get it again, or unpack it first.`,
  );
}

/** Where a member may end: at the end of the file, which is tried first where nothing says that there are others. */
function* ends(file: Uint8Array, start: number): Generator<number> {
  if (start === 0) yield file.length;
  for (let at = nextMember(file, start + MIN_MEMBER); at >= 0; at = nextMember(file, at + 1)) yield at;
  if (start > 0) yield file.length;
}

/** @returns undefined where the bytes are not one member, as its checksum and length say */
async function inflated(bytes: Bytes, most: number, name: string): Promise<Uint8Array[] | undefined> {
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip')).getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return parts;
      length += value.byteLength;
      if (length > most) break;
      parts.push(value);
    }
  } catch {
    return undefined;
  }
  // Of what expands to more, the rest is not unpacked.
  await reader.cancel();
  throw tooMuch(name);
}

function tooMuch(name: string): CallError {
  return new CallError(
    'invalid',
    `${name} unpacks to more than can be opened at once, 256 MiB. Open a part of it, or use the command line.`,
  );
}

function tooManyMembers(name: string): CallError {
  return new CallError(
    'invalid',
    `${name} is packed by gzip in more parts than can be opened at once. Unpack it first, and open the result.`,
  );
}

/** Where the next place is at which a member may begin; -1 where there is none. */
function nextMember(file: Uint8Array, from: number): number {
  for (let at = file.indexOf(MAGIC[0], from); at >= 0; at = file.indexOf(MAGIC[0], at + 1))
    if (isMember(file, at)) return at;
  return -1;
}

function isMember(bytes: Uint8Array, at: number): boolean {
  return MAGIC.every((byte, offset) => bytes[at + offset] === byte);
}
