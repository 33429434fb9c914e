import { describe, expect, test } from 'vitest';
import type { SourceRequest } from '../../../local/source/settings.js';
import { ask, ids, resource, serving } from './support.js';

const FILES = { Patient: [resource('Patient', 'a', '2024-01-01T00:00:00Z', ',"x":1.0')] };

describe('changes', () => {
  test('are visible at once, with the time of the source', async () => {
    await serving(FILES, { clockOffsetMs: 86_400_000 }, async (source) => {
      const before = Date.now() + 86_400_000;
      source.update(
        'Patient',
        'a',
        '{"resourceType":"Patient","id":"a","meta":{"lastUpdated":"x"},"x":2.50}',
      );
      source.insert('Patient', 'b', '{"resourceType":"Patient","id":"b"}');
      source.insert('Device', 'd', '{"resourceType":"Device","id":"d"}');
      const { text } = await ask(`${source.url}/Patient/a`);
      const time = /"lastUpdated":"([^"]+)"/.exec(text)?.[1] ?? '';
      expect(text).toBe(`{"resourceType":"Patient","id":"a","meta":{"lastUpdated":"${time}"},"x":2.50}`);
      expect(Date.parse(time)).toBeGreaterThanOrEqual(before);
      expect(ids(await ask(`${source.url}/Patient?_sort=_lastUpdated`))).toEqual(['a', 'b']);
      expect(ids(await ask(`${source.url}/Patient?_lastUpdated=lt${time}`))).toEqual([]);
      expect(ids(await ask(`${source.url}/Device`))).toEqual(['d']);
    });
  });

  test('of references are found by them', async () => {
    await serving(
      { Observation: [resource('Observation', 'o', undefined, ',"subject":{"reference":"Patient/a"}')] },
      {},
      async (source) => {
        expect(ids(await ask(`${source.url}/Observation?patient=a`))).toEqual(['o']);
        source.update(
          'Observation',
          'o',
          resource('Observation', 'o', undefined, ',"subject":{"reference":"Patient/b"}'),
        );
        expect(ids(await ask(`${source.url}/Observation?patient=a`))).toEqual([]);
        expect(ids(await ask(`${source.url}/Observation?patient=b`))).toEqual(['o']);
      },
    );
  });

  test('are in the history, newest first, page by page', async () => {
    await serving(FILES, {}, async (source) => {
      source.insert('Patient', 'b', resource('Patient', 'b', undefined, ',"x":1.0'));
      expect((await ask(`${source.url}/Patient/a`, { method: 'DELETE' })).status).toBe(200);
      expect((await ask(`${source.url}/Patient/a`)).status).toBe(410);
      source.update('Patient', 'b', resource('Patient', 'b'));
      const reported: string[] = [];
      let next: string | undefined = `${source.url}/Patient/_history?_count=2`;
      for (let pages = 0; next !== undefined; pages++) {
        const { status, body, text } = await ask(next);
        expect([status, text.includes('"type":"history"')]).toEqual([200, true]);
        for (const entry of body.entry as unknown as Array<{ request: { method: string; url: string } }>)
          reported.push(`${entry.request.method} ${entry.request.url}`);
        next = body.link.find(({ relation }) => relation === 'next')?.url;
        // What is changed meanwhile moves nothing.
        if (pages === 0) source.delete('Patient', 'b');
      }
      expect(reported).toEqual(['PUT Patient/b', 'DELETE Patient/a', 'PUT Patient/b']);
      const later = new Date(Date.now() + 60_000).toISOString();
      expect(ids(await ask(`${source.url}/Patient/_history?_since=${later}`))).toEqual([]);
    });
    await serving(FILES, { unsupported: ['_history'] }, async (source) => {
      expect((await ask(`${source.url}/metadata`)).text).not.toContain('history-type');
      expect((await ask(`${source.url}/Patient/_history`)).status).toBe(404);
    });
  });

  test('deletions answer 410, and the id can come back', async () => {
    await serving(FILES, {}, async (source) => {
      source.delete('Patient', 'a');
      expect((await ask(`${source.url}/Patient/a`)).status).toBe(410);
      expect((await ask(`${source.url}/Patient?_summary=count`)).body.total).toBe(0);
      source.insert('Patient', 'a', resource('Patient', 'a'));
      expect((await ask(`${source.url}/Patient/a`)).status).toBe(200);
      expect((await ask(`${source.url}/Patient?_summary=count`)).body.total).toBe(1);
    });
  });

  test('that make no sense are refused', async () => {
    await serving(FILES, {}, async (source) => {
      expect(() => source.insert('Patient', 'a', resource('Patient', 'a'))).toThrow(
        'Patient/a is there already',
      );
      expect(() => source.update('Patient', 'b', resource('Patient', 'b'))).toThrow('There is no Patient/b');
      expect(() => source.delete('Patient', 'b')).toThrow('There is no Patient/b');
      expect(() => source.insert('Patient', 'b', resource('Patient', 'c'))).toThrow(
        'the text has another id',
      );
      expect(() => source.insert('Patient', 'b', resource('Device', 'b'))).toThrow(
        'its resourceType is not Patient',
      );
      expect(() => source.insert('Nonsense', 'b', '{}')).toThrow('Nonsense is not a resource type');
      expect(ids(await ask(`${source.url}/Patient`))).toEqual(['a']);
    });
  });
});

test('the Date header is of the source clock', async () => {
  await serving(FILES, { clockOffsetMs: -7_200_000 }, async ({ url }) => {
    const { headers } = await ask(`${url}/Patient`);
    const behind = Date.now() - Date.parse(headers.get('date') ?? '');
    expect(behind).toBeGreaterThanOrEqual(7_200_000);
    expect(behind).toBeLessThan(7_210_000);
  });
});

test('bodies are compressed only if the source is to, and the client can', async () => {
  for (const [gzip, accept, encoding] of [
    [true, 'gzip', 'gzip'],
    [true, 'identity', null],
    [false, 'gzip', null],
  ] as const) {
    await serving(FILES, { gzip }, async ({ url }) => {
      const reply = await ask(`${url}/Patient`, { headers: { 'Accept-Encoding': accept } });
      expect(reply.headers.get('content-encoding')).toBe(encoding);
      expect(ids(reply)).toEqual(['a']);
    });
  }
});

test('the CapabilityStatement says what is there', async () => {
  await serving(FILES, { unsupported: ['_lastUpdated'], fhirVersion: '3.0.2' }, async ({ url }) => {
    const { text } = await ask(`${url}/metadata`);
    expect(JSON.parse(text)).toMatchObject({
      resourceType: 'CapabilityStatement',
      fhirVersion: '3.0.2',
      rest: [
        {
          mode: 'server',
          resource: [
            {
              type: 'Patient',
              interaction: ['read', 'search-type', 'delete', 'history-type'].map((code) => ({ code })),
              searchParam: [
                { name: '_id', type: 'token' },
                { name: 'link', type: 'reference' },
                { name: 'general-practitioner', type: 'reference' },
                { name: 'organization', type: 'reference' },
                { name: 'gender', type: 'token' },
                { name: 'active', type: 'token' },
              ],
            },
          ],
        },
      ],
    });
  });
});

test('requests are reported with their parameters', async () => {
  const requests: SourceRequest[] = [];
  await serving(FILES, { onRequest: (request) => requests.push(request) }, async ({ url }) => {
    await ask(`${url}/Patient?_count=1&_sort=_id`, { headers: { Authorization: 'Bearer x' } });
    await ask(`${url}/Patient/_search?_count=2`, {
      method: 'POST',
      body: new URLSearchParams({ _id: 'a,b' }),
    });
    await ask(`${url}/Patient/a`);
  });
  expect(requests.map(({ method, path, query }) => `${method} ${path} ${query}`)).toEqual([
    'GET Patient _count=1&_sort=_id',
    'POST Patient/_search _count=2&_id=a%2Cb',
    'GET Patient/a ',
  ]);
  expect(requests[0]?.headers['authorization']).toBe('Bearer x');
});
