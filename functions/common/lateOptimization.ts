import { setFlagsFromString } from 'node:v8';

/**
 * How much of a function runs before V8 considers it for optimization, in bytes of bytecode; its default is 67,584 since
 * version 11. A small export runs most functions for a moment only: to optimize them, which other threads of V8 do, took a
 * third of the CPU time of reading a configuration and of the first 2,707 resources (docs/performance.md).
 */
const INTERRUPT_BUDGET = 540_672;

/** Lets V8 optimize code of this process later, on all of its threads. */
export function optimizeLater(): void {
  setFlagsFromString(`--interrupt-budget=${INTERRUPT_BUDGET}`);
}
