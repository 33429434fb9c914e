import type { Expression } from '../expression/syntax.js';
import { valueText } from '../expression/conversions.js';
import { Decimal, Temporal } from '../expression/values.js';
import type { FhirElement } from '../model/types.js';
import type { Key, Parameters } from '../configuration/parameters.js';
import type { Method } from '../configuration/ruleMethod.js';
import type { Identity } from './identities.js';

/** Whether what a method leaves of an element can still be an identity: not, sometimes, or as if there were no rule. */
export type Clears = 'full' | 'partial' | 'none';

/** What the rules of one method and settings come to; equal effects have equal keys. */
export interface Effect {
  readonly key: string;
  /** Whether it clears all that may be an identity, whatever element it decides. */
  readonly clearsAll: boolean;
  clears(identity: Identity, element: FhirElement): Clears;
}

/** The first three digits of the ZIP codes with 20,000 people or fewer: HHS's guidance on 45 CFR 164.514, Census 2000. */
const RESTRICTED_ZIP_CODES = [
  '036', '059', '063', '102', '203', '556', '692', '790', '821', '823', '830', '831', '878', '879', '884', '890',
  '893',
]; // prettier-ignore

/** What an element comes to that no rule reaches. */
export const UNTOUCHED: Effect = { key: 'untouched', clearsAll: false, clears: () => 'none' };

const CLEARING: Effect = { key: 'clear', clearsAll: true, clears: () => 'full' };

const KEEP: Effect = {
  key: 'keep',
  clearsAll: false,
  clears: (identity) => (identity.needs === 'decision' ? 'full' : 'none'),
};

/** Hashes under a key that is known: names, numbers and dates are few enough to try them all. */
const GUESSABLE: Effect = { key: 'guessable', clearsAll: false, clears: () => 'partial' };

/** A key that stands in the configuration is known to whoever wrote the configuration or reads it. */
function isKnown(key: Key): boolean {
  return key.kind === 'text';
}

/** What the rules with a method come to. */
export function effectOf(method: Method, parameters: Parameters): Effect {
  switch (method.name) {
    case 'redact':
      return method.above === undefined ? redact(parameters) : redactAbove(method.above, redact(parameters));
    case 'cryptoHash':
      return isKnown(parameters.cryptoHashKey) ? GUESSABLE : CLEARING;
    case 'encrypt':
      return isKnown(parameters.encryptKey) ? UNTOUCHED : CLEARING;
    case 'substitute':
      return CLEARING;
    case 'keep':
      return KEEP;
    case 'dateShift':
      return dateShift(parameters);
    case 'perturb': {
      const isIdle = method.span.coefficient === 0n;
      const clears = (identity: Identity): Clears =>
        identity.category === 'numbers' && !isIdle ? 'partial' : 'none';
      return { key: isIdle ? 'untouched' : 'perturb', clearsAll: false, clears };
    }
    case 'generalize':
      return generalize(method);
  }
}

/** Dates keep their years, ages their numbers up to 89; of ZIP codes three digits may stay only where many people live. */
function redact(parameters: Parameters): Effect {
  const { enablePartialZipCodesForRedact, restrictedZipCodeTabulationAreas: areas } = parameters;
  const isSafe = RESTRICTED_ZIP_CODES.every((code) => areas.some((area) => code.startsWith(area)));
  if (!enablePartialZipCodesForRedact || isSafe) return CLEARING;
  return {
    key: 'redact',
    clearsAll: false,
    clears: (_identity, element) => (element.name === 'postalCode' ? 'partial' : 'full'),
  };
}

/** Ages that Safe Harbor lets stay. */
const AGE_LIMIT = 89;

/** Numbers up to the limit stay. */
function redactAbove(above: number, rest: Effect): Effect {
  return {
    key: `${rest.key} above ${above}`,
    clearsAll: false,
    clears: (identity, element) => {
      const kind = element.type?.primitive;
      if (kind !== 'decimal' && kind !== 'integer') return rest.clears(identity, element);
      return identity.category === 'ages' && above <= AGE_LIMIT ? 'full' : 'partial';
    },
  };
}

/** Shifted dates are pseudonyms of dates, unless the shift is known. Other types stay as they are. */
function dateShift({ dateShiftFixedOffsetInDays: offset, dateShiftKey }: Parameters): Effect {
  // An offset that the configuration gives is taken off again.
  if (offset !== null) return UNTOUCHED;
  const clears = isKnown(dateShiftKey) ? 'partial' : 'full';
  return {
    key: `dateShift ${clears}`,
    clearsAll: false,
    clears: (_identity, element) => {
      const primitive = element.type?.primitive;
      return primitive === 'date' || primitive === 'dateTime' ? clears : 'none';
    },
  };
}

/** Most cases whose results are too few to tell values apart. */
const MOST_CASES = 100;

/**
 * A value can be told from a result that is made of it, from one that is as exact as a date, and from which case
 * held, unless the cases are ranges of years or numbers.
 */
function generalize({ cases, otherValues }: Extract<Method, { name: 'generalize' }>): Effect {
  const isConstant =
    otherValues === 'redact' &&
    cases.length <= MOST_CASES &&
    cases.every(({ condition, result }) => isRange(condition) && isVague(result));
  return {
    key: `generalize ${isConstant}`,
    clearsAll: isConstant,
    clears: () => (isConstant ? 'full' : 'partial'),
  };
}

/** Whether a condition compares the value with years or numbers only, by their order. */
function isRange(condition: Expression): boolean {
  if (condition.kind === 'literal') return true;
  if (condition.kind !== 'binary') return false;
  const { operator, left, right } = condition;
  if (operator === 'and' || operator === 'or') return isRange(left) && isRange(right);
  if (!['<', '<=', '>', '>='].includes(operator)) return false;
  return (left.kind === 'this' && isLimit(right)) || (right.kind === 'this' && isLimit(left));
}

function isLimit(limit: Expression): boolean {
  if (limit.kind !== 'literal' || limit.value === null) return false;
  const { value } = limit;
  if (typeof value === 'bigint' || value instanceof Decimal) return true;
  return value instanceof Temporal && /^\d{4}(?:-01(?:-01)?)?$/.test(valueText(value));
}

function isVague(result: Expression): boolean {
  if (result.kind !== 'literal') return false;
  return result.value === null || !/\d{3,4}-\d\d/.test(valueText(result.value));
}
