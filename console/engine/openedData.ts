import { notJson } from '../../functions/json/json.js';
import { ARRAY, JsonTape, OBJECT, type TapeValue } from '../../functions/json/jsonTape.js';
import { nameNumber } from '../../functions/json/keyNames.js';
import { lineAndColumn } from '../../functions/deid/reading/documentError.js';
import type { Bundles, DataProblem, OpenedData, OpenedFile, OpenedResource } from './protocol.js';

const RESOURCE_TYPE = nameNumber('resourceType');
const ID = nameNumber('id');
const ENTRY = nameNumber('entry');
const RESOURCE = nameNumber('resource');
const RULES = nameNumber('fhirPathRules');

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Most problems that are listed. */
const MAX_PROBLEMS = 100;

/** Where data comes from. */
type Place = Pick<OpenedResource, 'file' | 'line'>;

/** The resources that are open, with their bytes as they came. */
export class OpenResources implements OpenedData {
  readonly resources: OpenedResource[] = [];
  readonly problems: DataProblem[] = [];
  readonly #tape = new JsonTape();
  readonly #bytes: Buffer[] = [];
  readonly #bundles: Bundles;

  /** @param files each of one resource, a Bundle, an array of resources, or NDJSON */
  constructor(files: readonly Pick<OpenedFile, 'data'>[], bundles: Bundles) {
    this.#bundles = bundles;
    for (const [file, { data }] of files.entries())
      this.#takeFile(typeof data === 'string' ? Buffer.from(data, 'utf8') : viewOf(data), file);
  }

  /** A resource that is open, until another is asked for; undefined where there is none at the index. */
  resourceAt(index: number): TapeValue | undefined {
    const bytes = this.#bytes[index];
    const tape = this.#tape;
    return bytes !== undefined && tape.read(bytes) ? { tape, node: tape.root, bytes } : undefined;
  }

  #takeFile(bytes: Buffer, file: number): void {
    const tape = this.#tape;
    if (tape.read(bytes) && isUtf8(bytes)) this.#take({ tape, node: tape.root, bytes }, { file });
    else this.#takeLines(bytes, tape.refusedAt, file);
  }

  /** Lines of NDJSON. Of a text of which none is JSON, the first problem of the whole is the one that counts. */
  #takeLines(bytes: Buffer, refusedAt: number, file: number): void {
    const tape = this.#tape;
    const problems: DataProblem[] = [];
    const before = this.resources.length;
    let line = 0;
    for (let start = 0; start < bytes.length;) {
      const end = bytes.indexOf(0x0a, start);
      const text = bytes.subarray(start, end < 0 ? bytes.length : end);
      start = end < 0 ? bytes.length : end + 1;
      line++;
      if (text.every((byte) => byte <= 0x20)) continue;
      if (!isUtf8(text)) problems.push({ file, line, message: 'There are bytes that are not UTF-8.' });
      else if (tape.read(text)) this.#take({ tape, node: tape.root, bytes: text }, { file, line });
      else problems.push({ file, line, message: `This is no JSON: ${notJson(tape).message}.` });
    }
    const found = this.resources.length > before ? problems : [{ file, ...problemOf(bytes, refusedAt) }];
    this.problems.push(...found.slice(0, MAX_PROBLEMS - this.problems.length));
  }

  #take(value: TapeValue, place: Place): void {
    const { tape, node } = value;
    if (tape.kind(node) === ARRAY) {
      for (let at = tape.first(node); at < tape.after(node); at = tape.after(at))
        this.#take({ ...value, node: at }, place);
      return;
    }
    if (tape.kind(node) !== OBJECT) {
      this.#wrong('A resource is a JSON object, and this is another value.', place);
      return;
    }
    const isResource = tape.lastMember(node, RESOURCE_TYPE) >= 0;
    if (!isResource && tape.lastMember(node, RULES) >= 0) {
      this.#wrong(
        'This is a configuration, not a resource. Open it under Configuration, or drop it there.',
        place,
      );
      return;
    }
    const isBundle = this.#bundles === 'entries' && tape.textOf(node, RESOURCE_TYPE) === 'Bundle';
    if (isBundle && this.#takeEntries(value, place)) return;
    this.#add(value, place);
  }

  /** @returns whether the Bundle has resources */
  #takeEntries({ tape, node, bytes }: TapeValue, place: Place): boolean {
    const entries = tape.lastMember(node, ENTRY);
    if (entries < 0 || tape.kind(entries) !== ARRAY) return false;
    let count = 0;
    let entry = 0;
    for (let at = tape.first(entries); at < tape.after(entries); at = tape.after(at), entry++) {
      const resource = tape.kind(at) === OBJECT ? tape.lastMember(at, RESOURCE) : -1;
      if (resource < 0 || tape.kind(resource) !== OBJECT) continue;
      this.#add({ tape, node: resource, bytes }, { ...place, entry });
      count++;
    }
    return count > 0;
  }

  #add({ tape, node, bytes }: TapeValue, place: Place & Pick<OpenedResource, 'entry'>): void {
    const index = this.resources.length;
    const type = tape.textOf(node, RESOURCE_TYPE) ?? '';
    const id = tape.textOf(node, ID) ?? '';
    this.#bytes.push(bytes.subarray(tape.start(node), tape.end(node)));
    this.resources.push({ index, type, id, ...place });
  }

  #wrong(message: string, place: Place): void {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push({ ...place, message });
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    decoder.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Why bytes are no JSON, and no lines of it. */
function problemOf(bytes: Buffer, refusedAt: number): Omit<DataProblem, 'file'> {
  if (bytes.every((byte) => byte <= 0x20)) return { message: 'There is no data: the text is empty.' };
  if (!isUtf8(bytes)) return { message: 'There are bytes that are not UTF-8, as JSON has to be.' };
  const before = bytes.toString('utf8', 0, refusedAt);
  const { line, column } = lineAndColumn(before, before.length);
  return { line, message: `This is no JSON, and no NDJSON: line ${line}, column ${column}.` };
}
