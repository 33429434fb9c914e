import { ExportError } from '../../common/errors.js';

/** Brent's cycle detection over next links: one link is remembered, renewed at powers of two. */
export interface LoopCheck {
  remembered: string | null;
  steps: number;
  renewAt: number;
}

export const NO_LOOP: LoopCheck = { remembered: null, steps: 0, renewAt: 1 };

/**
 * @param most links that may be followed at most, where that is known
 * @throws ExportError `source-link-loop` where a next link is the one that is remembered, or one more than `most`
 */
export function checkLoop(
  loop: LoopCheck,
  next: string,
  type: string,
  most = Number.POSITIVE_INFINITY,
): LoopCheck {
  const steps = loop.steps + 1;
  if (next === loop.remembered || steps > most) throw linkLoop(type);
  return steps === loop.renewAt ? { remembered: next, steps, renewAt: loop.renewAt * 2 } : { ...loop, steps };
}

export function linkLoop(type: string): ExportError {
  return new ExportError(
    'source-link-loop',
    `The source's next links for ${type} lead back to a page that was read before, or do not end. The source has to end its pages.`,
  );
}
