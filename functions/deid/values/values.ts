import type { Decimal, Long } from './numbers.js';
import type { Quantity } from './quantity.js';
import type { Temporal } from './temporal.js';

export { Decimal, FhirPathError, Long } from './numbers.js';
export { Quantity, calendarUnit } from './quantity.js';
export { Temporal } from './temporal.js';

/** A value of FHIRPath's System types: String, Boolean, Integer (`bigint`), Long, Decimal, Date/DateTime/Time, Quantity. */
export type Value = string | boolean | bigint | Long | Decimal | Temporal | Quantity;
