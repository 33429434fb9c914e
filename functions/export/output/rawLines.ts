import { addCompact } from '../../json/compactJson.js';
import { stringifyJson, valueAt } from '../../json/json.js';
import { refuseReleased } from '../../json/jsonTape.js';
import type { LineMaker } from './lineMaker.js';

/** Lines of a raw export: the resources as they came. */
export const rawLines: LineMaker = {
  processingErrors: 'raise',
  makeLine(resource, line) {
    refuseReleased(resource);
    const { tape, node } = resource;
    const { length } = line;
    line.begin(tape.bytes);
    if (addCompact(tape, node, line)) return undefined;
    line.truncate(length);
    line.text(stringifyJson(valueAt(tape, node)));
    return undefined;
  },
  isAsItCame: () => true,
  lastingIds: () => async (ids) => ids,
};
