import { hash } from 'node:crypto';
import { CombinationReader } from '../../deid/run/combination.js';
import { FhirModel } from '../../deid/model/fhirModel.js';
import type { FhirVersion } from '../../fhir/fhirVersion.js';
import { JsonTape } from '../../json/jsonTape.js';
import { DIGEST_BYTES } from './classTable.js';

/** What Patients are compared by. */
export interface Comparison {
  /** FHIRPath expressions on Patient. */
  quasiIdentifiers: readonly string[];
  fhirVersion: FhirVersion;
  /** For `today()`, in milliseconds since the epoch. */
  now: number;
}

/** Makes the digests of combinations of quasi-identifiers: of no use without the secret, of which they are. */
export class PatientDigests {
  readonly #reader: CombinationReader;
  readonly #prefix: string;
  readonly #tape = new JsonTape();
  readonly #digest = Buffer.alloc(DIGEST_BYTES);

  constructor({ quasiIdentifiers, fhirVersion, now }: Comparison, secret: Uint8Array) {
    this.#reader = new CombinationReader(quasiIdentifiers, FhirModel.of(fhirVersion), now);
    // As in the index of lines: half of a digest is kept, so that it cannot be extended.
    this.#prefix = `patient-class:${Buffer.from(secret).toString('base64')}:`;
  }

  /**
   * The digest of the combination of a Patient's line, which is valid until the next call. Where it cannot be evaluated, that
   * of the whole line: such a Patient may be unlike all others.
   */
  of(line: Buffer): { digest: Buffer; isEvaluated: boolean } {
    if (!this.#tape.read(line)) throw new TypeError('A line that is no JSON.');
    const combination = this.#reader.read(this.#tape);
    const text = combination ?? `line ${line.toString()}`;
    this.#digest.write(hash('sha256', this.#prefix + text, 'binary'), 0, DIGEST_BYTES, 'latin1');
    return { digest: this.#digest, isEvaluated: combination !== undefined };
  }
}
