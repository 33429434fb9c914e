import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { inAscii } from '../../infra/tools/bundle.js';

describe('a module of the bundle', () => {
  it.each([
    ['a string', '"é…\u{1f600}"', 'é…\u{1f600}'],
    ['a template', '`a${"…"}\ufeff`', 'a…\ufeff'],
    ['a regular expression', '/^[À-Ö…]$/.test("Ã")', true],
    ['one by code points', '/^[\u{1f600}-\u{1f64f}]$/u.test("\u{1f601}")', true],
    ['a name', '(({ größe }) => größe)({ größe: 1 })', 1],
    ['a comment', '1 /* … */', 1],
  ])('means the same in ASCII: %s', (_, code, value) => {
    const ascii = inAscii(code);
    expect(ascii).toMatch(/^\p{ASCII}+$/u);
    expect(runInNewContext(ascii)).toBe(value);
  });

  it.each(['"\\…"', 'String.raw`a…`'])('is refused where an escape would mean something else: %s', (code) => {
    expect(() => inAscii(code)).toThrow('cannot be escaped');
  });
});
