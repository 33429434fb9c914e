import type { Logger } from '../log.js';

/** Operations for each record of a history: what the extension reads, writes and deletes in queues and tables. */
const OPERATIONS_PER_RECORD = 3;
/** Of an idle task hub, with two entries each: some 200 entries a minute. */
const IDLE_OPERATIONS_PER_MINUTE = 100;

/**
 * What the storage library below the Durable extension logs on the real host, in its category: an entry for each
 * request and one for each answer, and warnings about answers that are expected, such as 404 for a blob that is new.
 */
export class StorageLog {
  readonly #logger: Logger;
  #timer: NodeJS.Timeout | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  start(): void {
    this.#log('warning', 'Error response [] 409 The specified container already exists.');
    this.#timer = setInterval(() => this.#operation(), 60_000 / IDLE_OPERATIONS_PER_MINUTE);
    this.#timer.unref();
  }

  /** A record of a history was written; the first one of an instance looks for a former one. */
  recorded(isFirst: boolean): void {
    if (isFirst) this.#log('warning', 'Error response [] 404 The specified resource does not exist.');
    for (let operation = 0; operation < OPERATIONS_PER_RECORD; operation++) this.#operation();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #operation(): void {
    this.#log('information', 'Request [] of the storage of the task hub');
    this.#log('information', 'Response [] of the storage of the task hub');
  }

  #log(level: 'information' | 'warning', message: string): void {
    this.#logger.log({ level, category: 'Azure.Core', message });
  }
}
