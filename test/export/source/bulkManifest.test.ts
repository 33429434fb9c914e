import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExportError } from '../../../functions/common/errors.js';
import {
  joinPages,
  manifestContent,
  readManifestPage,
} from '../../../functions/export/source/bulkManifest.js';
import { randomly } from '../../random.js';

const URL_OF_STATUS = 'https://ehr.example/fhir/export-status/1/2';
const AT = '2025-01-01T00:00:00Z';
const MANIFEST = { transactionTime: AT, requiresAccessToken: true, output: [] };

const read = (page: object): ReturnType<typeof readManifestPage> =>
  readManifestPage(Buffer.from(JSON.stringify(page)), URL_OF_STATUS);

describe('a manifest of the source', () => {
  it.each<[string, object, object]>([
    ['the least that there is', {}, { requiresAccessToken: true, output: [], deleted: [], error: [] }],
    ['no token, by name alone', { requiresAccessToken: false }, { requiresAccessToken: false }],
    ['a token, unless it says otherwise', { requiresAccessToken: 'false' }, { requiresAccessToken: true }],
    [
      'errors of the ballot of STU 4',
      { outcome: [{ url: 'a' }], error: [{ url: 'b' }] },
      { error: [{}, {}] },
    ],
    [
      'relative URLs',
      { output: [{ type: 'Patient', url: '../../files/0.ndjson', count: 3 }] },
      { output: [{ type: 'Patient', url: 'https://ehr.example/fhir/files/0.ndjson', count: 3 }] },
    ],
    ['a path', { output: [{ url: '/f' }] }, { output: [{ url: 'https://ehr.example/f' }] }],
    [
      'URLs of another host',
      { output: [{ url: 'https://files.example/f?sig=s' }] },
      { output: [{ url: 'https://files.example/f?sig=s' }] },
    ],
    [
      'a next page',
      { link: [{ relation: 'next', url: '3' }] },
      { next: 'https://ehr.example/fhir/export-status/1/3' },
    ],
    ['another link', { link: [{ relation: 'self', url: '3' }] }, { next: undefined }],
    ['members that it does not know', { outputOrganizedBy: '', extension: [{}], JobID: 4 }, { output: [] }],
  ])('may have %s', (_, page, expected) => expect(read({ ...MANIFEST, ...page })).toMatchObject(expected));

  it.each([-1, 1.5, '4', 1e30, null, true])('has no count where that is %j', (count) => {
    expect(read({ ...MANIFEST, output: [{ url: 'f', count }] }).output).toEqual([
      { url: 'https://ehr.example/fhir/export-status/1/f' },
    ]);
  });

  it.each<[string, string, RegExp]>([
    ['text', 'Zacharias', /manifest is not JSON\./],
    ['nothing', '', /manifest is not JSON\./],
    ['a list', '[]', /is not a JSON object/],
    ['no time', '{"output":[]}', /no transactionTime that is an instant/],
    ['a day', '{"transactionTime":"2025-01-01","output":[]}', /no transactionTime that is an instant/],
    ['no output', JSON.stringify({ ...MANIFEST, output: undefined }), /has no output/],
    ['a file without URL', JSON.stringify({ ...MANIFEST, output: [{}] }), /without a URL by http or https/],
    ['a file as data', JSON.stringify({ ...MANIFEST, output: [{ url: 'data:,x' }] }), /by http or https/],
    [
      'a file within another URL',
      JSON.stringify({ ...MANIFEST, output: [{ url: 'blob:https://ehr.example/x' }] }),
      /by http or https/,
    ],
    [
      'a page elsewhere',
      JSON.stringify({ ...MANIFEST, link: [{ relation: 'next', url: 'ftp://a' }] }),
      /by http/,
    ],
  ])('is refused where it is or has %s', (_, text, words) => {
    expect(() => readManifestPage(Buffer.from(text), URL_OF_STATUS)).toThrow(
      expect.objectContaining({ code: 'source-not-fhir', message: expect.stringMatching(words) as string }),
    );
  });

  it('is one of all its pages', () => {
    const [one, two] = [
      read({ ...MANIFEST, output: [{ url: 'a' }] }),
      read({ ...MANIFEST, output: [{ url: 'b' }] }),
    ];
    expect(joinPages([one, two]).output.map(({ url }) => url.at(-1))).toEqual(['a', 'b']);
  });

  it.each([{ transactionTime: '2025-01-02T00:00:00Z' }, { requiresAccessToken: false }])(
    'is refused where a page has %j of its own',
    (change) => {
      expect(() => joinPages([read(MANIFEST), read({ ...MANIFEST, ...change })])).toThrow(/different values/);
    },
  );

  it.each<[string, object[], object[], boolean]>([
    ['signatures', [{ url: 'a?sig=1' }], [{ url: 'a?sig=2' }], true],
    ['order', [{ url: 'a' }, { url: 'b' }], [{ url: 'b' }, { url: 'a' }], true],
    ['a file', [{ url: 'a' }], [{ url: 'a' }, { url: 'b' }], false],
    ['a count', [{ url: 'a', count: 1 }], [{ url: 'a', count: 2 }], false],
    ['a type', [{ url: 'a', type: 'Patient' }], [{ url: 'a', type: 'Group' }], false],
  ])('of which two readings differ in %s', (_, output, other, isSame) => {
    const [one, two] = [read({ ...MANIFEST, output }), read({ ...MANIFEST, output: other })];
    expect(manifestContent(one) === manifestContent(two)).toBe(isSame);
  });

  it('that is hostile is read or refused, and never quoted', () => {
    const url = fc.oneof(
      fc.webUrl(),
      fc.string(),
      fc.constantFrom('blob:https://ehr.example/x', '//other/x', '', '%'),
    );
    const entry = fc.oneof(
      fc.record({ type: fc.jsonValue(), url: fc.oneof(url, fc.jsonValue()), count: fc.jsonValue() }),
      fc.jsonValue(),
    );
    const files = fc.oneof(fc.array(entry, { maxLength: 4 }), fc.jsonValue());
    const link = fc.oneof(
      fc.array(fc.record({ relation: fc.constant('next'), url: fc.oneof(url, fc.jsonValue()) })),
      files,
    );
    const page = fc.record(
      {
        transactionTime: fc.oneof(fc.constant(AT), fc.jsonValue()),
        requiresAccessToken: fc.jsonValue(),
        output: files,
        deleted: files,
        error: files,
        outcome: files,
        link,
      },
      { requiredKeys: [] },
    );
    const body = fc.oneof(
      page.map((value) => Buffer.from(JSON.stringify(value))),
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(body, (bytes) => {
        try {
          const { output, deleted, error, next } = readManifestPage(bytes, URL_OF_STATUS);
          const urls = [...output, ...deleted, ...error].map((file) => file.url);
          for (const one of next === undefined ? urls : [...urls, next]) expect(one).toMatch(/^https?:\/\//);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(ExportError);
          expect((thrown as ExportError).message).toMatch(
            /^The source's own export answered that it is complete/,
          );
        }
      }),
      randomly(1000),
    );
  });
});
