import { addSizes } from './classSizes.js';
import { ClassTable } from './classTable.js';
import { type Comparison, PatientDigests } from './patientDigests.js';
import { type Risk, riskOf } from './risk.js';

/** The risk of Patients that are given line by line: in memory, 54 bytes a class at most. */
export class RiskCount {
  readonly #comparison: Comparison;
  readonly #digests: PatientDigests;
  readonly #table = new ClassTable();
  #notEvaluated = 0;

  /** @param secret 32 random bytes */
  constructor(comparison: Comparison, secret: Uint8Array) {
    this.#comparison = comparison;
    this.#digests = new PatientDigests(comparison, secret);
  }

  /** @param line of a Patient, without its line break */
  add(line: Buffer): void {
    const { digest, isEvaluated } = this.#digests.of(line);
    if (!isEvaluated) this.#notEvaluated++;
    this.#table.add(digest, 0, 1);
  }

  get risk(): Risk {
    const sizes = new Map<number, number>();
    addSizes(sizes, this.#table);
    const { quasiIdentifiers } = this.#comparison;
    return riskOf(sizes, { quasiIdentifiers, notEvaluated: this.#notEvaluated });
  }
}
