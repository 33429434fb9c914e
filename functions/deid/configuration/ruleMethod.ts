import type { JsonValue } from '../../json/json.js';
import type { Expression } from '../expression/syntax.js';
import type { Decimal } from '../expression/values.js';

/** A method and its settings. */
export type Method =
  | { readonly name: 'redact'; /** Numbers up to this stay. */ readonly above?: number }
  | { readonly name: 'dateShift' | 'cryptoHash' | 'encrypt' | 'keep' }
  | { readonly name: 'substitute'; readonly replaceWith: JsonValue }
  | { readonly name: 'perturb'; readonly span: Decimal; readonly rangeType: 'fixed' | 'proportional'; readonly roundTo: number }
  | { readonly name: 'generalize'; readonly cases: readonly Case[]; readonly otherValues: 'redact' | 'keep' }; // prettier-ignore

/** One case of `generalize`: where `condition` holds of the value, `result` takes its place. */
export interface Case {
  readonly condition: Expression;
  readonly result: Expression;
}
