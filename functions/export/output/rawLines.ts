import { stringifyJson } from '../../json/json.js';
import type { LineMaker } from './lineMaker.js';

/** Lines of a raw export: the resources as they came. */
export const rawLines: LineMaker = {
  processingErrors: 'raise',
  makeLine: (resource) => ({ outcome: 'anonymized', line: stringifyJson(resource) }),
  makeLineOfTape: () => false,
  takeCounts: () => ({ dropped: [], labels: [], undecided: [] }),
  lastingId: (_type, id) => id,
};
