import { remembered } from '../../common/maps.js';
import { RecentMap } from '../../common/recentMap.js';
import { Decimal } from './numbers.js';
import { loadUcum, type UcumLibrary } from './ucumLibrary.js';

/** Factors that are remembered: data may bring any number of units. */
const MAX_FACTORS = 1000;
/** Longest code that is looked up. The library parses codes by recursion. */
const MAX_CODE_LENGTH = 100;

let library: UcumLibrary | undefined;
const factors = new RecentMap<string, Decimal | null>(MAX_FACTORS);

/**
 * How many of one UCUM unit another is: 1 `kg` is 1000 `g`. Null for units that do not convert by a factor: of other
 * dimensions, unknown, arbitrary (`[IU]`), or special (`Cel`). The library is loaded at the first call.
 */
export function conversionFactor(from: string, to: string): Decimal | null {
  if (from.length > MAX_CODE_LENGTH || to.length > MAX_CODE_LENGTH) return null;
  return remembered(factors, `${from}\n${to}`, () => findFactor(from, to));
}

function findFactor(from: string, to: string): Decimal | null {
  library ??= loadUcum();
  try {
    if (!isPlain(library, from) || !isPlain(library, to)) return null;
    const { status, toVal, msg } = library.convertUnitTo(from, 1, to);
    return status !== 'succeeded' || toVal === null || msg.length > 0 || !(toVal > 0)
      ? null
      : Decimal.fromDouble(toVal);
  } catch {
    return null;
  }
}

/** Whether a code is one of UCUM, to the letter, whose scale starts at zero. */
function isPlain(ucum: UcumLibrary, code: string): boolean {
  const { unit, retMsg } = ucum.getSpecifiedUnit(code, 'validate');
  return unit !== null && unit.cnv_ === null && retMsg.length === 0;
}
