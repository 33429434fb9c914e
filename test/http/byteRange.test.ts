import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { acceptsCoding, isRangeCurrent, matchesETag, readByteRange } from '../../functions/http/byteRange.js';
import { randomly } from '../random.js';

describe('the part of a file of 10 bytes that Range asks for', () => {
  it.each([
    [null, 'whole'],
    ['bytes=0-3', { offset: 0, count: 4 }],
    ['bytes=4-', { offset: 4, count: 6 }],
    ['bytes=9-9', { offset: 9, count: 1 }],
    ['bytes=0-999999999999999', { offset: 0, count: 10 }],
    ['bytes=-3', { offset: 7, count: 3 }],
    ['bytes=-30', { offset: 0, count: 10 }],
    [' Bytes = 1 - 2 ', { offset: 1, count: 2 }],
    ['bytes=10-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=3-2', 'whole'],
    ['bytes=0-1,3-4', 'whole'],
    ['bytes=-', 'whole'],
    ['bytes=a-b', 'whole'],
    ['items=0-1', 'whole'],
    ['bytes=99999999999999999999-', 'whole'],
  ] as const)('%s', (header, expected) => {
    expect(readByteRange(header, 10)).toEqual(expected);
  });

  it('lies within the file, whatever is sent', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^bytes=[-0-9,]{0,12}$/), fc.nat(1000), (header, size) => {
        const range = readByteRange(header, size);
        if (typeof range === 'string') return;
        expect(range.count).toBeGreaterThan(0);
        expect(range.offset).toBeGreaterThanOrEqual(0);
        expect(range.offset + range.count).toBeLessThanOrEqual(size);
      }),
      randomly(100),
    );
  });
});

it.each([
  [null, false],
  ['"a"', true],
  ['W/"a"', true],
  ['"b", "a"', true],
  ['*', true],
  ['"b"', false],
  ['a', false],
])('If-None-Match: %s matches "a": %s', (header, expected) => {
  expect(matchesETag(header, '"a"')).toBe(expected);
});

it.each([
  [null, true],
  ['"a"', true],
  ['"b"', false],
  // Only a strong tag says that bytes are the same.
  ['W/"a"', false],
  ['Thu, 01 Jan 2026 00:00:00 GMT', true],
  ['Fri, 02 Jan 2026 00:00:00 GMT', false],
  ['nonsense', false],
])('If-Range: %s holds: %s', (header, expected) => {
  expect(isRangeCurrent(header, '"a"', new Date('2026-01-01T00:00:00Z'))).toBe(expected);
});

it.each([
  [null, false],
  ['', false],
  ['gzip', true],
  ['br, GZIP;q=0.5', true],
  ['gzip;q=0', false],
  ['gzip; q=0.000, *', false],
  ['*', true],
  ['*;q=0', false],
  ['identity', false],
])('Accept-Encoding: %s takes gzip: %s', (header, expected) => {
  expect(acceptsCoding(header, 'gzip')).toBe(expected);
});
