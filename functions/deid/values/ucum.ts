import { createRequire } from 'node:module';
import { remembered } from '../../common/maps.js';
import { RecentMap } from '../../common/recentMap.js';
import { Decimal } from './numbers.js';

/** What is used of `@lhncbc/ucum-lhc`, which comes without types. */
interface UcumLibrary {
  convertUnitTo(from: string, value: number, to: string): { status: string; toVal: number | null; msg: unknown[] };
  getSpecifiedUnit(code: string, purpose: 'validate'): { unit: { cnv_: string | null } | null; retMsg: unknown[] };
} // prettier-ignore

/** The module with the units alone: the package's own entry loads parsers of XML and CSV too. */
interface UcumModule {
  UcumLhcUtils: { getInstance(): UcumLibrary };
}

const requireLibrary: (name: string) => UcumModule = createRequire(import.meta.url);
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
  library ??= loadLibrary();
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

function loadLibrary(): UcumLibrary {
  const module = requireLibrary('@lhncbc/ucum-lhc/source-cjs/ucumLhcUtils.js');
  return module.UcumLhcUtils.getInstance();
}

/** Whether a code is one of UCUM, to the letter, whose scale starts at zero. */
function isPlain(ucum: UcumLibrary, code: string): boolean {
  const { unit, retMsg } = ucum.getSpecifiedUnit(code, 'validate');
  return unit !== null && unit.cnv_ === null && retMsg.length === 0;
}
