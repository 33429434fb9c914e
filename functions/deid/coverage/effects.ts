import type { Expression } from '../fhirpath/syntax.js';
import { valueText } from '../fhirpath/functions.js';
import type { FhirElement } from '../model/types.js';
import type { Parameters } from '../parameters.js';
import type { Method } from '../ruleMethod.js';
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

/** What the rules with a method come to. */
export function effectOf(method: Method, parameters: Parameters): Effect {
  switch (method.name) {
    case 'redact':
      return method.above === undefined ? redact(parameters) : redactAbove(method.above, redact(parameters));
    case 'cryptoHash':
    case 'encrypt':
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

/** Shifted dates are pseudonyms of dates. Other types stay as they are. */
function dateShift({ dateShiftFixedOffsetInDays }: Parameters): Effect {
  if (dateShiftFixedOffsetInDays === 0) return UNTOUCHED;
  return {
    key: 'dateShift',
    clearsAll: false,
    clears: (_identity, element) => {
      const primitive = element.type?.primitive;
      return primitive === 'date' || primitive === 'dateTime' ? 'full' : 'none';
    },
  };
}

/** A value can be told from a result that is made of it, and from one that is as exact as a date. */
function generalize({ cases, otherValues }: Extract<Method, { name: 'generalize' }>): Effect {
  const isConstant = otherValues === 'redact' && cases.every(({ result }) => isVague(result));
  return {
    key: `generalize ${isConstant}`,
    clearsAll: isConstant,
    clears: () => (isConstant ? 'full' : 'partial'),
  };
}

function isVague(result: Expression): boolean {
  if (result.kind !== 'literal') return false;
  return result.value === null || !/\d{3,4}-\d\d/.test(valueText(result.value));
}
