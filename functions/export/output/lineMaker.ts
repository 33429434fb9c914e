import type { ProcessingFailure } from '../../deid/run/engine.js';
import type { EngineReport } from '../../deid/run/report.js';
import type { TapeValue } from '../../json/jsonTape.js';
import type { LineBuffer } from '../../json/lineBuffer.js';
import type { PatientDigests } from '../risk/patientDigests.js';

/** A file that takes one resource a line. */
export interface LineSink {
  /**
   * Adds lines, each with its line break. Await what it returns, if anything, before the next ones; the bytes may be used
   * for others then.
   */
  writeLines(lines: Uint8Array, count: number): Promise<void> | undefined;
  /** The file is whole after this, not before. */
  close(): Promise<void>;
  readonly bytes: number;
  readonly lines: number;
  /** SHA-256 of its bytes, in hexadecimal, where it is known once the file is closed. */
  readonly sha256?: string | undefined;
}

/**
 * Ids of resources as exports have them; `undefined` for one that cannot be made.
 * @throws ExportError where pseudonyms cannot be had
 */
export type LastingIds = (ids: readonly string[]) => Promise<ReadonlyArray<string | undefined>>;

/** Makes the line of a resource: anonymized, or as it came in a raw export. */
export interface LineMaker {
  /**
   * What a resource that fails does: ends the job, is left out, or ends the job after all parts are read. The last is for
   * exports whose patients are counted: an end at once would show that a narrow search found a patient.
   */
  readonly processingErrors: 'raise' | 'skip' | 'raise-at-end';
  /**
   * Adds the line of a resource, without a line break, from its tape, which stays as it is.
   * @returns why it failed, or `LACKS_PSEUDONYMS`: then nothing is added, and nothing counted but a resource that failed
   */
  makeLine(resource: TapeValue, line: LineBuffer, report: EngineReport): ProcessingFailure | undefined;
  /** Whether the line of a resource is what came, without space. Absent where none is. */
  isAsItCame?: ((resource: TapeValue) => boolean) | undefined;
  /** Makes the digests of lines of Patients by which these are compared. Absent where they are not. */
  readonly patientDigests?: PatientDigests | undefined;
  /** The line made last as Patients are compared by it, valid until the next is made. Absent: by the line that was added. */
  comparedLine?: (() => Buffer) | undefined;
  /**
   * Asks for the pseudonyms that lines lacked: they are to be made again then. Absent where none can lack any.
   * @throws ExportError where one cannot be had
   */
  askPseudonyms?(): Promise<void>;
  /** Makes the ids of resources of a type as every export of the configuration has them; `undefined` where none lasts. */
  lastingIds?(type: string): LastingIds | undefined;
}
