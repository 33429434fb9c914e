import { linkLoop } from './refusals.js';

/** Brent's cycle detection over next links: one link is remembered, renewed at powers of two. */
export interface LoopCheck {
  remembered: string | null;
  steps: number;
  renewAt: number;
}

export const NO_LOOP: LoopCheck = { remembered: null, steps: 0, renewAt: 1 };

/** @throws ExportError `source-link-loop` where a next link is the one that is remembered */
export function checkLoop(loop: LoopCheck, next: string, type: string): LoopCheck {
  if (next === loop.remembered) throw linkLoop(type);
  const steps = loop.steps + 1;
  return steps === loop.renewAt ? { remembered: next, steps, renewAt: loop.renewAt * 2 } : { ...loop, steps };
}
