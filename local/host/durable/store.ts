import { createHash } from 'node:crypto';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Instance, type Episode, type LogRecord, type StartRecord } from './instance.js';
import type { Message } from './history.js';

const EXTENSION = '.jsonl';
const LINE_BREAK = 10;

/** A log that no crash can have left so: the message names the file and what to do. */
class DamagedLogError extends Error {
  override readonly name = 'DamagedLogError';
}

/** What the first and the last record of an ended instance's log say. */
export interface EndedInstance {
  start: StartRecord;
  last: Episode & Required<Pick<Episode, 'end'>>;
}

/**
 * The instances of a task hub on disk: one append-only log each, a JSON record a line. A record counts once
 * its line break is written; a torn last line, as a kill can leave it, is cut off at the next start. Every
 * write is done when its method returns: what is acted upon afterwards is in the file.
 */
export class Store {
  readonly #directory: string;
  readonly #recorded: (isFirst: boolean) => void;
  /** Bytes that still fit on the disk. */
  #room: number;

  /**
   * @param diskBytes what fits on the disk from now on: a disk that is full, for tests
   * @param recorded called for each record, and whether it is the first one of an execution
   */
  constructor(
    directory: string,
    diskBytes = Infinity,
    recorded: (isFirst: boolean) => void = () => undefined,
  ) {
    this.#directory = directory;
    this.#recorded = recorded;
    this.#room = diskBytes;
    mkdirSync(directory, { recursive: true });
  }

  /** Starts the log of a new execution, in the place of a former one with this id. */
  begin(start: StartRecord, messages: readonly Message[] = []): void {
    const file = this.#file(start.event.OrchestrationInstance.InstanceId);
    const records: LogRecord[] = [start, ...messages.map((event) => ({ type: 'message' as const, event }))];
    const text = records.map((record) => `${JSON.stringify(record)}\n`).join('');
    this.#take(text, (part) => writeFileSync(`${file}.new`, part));
    renameSync(`${file}.new`, file);
    this.#recorded(true);
  }

  append(instanceId: string, record: LogRecord): void {
    const file = this.#file(instanceId);
    const { size } = statSync(file);
    try {
      this.#take(`${JSON.stringify(record)}\n`, (part) => appendFileSync(file, part));
    } catch (error) {
      // A record that is written in part would damage the next one; to cut needs no room.
      truncateSync(file, size);
      throw error;
    }
    this.#recorded(false);
  }

  /** Writes what fits, as a disk does. @throws what a full disk throws */
  #take(text: string, write: (part: string) => void): void {
    if (this.#room < text.length) {
      write(text.slice(0, this.#room));
      this.#room = 0;
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    }
    this.#room -= text.length;
    write(text);
  }

  delete(instanceId: string): void {
    rmSync(this.#file(instanceId), { force: true });
  }

  /** All instances there are: the ended ones by their first and last record only. */
  *recover(): Generator<{ live: Instance } | { ended: EndedInstance }> {
    for (const name of readdirSync(this.#directory)) {
      const file = join(this.#directory, name);
      if (name.endsWith('.new')) rmSync(file);
      if (!name.endsWith(EXTENSION)) continue;
      const bytes = readFileSync(file);
      const length = bytes.lastIndexOf(LINE_BREAK) + 1;
      if (length < bytes.length) truncateSync(file, length);
      if (length === 0) rmSync(file);
      if (length === 0) continue;
      const ended = endedInstance(bytes.subarray(0, length), file);
      yield ended ? { ended } : { live: rebuild(bytes.subarray(0, length), file) };
    }
  }

  /** The first and the last record of an ended instance. */
  readEnded(instanceId: string): EndedInstance | undefined {
    const file = this.#file(instanceId);
    return endedInstance(readFileSync(file), file);
  }

  /** The whole of an instance that is not kept in memory. */
  readInstance(instanceId: string): Instance {
    const file = this.#file(instanceId);
    return rebuild(readFileSync(file), file);
  }

  /** Ids may be long and differ in case only: the name is made of a readable part and a hash. */
  #file(instanceId: string): string {
    const readable = instanceId.replace(/[^A-Za-z0-9-]/g, '_').slice(0, 60);
    const hash = createHash('sha256').update(instanceId).digest('hex').slice(0, 16);
    return join(this.#directory, `${readable}.${hash}${EXTENSION}`);
  }
}

function endedInstance(bytes: Buffer, file: string): EndedInstance | undefined {
  const lastLine = bytes.subarray(bytes.lastIndexOf(LINE_BREAK, bytes.length - 2) + 1);
  const last = parseRecord(lastLine.toString(), file);
  if (last.type !== 'episode' || !last.end) return undefined;
  const start = parseRecord(bytes.subarray(0, bytes.indexOf(LINE_BREAK)).toString(), file);
  if (start.type !== 'start') throw damaged(file);
  return { start, last: { ...last, end: last.end } };
}

function rebuild(bytes: Buffer, file: string): Instance {
  const [first, ...records] = bytes.toString().trimEnd().split('\n');
  const start = parseRecord(first ?? '', file);
  if (start.type !== 'start') throw damaged(file);
  const instance = new Instance(start);
  for (const line of records) instance.apply(parseRecord(line, file));
  return instance;
}

function parseRecord(line: string, file: string): LogRecord {
  try {
    const record: LogRecord = JSON.parse(line);
    return record;
  } catch (error) {
    // The parser's own message would quote the line.
    throw damaged(file, error instanceof SyntaxError ? undefined : error);
  }
}

function damaged(file: string, cause?: unknown): DamagedLogError {
  return new DamagedLogError(
    `${file} is damaged: the instance it belongs to cannot be resumed. Remove the file to go on without it.`,
    { cause },
  );
}
