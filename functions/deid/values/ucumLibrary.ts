import { createRequire } from 'node:module';

/** What is used of `@lhncbc/ucum-lhc`, which comes without types. */
export interface UcumLibrary {
  convertUnitTo(from: string, value: number, to: string): { status: string; toVal: number | null; msg: unknown[] };
  getSpecifiedUnit(code: string, purpose: 'validate'): { unit: { cnv_: string | null } | null; retMsg: unknown[] };
} // prettier-ignore

/** The module with the units alone: the package's own entry loads parsers of XML and CSV too. */
interface UcumModule {
  UcumLhcUtils: { getInstance(): UcumLibrary };
}

const requireLibrary: (name: string) => UcumModule = createRequire(import.meta.url);

/** Loads the units. In browsers, `console/engine/node/ucumLibrary.ts` takes the place of this file. */
export function loadUcum(): UcumLibrary {
  const module = requireLibrary('@lhncbc/ucum-lhc/source-cjs/ucumLhcUtils.js');
  return module.UcumLhcUtils.getInstance();
}
