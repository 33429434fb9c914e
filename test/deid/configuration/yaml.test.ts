import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { readConfiguration } from '../../../functions/deid/readConfiguration.js';
import { isYaml, parseDocument } from '../../../functions/deid/reading/document.js';
import { Places } from '../../../functions/deid/reading/places.js';
import { randomly } from '../../random.js';

const errorOf = (text: string): string => {
  try {
    return JSON.stringify(parseDocument(text));
  } catch (error) {
    return (error as Error).message;
  }
};

describe('YAML is read as what the same JSON would be', () => {
  it('any JSON value', () => {
    const json = fc.jsonValue({ maxDepth: 4 });
    fc.assert(
      fc.property(json, fc.boolean(), (any, isFlow) => {
        const value = JSON.parse(JSON.stringify(any)) as unknown;
        const text = stringify(value, { version: '1.2', ...(isFlow ? { collectionStyle: 'flow' } : {}) });
        const wanted = JSON.stringify(parseDocument(JSON.stringify([value])));
        const indented = text.replace(/^/gm, '  ');
        // What begins like JSON is read as JSON.
        expect(JSON.stringify(parseDocument(`-\n${indented}`))).toBe(wanted);
      }),
      randomly(300),
    );
  });

  it.each([
    ['a: true\nb: False\nc: null\nd: ~\ne:\nf: yes\ng: on', '{"a":true,"b":false,"c":null,"d":null,"e":null,"f":"yes","g":"on"}'],
    ['a: 5\nb: -0.50\nc: 1e3\nd: 0.100000000000000000001', '{"a":5,"b":-0.50,"c":1e3,"d":0.100000000000000000001}'],
    ["a: '5'\nb: \"\\u00e9\\n\"\nc: 2020-01-01\nd: 1.2.3\ne: 12:30:00\nf: 1_000", '{"a":"5","b":"é\\n","c":"2020-01-01","d":"1.2.3","e":"12:30:00","f":"1_000"}'],
    ['%YAML 1.2\n---\n# a comment\na: |\n  two\n  lines\nb: >-\n  one\n  line\n...\n', '{"a":"two\\nlines\\n","b":"one line"}'],
    ['base: &base {a: 1}\nother: *base\n', '{"base":{"a":1},"other":{"a":1}}'],
    ['- &a x\n- &a y\n- *a\n', '["x","y","y"]'],
    ['"__proto__": 1\ntoString: 2', '{"__proto__":1,"toString":2}'],
    ["'1': a\n'true': b\n'<<': c", '{"1":"a","true":"b","<<":"c"}'],
    ['{\n// JSON may be written so:\n\'a\': 1,}', '{"a":1}'],
  ])('%j', (text, json) => {
    expect(parseDocument(text)).toEqual(parseDocument(json));
  }); // prettier-ignore

  it.each<readonly [string, string | RegExp]>([
    ['a: 1\nb: 2\na: 3\n', "The property 'a' is there twice in the same object at line 3, column 1"],
    ['x:\n  {a: 1, a: 2}', "The property 'a' is there twice in the same object at line 2, column 10"],
    [
      'a: !!str 5',
      'Tags are not read: write a text in quotes, anything else as in JSON at line 1, column 10',
    ],
    ['a: !secret x', /^Tags are not read: .* at line 1, column 4$/],
    ['a: ! 5', /^Tags are not read: .* at line 1, column 6$/],
    ['!!map\na: 5', /^Tags are not read: .* at line 2, column 1$/],
    ['!!str a: 5', /^A property name must be a text: .* at line 1, column 7$/],
    ['a: 007', 'A number that is not written as in JSON: write a text in quotes at line 1, column 4'],
    ...['+1', '.5', '5.', '0x1F', '0o17', '.inf', '-.INF', '.nan', '1.e5'].map(
      (number) => [`a: ${number}`, /^A number that is not written as in JSON/] as const,
    ),
    ...['1', 'true', '~', '[a]', '? [a]\n', '*a '].map(
      (name) => [`x: &a b\n${name}: y`, /^(?:A property name must be a text|Not YAML)/] as const,
    ),
    ['? \n: b', 'A property name must be a text: write it in quotes at line 1, column 3'],
    ['a: &a 1\nb:\n  <<: *a', /^Merge keys .* at line 3, column 3$/],
    ['a: *b\n', 'An alias without an anchor before it at line 1, column 4'],
    ['a: &a [1, *a]\n', 'An alias inside its own anchor at line 1, column 11'],
    ['%YAML 1.1\n---\na: 1\n', 'Only YAML 1.2 is read at line 1, column 1'],
    ['a: 1\n---\nb: 1\n', /^A configuration is one YAML document, and another begins at line 3, column 1$/],
    ['a: 1\n\tb: 2\n', /at line 2, column [12]$/],
    ['a:\n  - b\n c: d\n', /at line 3, column \d$/],
    ['a: "x', 'A bracket, a quote or a colon is missing at line 1, column 6'],
    ['a: "\\q"', 'A string with an unknown escape at line 1, column 5'],
    ['a: @b', 'A text that begins so must be in quotes at line 1, column 4'],
    ['# nothing\n', /^The configuration is empty/],
    ['---\n', /^null$/],
    ['- '.repeat(100), 'YAML nested too deeply at line 1, column 131'],
    ['- '.repeat(20_000), /^YAML nested too deeply/],
    [`a: ${'['.repeat(50_000)}`, /^YAML nested too deeply/],
    ['-\n'.repeat(200_000), /^The configuration has too many parts/],
  ])('%#: refused, or read as nothing', (text, message) => {
    if (typeof message === 'string') expect(errorOf(text)).toBe(message);
    else expect(errorOf(text)).toMatch(message);
  });

  it('aliases written out count for the size', () => {
    const levels = ['a: &a0 {k: "xxxxxxxxxxxxxxxxxxxx"}'];
    for (let level = 1; level < 30; level++)
      levels.push(`b${level}: &a${level} [*a${level - 1}, *a${level - 1}, *a${level - 1}]`);
    expect(errorOf(levels.join('\n'))).toMatch(
      /^The configuration is larger than 1 MiB with its aliases written out at line 1\d, column \d+$/,
    );
    expect(errorOf(levels.slice(0, 8).join('\n'))).toMatch(/^\{/);
    const long = `a: &a ${'x'.repeat(600_000)}\nb: `;
    expect(errorOf(`${long}c`)).toMatch(/^\{/);
    expect(errorOf(`${long}*a`)).toMatch(/larger than 1 MiB/);
  });
});

describe('JSON or YAML is told by how the text begins', () => {
  it.each([
    ['{"a":1}', false],
    ['\ufeff \n{', false],
    ['// c\n{', false],
    ['/* c */ {', false],
    ['[', false],
    ['', false],
    ['a: {}', true],
    ['---\n{}', true],
    ['# c\n{}', true],
    ['\ufeffa: 1', true],
    ['- a', true],
  ])('%j', (text, expected) => {
    expect(isYaml(text)).toBe(expected);
  });
});

const JSON_TEXT = `{
  "fhirPathRules": [
    {"path": "Patient.name", "method": "redact"},
    {
      "path": "Patient.nmae",
      "method": "redcat"
    },
    {"path": "Patient.gender", "method": "generalize", "cases": {"$this = 'a.b'": "'x'", "$this >": "'y'"}}
  ],
  "parameters": {
    "EncryptKey": "S3CR3T"
  },
  "odd": 1
}`;
const YAML_TEXT = `fhirPathRules:
  - {path: Patient.name, method: redact}
  - path: Patient.nmae
    method: redcat
  - path: Patient.gender
    method: generalize
    cases:
      $this = 'a.b': "'x'"
      "$this >": "'y'"
parameters:
  EncryptKey: S3CR3T
odd: 1
`;

it.each([
  ['JSON', JSON_TEXT, ['13:3', '5:7', '6:7', '8:90', '11:5']],
  ['YAML', YAML_TEXT, ['12:1', '3:5', '4:5', '9:7', '11:3']],
])('issues have the line and column of what is wrong: %s', (_name, text, places) => {
  const { issues } = readConfiguration(text, { fhirVersion: 'R4' });
  expect(issues.map(({ path, line, column }) => [path, `${line}:${column}`])).toEqual(
    ['odd', 'fhirPathRules[1].path', 'fhirPathRules[1].method', 'fhirPathRules[2].cases["$this >"]', 'parameters.encryptKey'].map((path, at) => [path, places[at]]),
  ); // prettier-ignore
});

it('a path that is not in the text has the place of what is around it', () => {
  const places = new Places();
  parseDocument('a:\n- b: [c]\n', places);
  const find = (path: string): unknown => places.find(path, 'a:\n- b: [c]\n');
  expect(find('a[0].b[7].x')).toEqual({ line: 2, column: 3 });
  expect(find('A[0].B[0]')).toEqual({ line: 2, column: 7 });
  expect(find('x.y')).toBeUndefined();
});

it('a key is in no message, whatever is wrong with the text', () => {
  const whole = YAML_TEXT.replace('redcat', 'redact').replace('EncryptKey: S3CR3T', 'cryptoHashKey: S3CR3T');
  fc.assert(
    fc.property(
      fc.nat(whole.length),
      fc.nat(3),
      fc.constantFrom('', '"', "'", '{', '}', '[', ']', ':', '&', '*', '!', '%', '@', '`', '\t', '\n', '|', '>', '-', '? ', '---\n'),
      (at, taken, put) => {
        const key = whole.indexOf('S3CR3T');
        // Where a name would be, the text is no key.
        const text = whole.slice(0, at) + put + whole.slice(at + taken);
        if (at > key - 3 && at < key + 6) return;
        const { issues } = readConfiguration(text, { fhirVersion: 'R4' });
        for (const { message } of issues) expect(message).not.toContain('S3CR3T');
      },
    ),
    randomly(500),
  ); // prettier-ignore
});
