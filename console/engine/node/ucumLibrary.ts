import { UcumLhcUtils } from '@lhncbc/ucum-lhc/source-cjs/ucumLhcUtils.js';
import type * as node from '../../../functions/deid/values/ucumLibrary.js';

/* What `functions/deid/values/ucumLibrary.ts` loads when it is first used: here it is part of the script. */

export const loadUcum: typeof node.loadUcum = () => UcumLhcUtils.getInstance();
