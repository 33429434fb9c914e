import { expect, it } from 'vitest';
import { BufferPool } from '../../functions/adapters/bufferPool.js';

const KIBIBYTE = 1024;

// Buffers are compared without the matchers, which would print all their bytes.

it('a buffer fits what is a little larger than what it was made for', () => {
  const pool = new BufferPool(1024 * KIBIBYTE);
  const buffer = pool.take(600 * KIBIBYTE);
  pool.giveBack(buffer);
  expect(pool.take(700 * KIBIBYTE) === buffer).toBe(true);
});

it('the smallest idle buffer that fits is taken', () => {
  const pool = new BufferPool(2048 * KIBIBYTE);
  const [large, small] = [pool.take(1024 * KIBIBYTE), pool.take(256 * KIBIBYTE)];
  pool.giveBack(large);
  pool.giveBack(small);
  expect(pool.take(200 * KIBIBYTE) === small).toBe(true);
});

it('large buffers are used again although small ones were idle first', () => {
  const pool = new BufferPool(1024 * KIBIBYTE);
  const small = Array.from({ length: 4 }, () => pool.take(256 * KIBIBYTE));
  for (const buffer of small) pool.giveBack(buffer);
  const large = pool.take(1024 * KIBIBYTE);
  pool.giveBack(large);
  expect(pool.take(1000 * KIBIBYTE) === large).toBe(true);
  expect(small.includes(pool.take(200 * KIBIBYTE))).toBe(false);
});

it('a buffer larger than all that may be idle is not kept, and the idle ones are', () => {
  const pool = new BufferPool(1024 * KIBIBYTE);
  const [small, huge] = [pool.take(256 * KIBIBYTE), pool.take(1025 * KIBIBYTE)];
  pool.giveBack(small);
  pool.giveBack(huge);
  expect(pool.take(1025 * KIBIBYTE) === huge).toBe(false);
  expect(pool.take(256 * KIBIBYTE) === small).toBe(true);
});

it('a buffer that may be kept is not made larger than all that may be idle', () => {
  const pool = new BufferPool(768 * KIBIBYTE);
  const buffer = pool.take(600 * KIBIBYTE);
  pool.giveBack(buffer);
  expect(pool.take(700 * KIBIBYTE) === buffer).toBe(true);
});
