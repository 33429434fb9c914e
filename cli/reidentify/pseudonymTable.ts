import { addTo } from '../../functions/common/maps.js';
import type { Configuration } from '../../functions/deid/configuration/configuration.js';
import { CRYPTO_HASH } from '../../functions/deid/methods/cryptoHash.js';
import type { Run, Target, Work } from '../../functions/deid/methods/method.js';
import { ProcessingError } from '../../functions/deid/methods/processingError.js';
import { FhirModel } from '../../functions/deid/model/fhirModel.js';
import { primitiveText } from '../../functions/deid/model/primitive.js';
import type { FhirType } from '../../functions/deid/model/types.js';
import { worksOf } from '../../functions/deid/plan/works.js';
import { readAnyReference } from '../../functions/fhir/reference.js';

/** A pseudonym, and one value of the source that it is of. */
export interface PseudonymRow {
  readonly pseudonym: string;
  readonly value: string;
  /** Whether it is of no other value among those given. */
  readonly isUnique: boolean;
}

/** What the method counts and asks for is of no interest here. */
const RUN: Run = {
  fileName: '',
  folderName: '',
  patient: null,
  rootId: () => '',
  did: () => undefined,
  wasUndecided: () => undefined,
  randomBytes: (size) => new Uint8Array(size),
};

/** A key of a job: none is derived from it, since rules with such a key are refused. */
const NO_SECRET = new Uint8Array(32);

/**
 * The pseudonyms that a configuration makes of values of the source by `cryptoHash`, by the method itself, under each of
 * its rules: of a value as any text and as an id, and of a reference as one.
 */
export class PseudonymTable {
  /** What each rule makes of a text, and of a `Reference.reference`. */
  readonly #ofText: ReadonlyArray<(text: string) => string | undefined>;
  readonly #ofReference: ReadonlyArray<(text: string) => string | undefined>;
  readonly #wanted: ReadonlySet<string> | undefined;
  readonly #values = new Map<string, string[]>();
  /** Values that the method cannot take: no such value is in an export either. */
  failed = 0;

  /**
   * @param configuration whose keys are resolved, and has a rule with `cryptoHash`
   * @param wanted pseudonyms that are looked for; all without
   */
  constructor(configuration: Configuration, wanted?: ReadonlySet<string>) {
    const model = FhirModel.of(configuration.fhirVersion);
    const rules = configuration.rules.filter(({ method }) => method === CRYPTO_HASH);
    const works = [...worksOf(rules, configuration, { now: 0, jobSecret: NO_SECRET }).values()];
    const forms = (target: Target): ReadonlyArray<(text: string) => string | undefined> =>
      works.map((work) => this.#form(work, target));
    const [text, id] = [typeOf(model, 'string'), typeOf(model, 'id')];
    const element = { name: 'value', parentType: 'Identifier', codes: undefined };
    this.#ofText = [...forms({ ...element, type: text }), ...forms({ ...element, name: 'id', type: id })];
    this.#ofReference = forms({ ...element, name: 'reference', parentType: 'Reference', type: text });
    this.#wanted = wanted;
  }

  /** Adds a value of the source: an id, `Type/id` or another reference, or what else the rules hash. */
  add(value: string): void {
    this.#put(this.#ofText, value, value);
    this.#put(this.#ofReference, value, value);
    const target = readAnyReference(value);
    if (target !== undefined) this.#put(this.#ofText, target.id, target.id);
  }

  /** All pseudonyms, or those that were looked for and found; of those of several values a row for each. */
  *rows(): Generator<PseudonymRow> {
    for (const [pseudonym, values] of this.#values) {
      for (const value of values) yield { pseudonym, value, isUnique: values.length === 1 };
    }
  }

  /** Pseudonyms. */
  get size(): number {
    return this.#values.size;
  }

  /** Pseudonyms of more than one value. */
  get ambiguous(): number {
    let count = 0;
    for (const values of this.#values.values()) if (values.length > 1) count++;
    return count;
  }

  #put(forms: ReadonlyArray<(text: string) => string | undefined>, text: string, value: string): void {
    for (const form of forms) {
      const pseudonym = form(text);
      if (pseudonym === undefined || (this.#wanted !== undefined && !this.#wanted.has(pseudonym))) continue;
      if (this.#values.get(pseudonym)?.includes(value) !== true) addTo(this.#values, pseudonym, value);
    }
  }

  #form(work: Work, target: Target): (text: string) => string | undefined {
    const method = work.ofValue(target);
    return (text) => {
      try {
        const made = method?.(text, RUN);
        return made === undefined ? undefined : primitiveText(made);
      } catch (error) {
        if (!(error instanceof ProcessingError)) throw error;
        this.failed++;
        return undefined;
      }
    };
  }
}

function typeOf(model: FhirModel, name: string): FhirType {
  const type = model.type(name);
  if (type === undefined) throw new Error(`FHIR has no type ${name}`);
  return type;
}
