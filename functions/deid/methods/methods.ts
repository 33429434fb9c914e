import { CRYPTO_HASH } from './cryptoHash.js';
import { DATE_SHIFT } from './dateShift.js';
import { ENCRYPT } from './encrypt.js';
import { GENERALIZE } from './generalize.js';
import { KEEP } from './keep.js';
import { PERTURB } from './perturb.js';
import { PSEUDONYMIZE } from './pseudonymize.js';
import { REDACT } from './redact.js';
import { REMOVE } from './remove.js';
import { SUBSTITUTE } from './substitute.js';

/** All methods, in the order in which messages name them. */
export const METHODS = [
  REDACT,
  DATE_SHIFT,
  CRYPTO_HASH,
  SUBSTITUTE,
  ENCRYPT,
  PERTURB,
  KEEP,
  GENERALIZE,
  PSEUDONYMIZE,
  REMOVE,
] as const;
