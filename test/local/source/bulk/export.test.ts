import { describe, expect, test } from 'vitest';
import { ask, resource, serving } from '../support.js';
import { accepted, exported, finished, keysOf, kickOff, linesOf, raw } from './support.js';

const of = (id: string, time?: string, rest = '') =>
  resource(
    'Observation',
    `o-${id}-${time ?? 'none'}`,
    time,
    `,"subject":{"reference":"Patient/${id}"}${rest}`,
  );
const FILES = {
  Patient: ['a', 'b', 'c'].map((id) => resource('Patient', id, '2024-01-01T00:00:00Z')),
  Observation: [
    of('a', '2024-01-01T00:00:00Z', ',"status":"final"'),
    of('a', '2024-02-01T00:00:00Z', ',"status":"final","code":{"coding":[{"code":"1,2"}]}'),
    of('b', '2024-03-01T00:00:00Z', ',"status":"amended"'),
    // No lastUpdated: the source adds one.
    of('c', undefined, ',"text":"ä"'),
  ],
  Organization: [resource('Organization', 'x', '2024-01-01T00:00:00Z')],
  Group: [resource('Group', 'g', '2024-01-01T00:00:00Z', ',"member":[{"entity":{"reference":"Patient/a"}}]')],
};
const OBSERVATIONS = [
  'a-2024-01-01T00:00:00Z',
  'a-2024-02-01T00:00:00Z',
  'b-2024-03-01T00:00:00Z',
  'c-none',
].map((id) => `Observation/o-${id}`);

describe('an export', () => {
  test('is accepted, runs, and ends with a manifest of STU 2', async () => {
    await serving(FILES, { bulk: { polls: 2, retryAfterSeconds: 7 } }, async ({ url }) => {
      const kicked = await kickOff(`${url}/$export?_type=Patient`);
      expect(kicked.headers.get('content-location')).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/fhir\//);
      const { status, polls, manifest } = await finished(await accepted(kicked));
      expect(polls.map((poll) => poll.status)).toEqual([202, 202, 200]);
      expect(polls[0]!.headers.get('retry-after')).toBe('7');
      expect(polls.map((poll) => poll.headers.get('x-progress'))).toEqual([
        '33% complete',
        '66% complete',
        null,
      ]);
      expect([status, polls[2]!.headers.get('content-type')]).toEqual([200, 'application/json']);
      expect(Date.parse(polls[2]!.headers.get('expires')!)).toBeGreaterThan(Date.now());
      expect(manifest).toEqual({
        transactionTime: expect.stringMatching(/^\d{4}-.*Z$/) as string,
        request: `${url}/$export?_type=Patient`,
        requiresAccessToken: false,
        output: [{ type: 'Patient', url: expect.stringContaining(url) as string, count: 3 }],
        deleted: [],
        error: [],
      });
      expect(await linesOf(manifest.output[0]!)).toEqual(FILES.Patient);
    });
  });

  test('has all resources as the source serves them, in files of so many lines', async () => {
    await serving(FILES, { bulk: { linesPerFile: 3 } }, async (source) => {
      const manifest = await exported(source, '$export');
      expect(manifest.output.map(({ type, count }) => [type, count])).toEqual([
        ['Group', 1],
        ['Observation', 3],
        ['Observation', 1],
        ['Organization', 1],
        ['Patient', 3],
      ]);
      const [line] = await linesOf(manifest.output[2]!);
      expect(line).toBe((await ask(`${source.url}/Observation/o-c-none`)).text);
    });
  });

  test.each([
    ['$export?_type=Observation&_since=2024-02-01T00:00:00Z', OBSERVATIONS.slice(1, 3)],
    [
      '$export?_type=Observation&_since=2024-02-01T00:00:00Z&_until=2024-03-01T00:00:00Z',
      OBSERVATIONS.slice(1, 2),
    ],
    ['$export?_type=Observation,Group', [...OBSERVATIONS, 'Group/g'].sort()],
    ['$export?_type=Observation&_type=Group', [...OBSERVATIONS, 'Group/g'].sort()],
    ['$export?_type=Observation&_typeFilter=Observation%3Fstatus%3Dfinal', OBSERVATIONS.slice(0, 2)],
    [
      '$export?_type=Observation&_typeFilter=Observation%3Fstatus%3Damended,Observation%3Fstatus%3Dnone,final%26patient%3Da',
      OBSERVATIONS.slice(0, 3),
    ],
    ['Patient/$export', ['Group/g', ...OBSERVATIONS, 'Patient/a', 'Patient/b', 'Patient/c']],
    ['Group/g/$export', ['Group/g', ...OBSERVATIONS.slice(0, 2), 'Patient/a']],
  ])('%s', async (path, expected) => {
    await serving(FILES, {}, async (source) => {
      // The synthetic time of the Observation without one is not of interest here.
      const keys = await keysOf(await exported(source, path));
      const isBound = path.includes('_since');
      expect(keys.filter((key) => !isBound || key !== 'Observation/o-c-none')).toEqual(expected);
    });
  });

  test('below the system level has the Provenance of what is in the compartments', async () => {
    const about = (id: string, target: string) =>
      resource('Provenance', id, '2024-01-01T00:00:00Z', `,"target":[{"reference":"${target}"}]`);
    const provenance = [
      about('of-patient', 'Patient/a'),
      about('of-observation', OBSERVATIONS[0]!),
      about('of-other', OBSERVATIONS[2]!),
      about('of-organization', 'Organization/x'),
    ];
    await serving({ ...FILES, Provenance: provenance }, {}, async (source) => {
      const keysAt = async (path: string) => keysOf(await exported(source, `${path}?_type=Provenance`));
      expect(await keysAt('$export')).toHaveLength(4);
      expect(await keysAt('Patient/$export')).toEqual(
        ['of-observation', 'of-other', 'of-patient'].map((id) => `Provenance/${id}`),
      );
      expect(await keysAt('Group/g/$export')).toEqual(
        ['of-observation', 'of-patient'].map((id) => `Provenance/${id}`),
      );
    });
  });

  test('has only _elements, and a tag that says so', async () => {
    await serving(FILES, {}, async (source) => {
      const path = '$export?_type=Observation&_elements=status,Patient.name,Observation.code';
      const file = (await exported(source, path)).output[0]!;
      const lines = await linesOf(file);
      expect(JSON.parse(lines[1]!)).toEqual({
        resourceType: 'Observation',
        id: 'o-a-2024-02-01T00:00:00Z',
        meta: {
          lastUpdated: '2024-02-01T00:00:00Z',
          tag: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue', code: 'SUBSETTED' }],
        },
        status: 'final',
        code: { coding: [{ code: '1,2' }] },
      });
      const { headers } = await raw(file.url);
      expect(headers['content-length']).toBe(String(Buffer.byteLength(`${lines.join('\n')}\n`)));
      const [from, to] = [lines[0]!.length - 5, lines[0]!.length + 20];
      const part = await raw(file.url, { Range: `bytes=${from}-${to - 1}` });
      expect(part.text).toBe(lines.join('\n').slice(from, to));
    });
  });

  test('by POST has its parameters in a Parameters resource, patients among them', async () => {
    await serving(FILES, {}, async ({ url }) => {
      const parameters = [
        { name: '_type', valueString: 'Observation' },
        { name: 'patient', valueReference: { reference: 'Patient/a' } },
        { name: 'patient', valueReference: { reference: 'Patient/c' } },
        { name: '_since', valueInstant: '2000-01-01T00:00:00Z' },
      ];
      const status = await accepted(kickOff(`${url}/Patient/$export`, {}, parameters));
      const { manifest } = await finished(status);
      expect(await keysOf(manifest)).toEqual([...OBSERVATIONS.slice(0, 2), OBSERVATIONS[3]]);
    });
  });

  test.each([
    ['$export?_type=Nothing', 'not a resource type'],
    ['$export?_since=2024', 'not an instant'],
    ['$export?_outputFormat=csv', 'not NDJSON'],
    ['$export?_typeFilter=Observation%3F_sort%3D_id', '_sort is not allowed'],
    ['$export?_typeFilter=Observation%3Fnothing%3D1', 'nothing'],
    ['Patient/$export?patient=Patient/a', 'The parameter patient is not supported'],
    ['$export?unheard=1', 'The parameter unheard is not supported'],
  ])('is refused with an OperationOutcome: %s', async (path, words) => {
    await serving(FILES, {}, async ({ url }) => {
      const response = await kickOff(`${url}/${path}`);
      expect(response.status).toBe(400);
      const outcome = (await response.json()) as { issue: { diagnostics: string }[] };
      expect(outcome.issue[0]!.diagnostics).toContain(words);
    });
  });

  test('is refused without Prefer: respond-async, and of a group that is not there', async () => {
    await serving(FILES, {}, async ({ url }) => {
      expect((await kickOff(`${url}/$export`, { Prefer: 'handling=strict' })).status).toBe(400);
      expect((await kickOff(`${url}/Group/none/$export`)).status).toBe(404);
      expect((await fetch(`${url}/$export`, { method: 'PUT' })).status).toBe(405);
    });
  });

  test('reports parameters that it ignored under handling=lenient', async () => {
    await serving(FILES, {}, async ({ url }) => {
      const kicked = kickOff(`${url}/$export?unheard=1`, { Prefer: 'respond-async, handling=lenient' });
      const { manifest } = await finished(await accepted(kicked));
      expect(manifest.error).toMatchObject([{ type: 'OperationOutcome', count: 1 }]);
      expect((await linesOf(manifest.error![0]!))[0]).toContain('unheard');
    });
  });

  test('has what was deleted since _since in transaction Bundles', async () => {
    await serving(FILES, {}, async (source) => {
      source.delete('Patient', 'b');
      source.delete('Organization', 'x');
      source.insert('Organization', 'y', '{"resourceType":"Organization","id":"y"}');
      const deletedOf = async (path: string) => {
        const { deleted } = await exported(source, path);
        const lines = await Promise.all((deleted ?? []).map(linesOf));
        return lines.flat().map((line) => JSON.parse(line) as unknown);
      };
      const bundle = (url: string) => ({
        resourceType: 'Bundle',
        meta: { lastUpdated: expect.any(String) as string },
        type: 'transaction',
        entry: [{ request: { method: 'DELETE', url } }],
      });
      const since = '_since=2024-05-01T00:00:00Z';
      expect(await deletedOf('$export')).toEqual([]);
      expect(await deletedOf(`$export?${since}`)).toEqual([bundle('Organization/x'), bundle('Patient/b')]);
      expect(await deletedOf(`Patient/$export?${since}`)).toEqual([bundle('Patient/b')]);
      expect(await deletedOf(`Group/g/$export?${since}`)).toEqual([]);
    });
  });

  test('is of the moment of its kick-off', async () => {
    await serving(FILES, {}, async (source) => {
      const status = await accepted(kickOff(`${source.url}/$export?_type=Patient`));
      source.delete('Patient', 'a');
      source.update('Patient', 'b', resource('Patient', 'b', undefined, ',"active":true'));
      const { manifest } = await finished(status);
      expect(await linesOf(manifest.output[0]!)).toEqual(FILES.Patient);
    });
  });

  test('is gone after its deletion, and after a restart', async () => {
    await serving(FILES, {}, async (source) => {
      const first = await accepted(kickOff(`${source.url}/$export`));
      expect((await fetch(first, { method: 'DELETE' })).status).toBe(202);
      expect((await fetch(first)).status).toBe(404);
      expect((await fetch(first, { method: 'DELETE' })).status).toBe(404);
      const second = await accepted(kickOff(`${source.url}/$export`));
      const { manifest } = await finished(second);
      source.forgetExports();
      expect((await fetch(second)).status).toBe(404);
      expect((await fetch(manifest.output[0]!.url)).status).toBe(404);
    });
  });

  test('that was kicked off with a token needs one for status and files', async () => {
    await serving(FILES, {}, async ({ url }) => {
      const headers = { Authorization: 'Bearer t' };
      const status = await accepted(kickOff(`${url}/$export`, headers));
      expect((await fetch(status)).status).toBe(401);
      const { manifest } = await finished(status, headers);
      expect(manifest.requiresAccessToken).toBe(true);
      expect((await raw(manifest.output[0]!.url)).status).toBe(401);
      expect((await raw(manifest.output[0]!.url, headers)).status).toBe(200);
    });
  });
});

describe('a file', () => {
  const fileOf = (run: (url: string) => Promise<void>, gzip = false) =>
    serving(FILES, { gzip }, async (source) => {
      await run((await exported(source, '$export?_type=Patient')).output[0]!.url);
    });
  const whole = FILES.Patient.map((line) => `${line}\n`).join('');

  test('has a length, an ETag, and ranges', async () => {
    await fileOf(async (url) => {
      const { status, headers, text } = await raw(url);
      expect([status, text]).toEqual([200, whole]);
      expect(headers).toMatchObject({
        'content-type': 'application/fhir+ndjson',
        'content-length': String(whole.length),
        'accept-ranges': 'bytes',
        etag: expect.stringMatching(/^"[^"]+"$/) as string,
      });
      expect((await raw(url)).headers.etag).toBe(headers.etag);
    });
  });

  test.each([
    ['bytes=0-4', 0, 5],
    ['bytes=10-', 10, whole.length],
    ['bytes=-7', whole.length - 7, whole.length],
    ['bytes=20-99999', 20, whole.length],
  ])('gives %s', async (range, from, to) => {
    await fileOf(async (url) => {
      const reply = await raw(url, { Range: range });
      expect([reply.status, reply.text]).toEqual([206, whole.slice(from, to)]);
      expect(reply.headers['content-range']).toBe(`bytes ${from}-${to - 1}/${whole.length}`);
      expect(reply.headers['content-length']).toBe(String(to - from));
    });
  });

  test('honors If-Range and If-Match, and refuses a range that it does not have', async () => {
    await fileOf(async (url) => {
      const etag = String((await raw(url)).headers.etag);
      const status = async (headers: Record<string, string>) => (await raw(url, headers)).status;
      expect(await status({ Range: 'bytes=1-2', 'If-Range': etag })).toBe(206);
      expect(await status({ Range: 'bytes=1-2', 'If-Range': '"other"' })).toBe(200);
      expect(await status({ Range: 'bytes=1-2', 'If-Match': etag })).toBe(206);
      expect(await status({ Range: 'bytes=1-2', 'If-Match': '"other"' })).toBe(412);
      const beyond = await raw(url, { Range: `bytes=${whole.length}-` });
      expect([beyond.status, beyond.headers['content-range']]).toEqual([416, `bytes */${whole.length}`]);
    });
  });

  test('is compressed when asked, and then has no ranges', async () => {
    await fileOf(async (url) => {
      const reply = await fetch(url, { headers: { 'Accept-Encoding': 'gzip' } });
      expect(await reply.text()).toBe(whole);
      expect([reply.headers.get('content-encoding'), reply.headers.get('accept-ranges')]).toEqual([
        'gzip',
        null,
      ]);
      const range = await raw(url, { 'Accept-Encoding': 'gzip', Range: 'bytes=0-4' });
      expect([range.status, range.headers['content-encoding']]).toEqual([206, undefined]);
    }, true);
  });

  test('larger than a chunk is the same in ranges as in one', async () => {
    const lines = Array.from({ length: 3000 }, (_, index) => {
      const time = index % 2 === 0 ? '2024-01-01T00:00:00Z' : undefined;
      return resource('Device', `d${index}`, time, `,"x":"${'x'.repeat(index)}"`);
    });
    for (const some of [lines, lines.filter((_, index) => index % 2 === 0)]) {
      await serving({ Device: some }, {}, async (source) => {
        const { url } = (await exported(source, '$export')).output[0]!;
        const all = (await raw(url)).text;
        expect(all.split('\n')).toHaveLength(some.length + 1);
        const middle = all.length >> 1;
        for (const [from, to] of [
          [0, 10],
          [middle - 1_100_000, middle],
          [middle, all.length],
        ] as const) {
          const part = await raw(url, { Range: `bytes=${Math.max(0, from)}-${to - 1}` });
          expect(part.text).toBe(all.slice(Math.max(0, from), to));
        }
      });
    }
  });
});
