import { Decimal } from '../expression/values.js';
import { numberFromText } from '../../json/jsonNumber.js';
import { PERTURBED } from './labels.js';
import { decimalOf, type Primitive } from '../model/primitive.js';
import type { Method } from '../configuration/ruleMethod.js';
import type { Run, Target, ValueMethod } from './method.js';

type Perturb = Extract<Method, { name: 'perturb' }>;

/** Types whose `value` is perturbed, after which the whole counts as decided. */
export const QUANTITY_TYPES: ReadonlySet<string> = new Set([
  'Quantity', 'Age', 'Count', 'Duration', 'Distance', 'Money', 'SimpleQuantity', 'MoneyQuantity',
]); // prettier-ignore

/** Primitives that are perturbed. */
export const NUMBER_TYPES: ReadonlySet<string> = new Set([
  'decimal',
  'integer',
  'positiveInt',
  'unsignedInt',
]);
const INTEGER_MAX = 2n ** 31n - 1n;

/** Adds noise to numbers; other types are left as they are. */
export function perturb(target: Target, settings: Perturb): ValueMethod | null {
  const type = target.type.name;
  return NUMBER_TYPES.has(type) ? (value, run) => perturbed(value, type, settings, run) : null;
}

function perturbed(value: Primitive, type: string, settings: Perturb, run: Run): Primitive | undefined {
  const exact = typeof value === 'string' || typeof value === 'boolean' ? null : decimalOf(value);
  run.did(PERTURBED);
  // Uniform in [-0.5, 0.5), from 48 random bits.
  const random = Buffer.from(run.randomBytes(6)).readUIntBE(0, 6) / 2 ** 48 - 0.5;
  if (exact === null) return undefined;
  const width = settings.rangeType === 'fixed' ? settings.span : settings.span.times(exact);
  const noisy = exact.plus(width.times(Decimal.fromDouble(random)).trimmed());
  if (type === 'decimal') return numberFromText(noisy.rounded(settings.roundTo).toString());
  let whole = noisy.rounded(0).coefficient;
  const least = type === 'positiveInt' ? 1n : type === 'unsignedInt' ? 0n : -INTEGER_MAX - 1n;
  if (whole < least) whole = least;
  if (whole > INTEGER_MAX) whole = INTEGER_MAX;
  return Number(whole);
}
