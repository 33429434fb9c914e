import { describe, expect, it } from 'vitest';
import { compareInstants, parseInstant, searchValue } from '../../functions/fhir/instant.js';

describe('instants', () => {
  it.each([
    ['2020-01-01T00:00:00Z', '2020-01-01T00:00:00Z', 0],
    ['2020-01-01T00:00:00.000Z', '2020-01-01T00:00:00Z', 0],
    ['2020-01-01T02:00:00+02:00', '2020-01-01T00:00:00Z', 0],
    ['2020-01-01T00:00:00.1Z', '2020-01-01T00:00:00.12Z', -1],
    ['2020-01-01T00:00:00.1234567Z', '2020-01-01T00:00:00.1234568Z', -1],
    ['2020-01-01T00:00:00.9Z', '2020-01-01T00:00:01Z', -1],
    ['2020-02-29T00:00:00Z', '2020-02-28T23:59:59Z', 1],
  ])('%s against %s is %i', (a, b, expected) => {
    const [left, right] = [parseInstant(a), parseInstant(b)];
    expect(left !== undefined && right !== undefined && Math.sign(compareInstants(left, right))).toBe(
      expected,
    );
  });

  it.each([
    '2020-01-01',
    '2020-01-01T00:00Z',
    '2020-01-01T00:00:00',
    '2023-02-29T00:00:00Z',
    '2020-13-01T00:00:00Z',
    7,
    null,
  ])('%s is none', (text) => {
    expect(parseInstant(text)).toBeUndefined();
  });

  it.each([
    ['2020-01-01T00:00:00Z', '2020-01-01T00:00:00.000Z'],
    ['2020-01-01T00:00:00.5Z', '2020-01-01T00:00:00.500Z'],
    ['2020-01-01T00:00:00.1234567Z', '2020-01-01T00:00:00.1234567Z'],
    ['2020-01-01T01:30:00.120+02:00', '2019-12-31T23:30:00.120Z'],
  ])('%s is searched for as a moment, not as a second: %s', (text, expected) => {
    const instant = parseInstant(text);
    expect(instant && searchValue(instant)).toBe(expected);
  });
});
