import { ClassTable } from './classTable.js';
import type { PatientDigests } from './patientDigests.js';

/** What an attempt stored of the classes of the Patients that it wrote. */
export interface ClassRecord {
  /** Tables that it stored. */
  tables: number;
  notEvaluated: number;
}

/** Classes that are in memory until they are stored: 2.5 MiB at most. */
const MAX_HELD = 65_536;

/** Counts the Patients that an attempt writes, by class. */
export class ClassCollector {
  readonly #digests: PatientDigests;
  readonly #store: (nth: number, table: Buffer) => Promise<void>;
  #table = new ClassTable();
  #tables = 0;
  #notEvaluated = 0;

  /** @param store called with each table, counted from 0 */
  constructor(digests: PatientDigests, store: (nth: number, table: Buffer) => Promise<void>) {
    this.#digests = digests;
    this.#store = store;
  }

  /** Adds the Patient of a line. */
  add(line: Buffer): void {
    const { digest, isEvaluated } = this.#digests.of(line);
    if (!isEvaluated) this.#notEvaluated++;
    this.#table.add(digest, 0, 1);
  }

  /** Stores what is held where there is much of it. */
  async settle(mostHeld = MAX_HELD): Promise<void> {
    if (this.#table.size <= mostHeld) return;
    const bytes = this.#table.toBytes();
    this.#table = new ClassTable();
    await this.#store(this.#tables++, bytes);
  }

  /** Stores what is left. @returns `undefined` where there was no Patient */
  async close(): Promise<ClassRecord | undefined> {
    await this.settle(0);
    return this.#tables === 0 ? undefined : { tables: this.#tables, notEvaluated: this.#notEvaluated };
  }
}
