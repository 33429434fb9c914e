import { method } from './method.js';

/** Leaves the element and all below it as they are, and safe from later rules. */
export const KEEP = method({
  name: 'keep',
  settings: {},
  parameters: {},
  labels: [],
  keepsAll: true,
  clears:
    'nothing, but for elements that say nothing of a person unless a source misuses them: `Coding.display`, units, `canonical`, `linkId`, `Extension.url`, ids of elements',
  effect: () => ({
    key: 'keep',
    clearsAll: false,
    clears: ({ needs }) => (needs === 'decision' ? 'full' : 'none'),
  }),
  prepare: () => ({ work: () => ({ ofValue: () => null }) }),
});
