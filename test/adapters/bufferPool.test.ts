import { expect, it } from 'vitest';
import { BufferPool } from '../../functions/adapters/bufferPool.js';

const KIBIBYTE = 1024;

it('a buffer fits what is a little larger than what it was made for', () => {
  const pool = new BufferPool(1024 * KIBIBYTE);
  const buffer = pool.take(600 * KIBIBYTE);
  pool.giveBack(buffer);
  expect(pool.take(700 * KIBIBYTE)).toBe(buffer);
});

it('the smallest idle buffer that fits is taken', () => {
  const pool = new BufferPool(2048 * KIBIBYTE);
  const [large, small] = [pool.take(1024 * KIBIBYTE), pool.take(256 * KIBIBYTE)];
  pool.giveBack(large);
  pool.giveBack(small);
  expect(pool.take(200 * KIBIBYTE)).toBe(small);
});

it('large buffers are used again although small ones were idle first', () => {
  const pool = new BufferPool(1024 * KIBIBYTE);
  const small = Array.from({ length: 4 }, () => pool.take(256 * KIBIBYTE));
  for (const buffer of small) pool.giveBack(buffer);
  const large = pool.take(1024 * KIBIBYTE);
  pool.giveBack(large);
  expect(pool.take(1000 * KIBIBYTE)).toBe(large);
  expect(small).not.toContain(pool.take(200 * KIBIBYTE));
});

it('a buffer larger than all that may be idle is not kept', () => {
  const pool = new BufferPool(1024 * KIBIBYTE);
  const huge = pool.take(1025 * KIBIBYTE);
  pool.giveBack(huge);
  expect(pool.take(1025 * KIBIBYTE)).not.toBe(huge);
});
