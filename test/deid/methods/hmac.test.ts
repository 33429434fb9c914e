import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Hmac } from '../../../functions/deid/methods/hmac.js';
import { randomly, SEED } from '../../random.js';

it.each(['sha256', 'sha512', 'sha3-256'])(
  `%s is the HMAC of node:crypto for any key and text (TEST_SEED=${SEED})`,
  (algorithm) => {
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ minLength: 1000, maxLength: 1100 }),
      fc.constantFrom('', 'x'.repeat(1024), '€'.repeat(1024), '😀'.repeat(513), '\ud800'),
    );
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.array(texts, { minLength: 1, maxLength: 5 }),
        (key, all) => {
          const hmac = new Hmac(algorithm, key);
          for (const text of all) {
            expect(hmac.hex(text)).toBe(createHmac(algorithm, key).update(text, 'utf8').digest('hex'));
          }
        },
      ),
      randomly(500),
    );
  },
);
