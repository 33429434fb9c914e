import { type JsonValue } from '../../json/json.js';
import { JsonNumber, numberFromText, numberText } from '../../json/jsonNumber.js';
import { Decimal } from '../values/values.js';
import { decimalOf, type Primitive } from '../model/primitive.js';
import { choice, type Setting, type ValuesOf } from '../reading/settings.js';
import { PERTURBED } from './labels.js';
import { method, type Run } from './method.js';

/** Numbers with units, and what is derived of them. */
export const QUANTITY_TYPES: ReadonlySet<string> = new Set([
  'Quantity', 'Age', 'Count', 'Duration', 'Distance', 'Money', 'SimpleQuantity', 'MoneyQuantity',
]); // prettier-ignore

/** Primitives that are perturbed. */
const NUMBER_TYPES: ReadonlySet<string> = new Set(['decimal', 'integer', 'positiveInt', 'unsignedInt']);
const INTEGER_MAX = 2n ** 31n - 1n;

/** A number in JSON, or a string that holds one, as the reference reads settings. */
function decimalIn(value: JsonValue | undefined): Decimal | undefined {
  if (typeof value !== 'number' && typeof value !== 'string' && !(value instanceof JsonNumber))
    return undefined;
  try {
    return Decimal.parse(typeof value === 'string' ? value.trim() : numberText(value));
  } catch {
    return undefined;
  }
}

const ZERO = new Decimal(0n, 0);

const span: Setting<Decimal> = (value, site) => {
  if (value === null) site.warn('null is read as 0: values are only rounded');
  const width = value === null ? ZERO : decimalIn(value);
  if (width !== undefined && width.coefficient >= 0n) return width;
  site.error('perturb needs a span: a number of at least 0, the width of the noise');
  return ZERO;
};

const roundTo: Setting<number> = (value, site) => {
  const places = decimalIn(value ?? 2);
  if (places?.scale === 0 && places.coefficient >= 0n && places.coefficient <= 28n)
    return Number(places.coefficient);
  site.error('Must be a whole number from 0 to 28');
  return 0;
};

const SETTINGS = { span, rangeType: choice('fixed', 'proportional'), roundTo };

/** Adds noise to numbers; other types are left as they are. */
export const PERTURB = method({
  name: 'perturb',
  settings: SETTINGS,
  parameters: {},
  labels: [PERTURBED],
  changes: { what: 'changes numbers', isOn: ({ name }) => NUMBER_TYPES.has(name) },
  quantities: QUANTITY_TYPES,
  clears: 'nothing, since a number near an identity is one; numbers as answers in part',
  effect: ({ span: width }) => {
    const isIdle = width.coefficient === 0n;
    return {
      key: isIdle ? 'untouched' : 'perturb',
      clearsAll: false,
      clears: ({ category }) => (category === 'numbers' && !isIdle ? 'partial' : 'none'),
    };
  },
  prepare: () => ({
    work: (settings) => ({
      ofValue: ({ type: { name } }) =>
        NUMBER_TYPES.has(name) ? (value, run) => perturbed(value, name, settings, run) : null,
    }),
  }),
});

function perturbed(
  value: Primitive,
  type: string,
  settings: ValuesOf<typeof SETTINGS>,
  run: Run,
): Primitive | undefined {
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
