import { createWriteStream } from 'node:fs';
import type { LogLevel } from './worker/rpc.js';

export interface LogRecord {
  time: string;
  level: LogLevel;
  /** As the real host names it: `Host.…`, `Function.<name>`, `Function.<name>.User`. */
  category: string;
  message: string;
  functionName?: string;
  invocationId?: string;
}

/** Takes one finished line (without its line break). */
export interface LogSink {
  write(line: string): void;
  close?(): Promise<void>;
}

const SEVERITY: Record<LogLevel, number> = {
  trace: 0,
  debug: 1,
  information: 2,
  warning: 3,
  error: 4,
  critical: 5,
  none: 6,
};

/** Levels of `logging.logLevel` in host.json: by category prefix, `default` for the rest. */
export type LogLevels = Record<string, LogLevel>;

/** Reads a level of host.json, in whatever case it is written. */
export function parseLogLevel(text: string): LogLevel | undefined {
  const level = text.toLowerCase();
  return isLogLevel(level) ? level : undefined;
}

function isLogLevel(text: string): text is LogLevel {
  return Object.hasOwn(SEVERITY, text);
}

/** Writes the lines of the host and of the functions, one JSON object each. */
export class Logger {
  readonly #sink: LogSink;
  readonly #levels: LogLevels;

  constructor(sink: LogSink, levels: LogLevels) {
    this.#sink = sink;
    this.#levels = levels;
  }

  log(record: Omit<LogRecord, 'time'>): void {
    if (SEVERITY[record.level] < SEVERITY[this.#threshold(record.category)] || record.level === 'none')
      return;
    this.#sink.write(JSON.stringify({ time: new Date().toISOString(), ...record } satisfies LogRecord));
  }

  async close(): Promise<void> {
    await this.#sink.close?.();
  }

  /** The level of the longest prefix of the category that host.json names. */
  #threshold(category: string): LogLevel {
    for (let name = category; name !== ''; name = name.slice(0, Math.max(0, name.lastIndexOf('.')))) {
      const level = this.#levels[name];
      if (level) return level;
    }
    return this.#levels['default'] ?? 'information';
  }
}

export const standardOutput: LogSink = { write: (line) => void process.stdout.write(`${line}\n`) };

/** A sink that appends to a file. */
export function logFile(path: string): LogSink {
  const stream = createWriteStream(path, { flags: 'a' });
  return {
    write: (line) => void stream.write(`${line}\n`),
    close: () => new Promise((resolve) => stream.end(resolve)),
  };
}
