import { datePrecisionOf } from '../../fhir/datePrecision.js';
import type { UriKind } from '../../fhir/publishedUris.js';
import type { JsonTape } from '../../json/jsonTape.js';
import type { TextResults } from '../methods/textResults.js';
import { isFormatted } from '../model/format.js';
import { primitiveText, type Primitive } from '../model/primitive.js';
import type { FhirType } from '../model/types.js';
import { DATE, NOTHING, PLAIN_FORM, REFERENCE, URI, type Entry } from '../plan/plan.js';
import type { CountedNames } from './countedNames.js';
import { DATE_PRECISIONS, type Survey } from './survey.js';
import { isFormattedAt } from './tapeForm.js';

/** What becomes of a primitive's value. */
export const NO_VALUE = 0;
export const AS_IT_CAME = 1;
export const CHANGED = 2;
export const REPLACED = 3;

/** Places in `DATE_PRECISIONS` by the length of a date that is one for certain. */
const PRECISION_OF_LENGTH: Readonly<Record<number, number>> = { 4: 0, 7: 1, 10: 2 };

/** The place of a text's precision in `DATE_PRECISIONS`; -1 for one that is no date. */
function precisionOf(value: Primitive): number {
  if (typeof value !== 'string') return -1;
  // Most dates that were changed are years.
  if (value.length === 4 && Number(value) >= 1000 && !value.includes('e'))
    return PRECISION_OF_LENGTH[4] as number;
  const precision = datePrecisionOf(value);
  return precision === undefined ? -1 : DATE_PRECISIONS.indexOf(precision);
}

/** Whether a text was written without escapes, so that it has no control characters. */
function isPlain(became: number, tape: JsonTape, node: number): boolean {
  return became === REPLACED || (became === AS_IT_CAME && tape.isVerbatim(node));
}

/** Where a walk has what became of the value that it wrote last. */
export interface WrittenValues {
  readonly tape: JsonTape;
  /** Of one that was changed. */
  readonly result: Primitive;
  /** Of one that was replaced, at `place`. */
  readonly results: TextResults;
  readonly place: number;
}

export interface LookOptions {
  readonly survey: Survey;
  /** Whether what methods make has the form of its type (`validOutput`). */
  readonly isValid: boolean;
  /** Whether it is looked at whether results are valid. */
  readonly validates: boolean;
  /** Whether results of another engine are looked at: their values may be any. */
  readonly isLooking: boolean;
  readonly names: CountedNames;
}

/** Looks at the values that a walk writes: counts dates, references and URIs, and notes what is not valid. */
export class ValueLook {
  readonly #options: LookOptions;
  readonly #values: WrittenValues;

  constructor(options: LookOptions, values: WrittenValues) {
    this.#options = options;
    this.#values = values;
  }

  /** Counts a value that was written, and notes whether it has the form of its type. */
  look(entry: Entry, became: number, node: number): void {
    const { tape } = this.#values;
    switch (entry.looks) {
      case NOTHING:
        return;
      case DATE: {
        const isDate = became === AS_IT_CAME && !this.#options.isLooking;
        const length = isDate ? tape.end(node) - tape.start(node) - 2 : 0;
        const place = PRECISION_OF_LENGTH[length] ?? precisionOf(this.#textOf(became, node));
        if (place >= 0) this.#options.survey.counted.push(place);
        // The calendar has it, since it is a date at all.
        if (length <= 10 && length > 0 && entry.type?.name !== 'instant') return;
        break;
      }
      case REFERENCE:
        this.#options.survey.addName(this.#targetOf(became, node));
        if (isPlain(became, tape, node)) return;
        break;
      case URI: {
        const { survey, names } = this.#options;
        survey.addName(names.ofUri(entry.uriKind as UriKind, primitiveText(this.#textOf(became, node))));
        break;
      }
      case PLAIN_FORM:
        if (isPlain(became, tape, node)) return;
        break;
    }
    const { isValid, validates } = this.#options;
    if (!validates) return;
    // What a method made has the form of its type already where results have to be valid. Without one, only the spelling
    // was changed.
    const isMade = became !== AS_IT_CAME && (entry.method ?? entry.nodeMethod) !== null;
    if ((isValid && isMade) || this.#isInForm(entry, became, node)) return;
    this.#options.survey.problems.push(`${entry.element?.path} format`);
  }

  #targetOf(became: number, node: number): number {
    const { tape, results, place } = this.#values;
    const { names } = this.#options;
    if (became === AS_IT_CAME && tape.isVerbatim(node))
      return names.ofBytes(tape.bytes, tape.start(node) + 1, tape.end(node) - 1);
    const known = became === REPLACED ? results.note(place) : 0;
    if (known > 0) return known - 1;
    const target = names.ofText(primitiveText(this.#textOf(became, node)));
    if (became === REPLACED) results.keepNote(place, target + 1);
    return target;
  }

  /** A value that was written. */
  #textOf(became: number, node: number): Primitive {
    if (became === AS_IT_CAME) return this.#values.tape.primitive(node);
    return became === REPLACED ? this.#values.results.textAt(this.#values.place) : this.#values.result;
  }

  #isInForm(entry: Entry, became: number, node: number): boolean {
    const type = entry.type as FhirType;
    const codes = entry.target?.codes;
    if (codes !== undefined) {
      if (became === AS_IT_CAME) return entry.lastCode.isOneOf(codes, this.#values.tape, node);
      return codes.has(primitiveText(this.#textOf(became, node)));
    }
    if (became === AS_IT_CAME) return isFormattedAt(this.#values.tape, node, type);
    return isFormatted(type, this.#textOf(became, node));
  }
}
