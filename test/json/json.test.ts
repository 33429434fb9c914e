import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonError, parseJson, stringifyJson } from '../../functions/json/json.js';
import { JsonNumber } from '../../functions/json/jsonNumber.js';
import { randomly, SEED } from '../random.js';

describe('digits of numbers', () => {
  it.each([
    '1.0', '-0', '-0.0', '1.50', '1e3', '1E-5', '1.20e3', '0.0000001', '123456789012345678901234567.89', '0', '17', '-3.25',
    '9007199254740993', '100000000000000000000000', '0.1', '1.7976931348623157e308',
  ])('%s stays as written, wherever it is', (number) => {
    for (const text of [number, `[${number}]`, `[0,${number}]`, `{"a":${number}}`, `{"a":1,"b":{"c":[{"d":${number}}]}}`]) {
      expect(stringifyJson(parseJson(text))).toBe(text);
      expect(stringifyJson(parseJson(` ${text.replace(/([:,[{])/g, '$1 ')} `))).toBe(text);
    }
  }); // prettier-ignore

  it('wraps only numbers that a double would change', () => {
    expect(parseJson('{"a":1.5,"b":1.50,"c":[1e2]}')).toEqual({
      a: 1.5,
      b: new JsonNumber('1.50'),
      c: [new JsonNumber('1e2')],
    });
  });

  it('leaves what only looks like a number in strings', () => {
    for (const text of [
      '": 1.50,',
      'x":1.50}',
      '[1.0]',
      '\\":1.0,',
      '\x7f#1.50',
      '\x7f#},{',
      '\uffff#1.50',
    ]) {
      const json = JSON.stringify({ text, number: 0 }).replace(':0', ':1.50');
      expect(stringifyJson(parseJson(json))).toBe(json);
      expect(parseJson(json)).toEqual({ text, number: new JsonNumber('1.50') });
    }
  });

  it(`gives every JSON text back (TEST_SEED=${SEED})`, () => {
    const number = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
      fc
        .tuple(
          fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }),
          fc.stringMatching(/^(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,3})?$/),
        )
        .map(([whole, rest]) => `${whole}${rest}`),
    );
    const text = fc
      .oneof(
        fc.string({ unit: 'binary' }),
        fc.constantFrom('": 1.0,', '\x7f#2', '\u007f#2', '__proto__', '1.50'),
      )
      .map((value) => JSON.stringify(value));
    const { value } = fc.letrec<{ value: string }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        number,
        text,
        fc.constantFrom('null', 'true', 'false'),
        fc.array(tie('value')).map((items) => `[${items.join(',')}]`),
        fc
          .uniqueArray(fc.tuple(text, tie('value')), { selector: ([key]) => key })
          .map((members) => `{${members.map((member) => member.join(':')).join(',')}}`),
      ),
    }));
    // Keys that are integers move to the front in every JavaScript object: FHIR has none.
    const withoutIntegers = value.filter((json) => !/"[0-9]+":/.test(json));
    fc.assert(
      fc.property(withoutIntegers, (json) => {
        expect(stringifyJson(parseJson(json))).toBe(json);
      }),
      randomly(3000),
    );
  });
});

const deep = (inner: string): string => '['.repeat(100_000) + inner + ']'.repeat(100_000);

describe('hostile texts', () => {
  it.each([
    '',
    ' ',
    '{',
    '[1,]',
    '{"a":}',
    '{a:1}',
    "{'a':1}",
    '01',
    '1.',
    '.5',
    '+1',
    'NaN',
    '"\n"',
    '"\\x"',
    '[1.0',
    'tru',
    '{"a":1.0}}',
    '{"a" 1}',
    '1.0 x',
  ])('%j is no JSON, which the error says without quoting it', (text) => {
    expect(() => parseJson(text)).toThrow(JsonError);
  });

  it('says where, and nothing of what is there', () => {
    const error = ((): unknown => {
      try {
        return parseJson('{"name":"Peter Chalmers", oops');
      } catch (caught) {
        return caught;
      }
    })();
    expect(String(error)).toMatch(/at character \d+$/);
    expect(String(error)).not.toMatch(/Peter|oops/);
  });

  it('__proto__ is a name like any other', () => {
    for (const number of ['1', '1.0']) {
      const value = parseJson(`{"__proto__":{"polluted":${number}},"a":1}`);
      expect(Object.keys(value as object)).toEqual(['__proto__', 'a']);
      expect('polluted' in {}).toBe(false);
      expect(stringifyJson(value)).toBe(`{"__proto__":{"polluted":${number}},"a":1}`);
    }
  });

  it('of a name that is there twice the last value wins', () => {
    expect(parseJson('{"a":1,"b":2,"a":3}')).toEqual({ a: 3, b: 2 });
    expect(stringifyJson(parseJson('{"a":1.0,"a":2.0}'))).toBe('{"a":2.0}');
  });

  it('depth does not end the process', () => {
    expect(() => parseJson(deep('1.0'))).toThrow(JsonError);
    expect(Array.isArray(parseJson(deep('1')))).toBe(true);
  });

  it('a byte order mark is skipped, long strings and escapes are kept', () => {
    const long = 'x"\\\u2028é'.repeat(100_000);
    const text = JSON.stringify({ a: long, b: 1 }).replace(':1}', ':1.0}');
    expect(stringifyJson(parseJson(`\ufeff${text}`))).toBe(text);
  });
});
