import { setFlagsFromString } from 'node:v8';

/**
 * How much of a function runs before V8 considers it for optimization, in bytes of bytecode; its default is 67,584 in
 * version 11, that of Node.js 20. A small export runs most functions for a moment only: to optimize them, which other
 * threads of V8 do, took a third of the CPU time of reading a configuration and of the first 2,707 resources
 * (docs/performance.md).
 */
const INTERRUPT_BUDGET = 540_672;
/** Later versions count calls, optimize in two steps, the first one a fast one, and do not know the flag. */
const LAST_WITH_BUDGET = 11;

/** Lets V8 optimize code of this process later, on all of its threads, where it does so early. */
export function optimizeLater(): void {
  if (Number.parseInt(process.versions.v8, 10) > LAST_WITH_BUDGET) return;
  setFlagsFromString(`--interrupt-budget=${INTERRUPT_BUDGET}`);
}
