import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstInstantOf, isFormatted } from '../../../functions/deid/model/format.js';
import { FhirModel } from '../../../functions/deid/model/fhirModel.js';
import { isPrimitiveOf, type Primitive } from '../../../functions/deid/model/primitive.js';
import { FHIR_VERSIONS } from '../../../functions/fhir/fhirVersion.js';
import { JsonNumber } from '../../../functions/json/jsonNumber.js';
import { costOf } from '../../processorTime.js';
import { randomly } from '../../random.js';

const XMLNS = 'xmlns="http://www.w3.org/1999/xhtml"';
const NOT_TEXT: readonly Primitive[] = [1, true];
const NOT_BLANK = ['', ' ', 'a\u0000b', 'a\u001fb', ...NOT_TEXT];
const OFFSETS = ['Z', '+00:00', '-05:00', '+13:59', '+14:00', '-14:00'];
const NOT_DATE = ['0000', '15', '2015-13', '2015-00', '2015-1', '2015-02-30', '2015-02-00', '2015-02-7', '20150207', '2015-02-', '-2015', ' 2015', '2015 ', '2015\n']; // prettier-ignore
const NOT_INSTANT = [
  '2015-02-07T10:11:12', '2015-02-07T10:11Z', '2015-02-07T10Z', '2015-02-07TZ', '2015-02-07T', '2015-02-07T24:00:00Z',
  '2015-02-07T10:60:00Z', '2015-02-07T10:11:60Z', '2015-02-07T10:11:12.Z', '2015-02-07T10:11:12+14:01', '2015-02-07T10:11:12+1:00',
  '2015-02-30T10:11:12Z', '2015-02-07 10:11:12Z', '2015-02-07T10:11:12z', '2015-02-07T10:11:12Z\n', '2015-02T10:11:12Z',
]; // prettier-ignore
const NOT_URI = ['', ' ', 'a b', 'a\u00a0b', ' http://a', 'http://a\n', 'a\u0000', 'a\u007f', ...NOT_TEXT];

/** Values of each primitive: allowed, and not allowed. */
const FORMATS: Record<string, [allowed: readonly Primitive[], refused: readonly Primitive[]]> = {
  base64Binary: [['AAAA', 'AAA=', 'AA==', 'ab+/', 'AAAA\r\nAAAA', ' AAAA '], ['', 'A', 'AAAAA', 'A===', '====', 'AA=A', 'AA-_', ...NOT_TEXT]],
  boolean: [[true, false], ['true', '', 1]],
  canonical: [['http://example.org/a|1.0', '#a'], NOT_URI],
  code: [['a', 'a b', 'final', '<=', 'Größe', 'a-b.c'], ['', ' a', 'a ', 'a  b', 'a\tb', 'a\nb', 'a\u00a0b', 'a\u0000', 'a\u007f', ...NOT_TEXT]],
  date: [['2015', '2015-02', '2015-02-07', '2016-02-29', '0001-01-01'], [...NOT_DATE, '2015-02-07T10:11:12Z', '2015-02-29', '', 2015]],
  dateTime: [
    ['2015', '2015-02', '2015-02-07', ...OFFSETS.map((offset) => `2015-02-07T10:11:12${offset}`), '2015-02-07T10:11:12.123456Z'],
    [...NOT_DATE, ...NOT_INSTANT, '', 2015],
  ],
  decimal: [[0, -1.5, new JsonNumber('1.50'), new JsonNumber('1.20e3')], ['1.5', true]],
  id: [['a', 'A-1.b', '9'.repeat(64)], ['', '9'.repeat(65), 'a_b', 'a b', 'a/b', 'a\n', 'ä', '@', '[', '`', '{', ...NOT_TEXT]],
  instant: [
    [...OFFSETS.map((offset) => `2015-02-07T10:11:12${offset}`), '2016-02-29T00:00:00.0Z', firstInstantOf('2015')],
    ['2015', '2015-02', '2015-02-07', ...NOT_DATE, ...NOT_INSTANT, '', 2015],
  ],
  integer: [[0, -2147483648, 2147483647], [2147483648, 1.5, new JsonNumber('1.0'), '1', true]],
  markdown: [['a', '# a\n\n\tb\r\n', ' a '], NOT_BLANK.filter((value) => value !== ' ')],
  oid: [['urn:oid:1.2.3', 'urn:oid:2.16.840.0'], ['urn:oid:1', 'urn:oid:3.1', 'urn:oid:1.02', 'urn:oid:1.2.', '1.2.3', 'urn:oid:1.2\n', ...NOT_TEXT]],
  positiveInt: [[1, 2147483647], [0, -1, 1.5, 2147483648, '1', true]],
  string: [['a', ' ', 'a\tb\r\nc', 'ä\u{1f600}', 'a'.repeat(1024 * 1024)], [...NOT_BLANK.filter((value) => value !== ' '), 'a'.repeat(1024 * 1024 + 1)]],
  time: [['10:11:12', '00:00:00', '23:59:59.999'], ['24:00:00', '10:11', '10:11:60', '10:11:12Z', 'T10:11:12', '10:11:12.', '10:11:12\n', '', ...NOT_TEXT]],
  unsignedInt: [[0, 1, 2147483647], [-1, 1.5, 2147483648, '1', true]],
  uri: [['http://example.org/a?b=c#d', 'urn:uuid:x', 'a', 'http://example.org/ä'], NOT_URI],
  xhtml: [
    [
      `<div ${XMLNS}>a</div>`, `<div ${XMLNS}/>`, ` <div lang='en' ${XMLNS}><p class="a>b">a<br/>b</p><!-- <c> --></div> `,
      `<div ${XMLNS}><![CDATA[<x]]>a</div>`, `<div ${XMLNS}><div>a</div></div>`,
    ],
    [
      '', 'a', '<div>a</div>', `<p ${XMLNS}>a</p>`, `<div ${XMLNS}>a`, `<div ${XMLNS}><p>a</div>`, `<div ${XMLNS}><br></div>`,
      `<div ${XMLNS}>a</div>b`, `<div ${XMLNS}>a</div><p/>`, `<div ${XMLNS}>a < b</div>`, `<div ${XMLNS}><p class=a>b</p></div>`, ...NOT_TEXT,
    ],
  ],
  url: [['http://example.org', 'mailto:a@example.org'], NOT_URI],
  uuid: [
    ['urn:uuid:c757873d-ec9a-4326-a141-556f43239520'],
    ['c757873d-ec9a-4326-a141-556f43239520', 'urn:uuid:C757873D-EC9A-4326-A141-556F43239520', 'urn:uuid:c757873d', ...NOT_TEXT],
  ],
  integer64: [
    ['0', '-1', '+1', '9223372036854775807', '-9223372036854775808'],
    ['9223372036854775808', '-9223372036854775809', '00', '1.0', '', 'a', ...NOT_TEXT],
  ],
}; // prettier-ignore

const shown = (value: Primitive): string => (typeof value === 'string' ? JSON.stringify(value.slice(0, 70)) : String(value)); // prettier-ignore

describe.each(FHIR_VERSIONS)('formats of %s', (version) => {
  const model = FhirModel.of(version);
  const formats = Object.entries(FORMATS).flatMap(([name, values]) => {
    const type = model.type(name);
    return type === undefined ? [] : [{ name, type, allowed: values[0], refused: values[1] }];
  });

  it('cover every primitive', () => {
    const names = model.dataTypeNames().filter((name) => model.type(name)?.primitive !== null);
    expect(names.length).toBeGreaterThan(15);
    expect(names.filter((name) => formats.every((format) => format.name !== name))).toEqual([]);
  });

  it.each(formats)('$name', ({ type, allowed, refused }) => {
    expect(allowed.filter((value) => !isFormatted(type, value)).map(shown)).toEqual([]);
    expect(refused.filter((value) => isFormatted(type, value)).map(shown)).toEqual([]);
  });

  it('allow nothing that the engine does not read', () => {
    const value = fc.oneof(fc.string(), fc.integer(), fc.double(), fc.boolean(), fc.date({ noInvalidDate: true }).map((date) => date.toISOString())); // prettier-ignore
    fc.assert(
      fc.property(fc.constantFrom(...formats), value, ({ type }, any) => {
        expect(isFormatted(type, any) && !isPrimitiveOf(type, any)).toBe(false);
      }),
      randomly(100),
    );
  });
});

describe('the time that a format takes', () => {
  const hostile = ['\t', ' ', '<', '<div ', 'a=', '!--', `<div ${XMLNS}><p>`, `<div ${XMLNS}><p a="`, 'A', '2015-02-07T10:11:12.1', 'urn:oid:1.1']; // prettier-ignore
  it.each(hostile)('grows with the length only: %s', (part) => {
    const text = part.repeat(200_000 / part.length);
    const xhtml = `<div ${XMLNS} ${text}`;
    const cost = costOf(() => {
      for (const name of Object.keys(FORMATS)) {
        const type = FhirModel.of('R5').type(name);
        if (type === undefined) throw new Error(name);
        isFormatted(type, text);
        isFormatted(type, xhtml);
      }
    });
    expect(cost).toBeLessThan(1000);
  });
});
