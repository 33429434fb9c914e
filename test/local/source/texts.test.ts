import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { array, assert, asyncProperty, constantFrom, dictionary, jsonValue, string } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allIds, ask, link, resource, serving } from './support.js';
import { randomly } from '../../random.js';

describe('texts are served as they are in the file', () => {
  const texts = [
    '{"resourceType":"Patient","id":"a","meta":{"lastUpdated":"2024-01-01T00:00:00Z"},"x":[1.0,70.20,1.2e5,-0]}',
    '{ "resourceType" : "Patient" , "id" : "b" , "meta" : { "versionId" : "1" , "lastUpdated" : "2024-01-01T00:00:00Z" } }',
    '{"name":[{"id":"no","family":"Łaski \\"\\\\","given":["李","\\u00e9"]}],"meta":{"tag":[{"code":"}"}],"lastUpdated":"2024-01-01T00:00:00.1234567+01:00"},"id":"c","resourceType":"Patient"}',
    '{"resourceType":"Patient","\\u0069d":"d","meta":{"lastUpdated":"2024-01-01T00:00:00Z"},"contained":[{"resourceType":"Device","id":"e"}]}',
  ];

  test.each([
    ['lines', texts.join('\n')],
    ['lines with a line break at the end', `${texts.join('\n')}\n`],
    ['Windows lines, blank ones and a byte order mark', `\ufeff\r\n${texts.join('\r\n\r\n')}\r\n\r\n`],
  ])('%s', async (_name, file) => {
    await serving({ Patient: file }, {}, async ({ url }) => {
      const { text } = await ask(`${url}/Patient`);
      for (const [index, id] of ['a', 'b', 'c', 'd'].entries()) {
        expect(text).toContain(
          `{"fullUrl":"${url}/Patient/${id}","resource":${texts[index]},"search":{"mode":"match"}}`,
        );
        expect((await ask(`${url}/Patient/${id}`)).text).toBe(texts[index]);
      }
    });
  });

  test.each([
    ['{"resourceType":"Patient","id":"a"}', '{"meta":{"lastUpdated":"*"},"resourceType":"Patient","id":"a"}'],
    [
      '{"resourceType":"Patient","id":"a","meta":{}}',
      '{"resourceType":"Patient","id":"a","meta":{"lastUpdated":"*"}}',
    ],
    [
      '{"meta":{ "source":"x"},"resourceType":"Patient","id":"a"}',
      '{"meta":{"lastUpdated":"*", "source":"x"},"resourceType":"Patient","id":"a"}',
    ],
  ])('but for an absent lastUpdated: %s', async (text, expected) => {
    const served = () =>
      serving({ Patient: [text] }, {}, async ({ url }) => (await ask(`${url}/Patient/a`)).text);
    const first = await served();
    const time = /"lastUpdated":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)"/.exec(first)?.[1] ?? '';
    expect(first).toBe(expected.replace('*', time));
    expect(await served()).toBe(first);
  });

  test('absent times are spread, and searched by', async () => {
    const lines = Array.from({ length: 400 }, (_, index) => resource('Patient', `p${index}`));
    await serving({ Patient: lines }, {}, async ({ url }) => {
      for (const year of [2020, 2021, 2022, 2023]) {
        const { body } = await ask(`${url}/Patient?_lastUpdated=${year}&_summary=count`);
        expect(body.total).toBeGreaterThan(70);
      }
      const sorted = await ask(`${url}/Patient?_sort=_lastUpdated&_count=1000`);
      const times = [...sorted.text.matchAll(/"lastUpdated":"([^"]+)"/g)].map((match) => match[1]);
      expect(times).toHaveLength(400);
      expect(times.every((time, index) => index === 0 || (times[index - 1] ?? '') <= (time ?? ''))).toBe(
        true,
      );
    });
  });

  test('any JSON is scanned as JSON.parse reads it', async () => {
    const property = asyncProperty(
      array(dictionary(string(), jsonValue({ maxDepth: 3 })), { minLength: 1, maxLength: 8 }),
      constantFrom(undefined, 1, '\t '),
      async (extras, indent) => {
        const lines = extras.map((extra, index) => {
          const value = {
            ...extra,
            meta: { ...extra, lastUpdated: '2024-01-01T00:00:00Z' },
            id: `p${index}`,
            resourceType: 'Patient',
          };
          return JSON.stringify(value, null, indent).replaceAll('\n', ' ');
        });
        await serving({ Patient: lines }, {}, async ({ url }) => {
          const { text } = await ask(`${url}/Patient?_count=100`);
          for (const line of lines) expect(text).toContain(`"resource":${line},"search"`);
        });
      },
    );
    await assert(property, randomly(60));
  });
});

describe('a file that cannot be served is refused at the start, by its line', () => {
  const good = resource('Patient', 'a', '2024-01-01T00:00:00Z');
  test.each([
    [
      'another type',
      [good, resource('Device', 'b')],
      /Patient\.ndjson line 2: its resourceType is not Patient/,
    ],
    ['an id twice', [good, resource('Patient', 'b'), good], /line 3: its id occurs in an earlier line/],
    ['no id', ['{"resourceType":"Patient"}'], /line 1: not a JSON object with a resourceType and an id/],
    ['an id that is none', [resource('Patient', 'a b')], /line 1: not a JSON object/],
    ['half a line', [good.slice(0, 40)], /line 1: not a JSON object/],
    ['no object', ['[]'], /line 1: not a JSON object/],
    ['no instant', [resource('Patient', 'a', 'yesterday')], /line 1: its meta.lastUpdated is not an instant/],
  ])('%s', async (_name, lines, message) => {
    await expect(serving({ Patient: lines }, {}, async () => 'started')).rejects.toThrow(message);
  });

  test('a file named after no type', async () => {
    await expect(serving({ Nonsense: [good] }, {}, async () => 'started')).rejects.toThrow(
      /Nonsense\.ndjson is not named after a resource type/,
    );
  });
});

describe('real samples', () => {
  const shared = new URL('../../../../shared/samples/', import.meta.url);
  const versions = [
    ['synthea-r4', '4.0.1'],
    ['synthea-stu3', '3.0.2'],
  ] as const;

  test.each(versions)('%s is served whole', async (folder, fhirVersion) => {
    if (!existsSync(shared)) {
      process.stdout.write('The shared samples are not here: nothing to serve\n');
      return;
    }
    const directory = new URL(`${folder}/`, shared);
    const { startSource } = await import('../../../local/source/source.js');
    const source = await startSource({ directory: directory.pathname, fhirVersion });
    try {
      for (const file of readdirSync(directory)) {
        const type = file.replace('.ndjson', '');
        const lines = readFileSync(new URL(file, directory), 'utf8')
          .split('\n')
          .filter((line) => line !== '');
        const expected = lines.map((line) => /"id":"([^"]+)"/.exec(line)?.[1]);
        const found = await allIds(`${source.url}/${type}?_count=200&_sort=_lastUpdated`);
        expect(found, type).toHaveLength(expected.length);
        expect(new Set(found), type).toEqual(new Set(expected));
        const page = await ask(`${source.url}/${type}?_count=1`);
        expect(link(page, 'self')).toBe(`${source.url}/${type}?_count=1`);
        expect(page.body.total).toBe(lines.length);
      }
    } finally {
      await source.close();
    }
  });
});
