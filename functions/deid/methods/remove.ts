import { CLEARING } from './effect.js';
import { REDACTED } from './labels.js';
import { method } from './method.js';

/**
 * Takes elements away with all that is in them: resources, too, and what earlier rules decided. Of the outermost
 * resource, each of its elements.
 */
export const REMOVE = method({
  name: 'remove',
  settings: {},
  parameters: {},
  labels: [REDACTED],
  needsTree: true,
  clears: 'everything, with all that is in it: resources, too, and what earlier rules left',
  effect: () => CLEARING,
  prepare: () => ({ work: () => ({ ofValue: () => null, removes: REDACTED }) }),
});
