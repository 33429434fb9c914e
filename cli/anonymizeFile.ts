import { createReadStream, createWriteStream, mkdirSync, renameSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { createGunzip, createGzip } from 'node:zlib';
import { EngineReport } from '../functions/deid/run/report.js';
import { contentOf, type ContentCounts } from '../functions/export/records/content.js';
import { ExportError } from '../functions/common/errors.js';
import type { ResourceContext } from '../functions/deid/run/engine.js';
import { fileFault } from './fileFault.js';
import { type AnonymizingEngine, type LineResult, LineQueue } from './lineQueue.js';

/** One file to de-identify, and where to. */
export interface FileTask {
  input: string;
  output: string;
  /** Names that feed the date-shift scopes. */
  context: Required<Pick<ResourceContext, 'fileName' | 'folderName'>>;
}

/** What is wrong with a resource of a file. Holds nothing of its content. */
interface FileError {
  file: string;
  /** Absent: it is about the whole file. */
  line?: number;
  message: string;
  rule?: string;
}

/** What became of a file. */
export interface FileResult {
  resources: number;
  errors: FileError[];
  dropped: [path: string, count: number][];
  labels: [label: string, count: number][];
  undecided: [rule: string, count: number][];
  content: [type: string, counts: ContentCounts][];
  /** Why there is no file of the results; absent: there is one. */
  notWritten?: string;
}

/** Endings of the files in a folder that are read. */
const KNOWN_FILE = /\.(?:json|ndjson|jsonl)(?:\.gz)?$/i;
const LINES_FILE = /\.(?:ndjson|jsonl)(?:\.gz)?$/i;
const GZIP_FILE = /\.gz$/i;
const NOT_COMPLETE = 'its end was not reached';

const LINE_BREAK = 0x0a;
const SPACE = 0x20;

/** Whether a file of a folder is one to read, by its name. */
export function isKnownFile(name: string): boolean {
  return KNOWN_FILE.test(name);
}

/**
 * De-identifies one file: NDJSON line by line, any other as one JSON resource or Bundle. A file that is compressed gives
 * one that is. The output appears under its name only when it is complete; not if all that the input has are errors, with
 * `processingErrors: raise` not if there was one, and never if the input could not be read to its end.
 */
export async function anonymizeFile(
  { engine, pseudonyms }: AnonymizingEngine,
  task: FileTask,
): Promise<FileResult> {
  const errors: FileError[] = [];
  const partial = `${task.output}.partial`;
  const report = new EngineReport();
  let output: Output | undefined;
  let isComplete = true;
  let isEmpty = true;
  try {
    mkdirSync(dirname(task.output), { recursive: true });
    const { lines: written, closed } = (output = openOutput(partial, GZIP_FILE.test(task.output)));
    const lines = new LineQueue(engine, pseudonyms, report, task.context);
    const write = async (results: readonly LineResult[]): Promise<void> => {
      for (const { line, made } of results) {
        if (Buffer.isBuffer(made)) {
          isEmpty = false;
          if (!written.write(made)) await once(written, 'drain');
          continue;
        }
        const { message, rule } = made;
        errors.push({ file: task.input, line, message, ...(rule === undefined ? {} : { rule }) });
      }
    };
    for await (const [line, bytes] of resourceBytes(task.input)) await write(await lines.add(line, bytes));
    await write(await lines.take());
    written.end();
    await closed;
  } catch (error) {
    isComplete = false;
    errors.push({ file: task.input, message: reasonOf(error) });
    output?.lines.destroy();
    await output?.closed.catch(() => undefined);
  }
  const notWritten = isComplete ? whyNotWritten(engine, errors, isEmpty) : NOT_COMPLETE;
  if (notWritten === undefined) renameSync(partial, task.output);
  else if (output !== undefined) rmSync(partial, { force: true });
  return {
    resources: report.resources,
    errors,
    dropped: [...report.dropped],
    labels: [...report.labels],
    undecided: [...report.undecided],
    content: [...report.types].map(([type, counts]) => [type, contentOf(counts)]),
    ...(notWritten === undefined ? {} : { notWritten }),
  };
}

/** Of a resource that is no result, an empty `.json` file would say that there was one. */
function whyNotWritten(
  { processingErrors }: AnonymizingEngine['engine'],
  errors: readonly FileError[],
  isEmpty: boolean,
): string | undefined {
  if (errors.length === 0) return undefined;
  if (processingErrors !== 'skip')
    return 'it has an error, and the configuration says processingErrors raise';
  return isEmpty ? 'all that it has are errors' : undefined;
}

interface Output {
  readonly lines: Writable;
  readonly closed: Promise<void>;
}

function openOutput(path: string, isCompressed: boolean): Output {
  const lines = isCompressed ? createGzip() : new PassThrough();
  const closed = pipeline(lines, createWriteStream(path));
  // It is awaited at the end; until then, its failure is not looked at.
  closed.catch(() => undefined);
  return { lines, closed };
}

/** Lines of an NDJSON file with their numbers, or the whole of another file as its line 1. */
export async function* resourceBytes(path: string): AsyncGenerator<[line: number, bytes: Buffer]> {
  const file = createReadStream(path);
  const content = GZIP_FILE.test(path) ? createGunzip() : new PassThrough();
  const reading = pipeline(file, content);
  // It is awaited below; until then, its failure is not looked at, which the content has too.
  reading.catch(() => undefined);
  if (LINES_FILE.test(path)) yield* resourcesOfLines(content);
  else yield [1, await wholeOf(content, [])];
  await reading;
}

/** Every line that holds something; the whole as one where the first line begins a JSON text that continues below. */
async function* resourcesOfLines(content: Readable): AsyncGenerator<[line: number, bytes: Buffer]> {
  let isFirst = true;
  let rest: Buffer[] = [];
  let line = 0;
  const chunks = content[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
    let chunk = next.value;
    for (let end = chunk.indexOf(LINE_BREAK); end >= 0; end = chunk.indexOf(LINE_BREAK)) {
      const bytes = Buffer.concat([...rest, chunk.subarray(0, end)]);
      line++;
      chunk = chunk.subarray(end + 1);
      rest = [];
      if (isBlank(bytes)) continue;
      if (isFirst && isOpening(bytes)) {
        yield [line, await wholeOf({ [Symbol.asyncIterator]: () => chunks }, [bytes, chunk])];
        return;
      }
      isFirst = false;
      yield [line, bytes];
    }
    rest.push(chunk);
  }
  const last = Buffer.concat(rest);
  if (!isBlank(last)) yield [line + 1, last];
}

async function wholeOf(content: AsyncIterable<Buffer>, before: readonly Buffer[]): Promise<Buffer> {
  const chunks = [...before];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function isBlank(line: Buffer): boolean {
  return line.every((byte) => byte <= SPACE);
}

/** Whether a line is no more than the beginning of a resource that is written over several lines. */
function isOpening(line: Buffer): boolean {
  return line.length < 100 && /^(?:\xef\xbb\xbf)?\s*\{\s*$/.test(line.toString('latin1'));
}

/** Why a file is not complete, without an error's message: it may hold more than should be shown. */
function reasonOf(error: unknown): string {
  if (error instanceof ExportError) return error.message;
  const fault = fileFault(error);
  if (fault.startsWith('Z_')) return `The file is not gzip, or not complete: ${fault}`;
  return `The file could not be read or its result not be written: ${fault}`;
}
