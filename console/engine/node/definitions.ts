import text from 'console:definitions';
import type * as node from '../../../functions/deid/model/definitions.js';
import { readDefinitions } from './readDefinitions.js';

/*
 * What `functions/deid/model/definitions.ts` reads from tables of all versions: here of one, as the build wrote them
 * (`infra/tools/console/compactDefinitions.ts`).
 */

export const definitionsOf: typeof node.definitionsOf = () => readDefinitions(text);
