import { describeRows } from './bulkFaults.js';
import { BULK_ROWS } from './bulkRows.js';

describeRows(BULK_ROWS, ({ isLong }) => isLong !== true);
