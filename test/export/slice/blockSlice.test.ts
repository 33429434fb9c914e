import { expect, it } from 'vitest';
import { inOrderOfBlocks } from '../../../functions/export/slice/blockSlice.js';

it('the order of blocks is of the job alone, and the same in all of its slices', () => {
  const ids = Array.from({ length: 50 }, (_, nth) => `patient-${nth}`).sort();
  const [first, again, other] = ['a', 'a', 'b'].map((secret) => inOrderOfBlocks(ids, Buffer.from(secret)));
  expect(again).toEqual(first);
  expect(new Set(first)).toEqual(new Set(ids));
  expect(first).not.toEqual(ids);
  expect(other).not.toEqual(first);
});
