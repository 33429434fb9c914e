import { describe, expect, test } from 'vitest';
import { allIds, ask, ids, link, type Reply, resource, serving } from './support.js';

const observation = (id: string, day: string, rest: string) =>
  resource('Observation', id, `2024-01-${day}T00:00:00.000Z`, rest);
const subject = (id: string) => `,"subject":{"reference":"Patient/${id}"}`;

const FILES = {
  Patient: [
    resource('Patient', 'b', '2024-01-03T00:00:00.000Z'),
    resource('Patient', 'a', '2024-01-01T12:00:00.500Z'),
    resource('Patient', 'd', '2024-01-01T12:00:00.500Z'),
    resource('Patient', 'c', '2024-01-02T07:30:00+02:00'),
  ],
  Observation: [
    observation(
      'o1',
      '01',
      `,"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"1-8"}]}${subject('a')}`,
    ),
    observation(
      'o2',
      '02',
      `,"status":"amended","code":{"coding":[{"code":"1-8"}]},"subject":{"reference":"http://x.org/fhir/Patient/a/_history/2"}`,
    ),
    observation(
      'o3',
      '03',
      `,"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"2-6"}]}${subject('b')}`,
    ),
    observation('o4', '04', ',"status":"final","subject":{"reference":"Group/a"}'),
  ],
  Appointment: [
    resource(
      'Appointment',
      'm1',
      undefined,
      ',"participant":[{"status":"accepted"},{"actor":{"reference":"Patient/a"}}]',
    ),
    resource('Appointment', 'm2', undefined, ',"participant":[{"actor":{"reference":"Location/a"}}]'),
  ],
};

describe('a search finds and orders', () => {
  test.each([
    ['Patient', 'b a d c'],
    ['Patient?_sort=_lastUpdated', 'a d c b'],
    ['Patient?_sort=-_lastUpdated', 'b c a d'],
    ['Patient?_sort=_id', 'a b c d'],
    ['Patient?_sort=-_id', 'd c b a'],
    ['Patient?_sort=_lastUpdated,-_id', 'd a c b'],
    ['Patient?_id=a', 'a'],
    ['Patient?_id=d,a,unknown&_sort=_id', 'a d'],
    ['Patient?_id=d,a&_id=a,b', 'a'],
    ['Patient?_lastUpdated=ge2024-01-02T05:30:00Z', 'b c'],
    ['Patient?_lastUpdated=gt2024-01-02T05:30:00Z', 'b'],
    ['Patient?_lastUpdated=le2024-01-01&_sort=_lastUpdated', 'a d'],
    ['Patient?_lastUpdated=lt2024-01-01', ''],
    ['Patient?_lastUpdated=2024-01-01', 'a d'],
    ['Patient?_lastUpdated=eq2024-01', 'b a d c'],
    ['Patient?_lastUpdated=eq2024-01-01T12:00:00.500Z', 'a d'],
    ['Patient?_lastUpdated=eq2024-01-01T12:00:00.501Z', ''],
    ['Patient?_lastUpdated=gt2024-01-01T12:00:00Z', 'b c'],
    ['Patient?_lastUpdated=gt2024-01-01T12:00:00.500Z&_lastUpdated=lt2024-01-03', 'c'],
    ['Patient?_lastUpdated=ge2024-01-02&_sort=-_lastUpdated', 'b c'],
    ['Patient?_lastUpdated=ge2024-01-02T07:30:00%2B02:00&_sort=_lastUpdated', 'c b'],
    ['Observation?patient=a', 'o1 o2'],
    ['Observation?patient=Patient/a,Patient/b&_sort=-_lastUpdated', 'o3 o2 o1'],
    ['Observation?subject=a', 'o1 o2 o4'],
    ['Observation?subject=Group/a', 'o4'],
    ['Observation?subject=Patient/a&status=final', 'o1'],
    ['Observation?status=final&_lastUpdated=ge2024-01-03', 'o3 o4'],
    ['Observation?code=1-8', 'o1 o2'],
    ['Observation?code=http://loinc.org|1-8,http://loinc.org|2-6', 'o1 o3'],
    ['Appointment?patient=a', 'm1'],
    ['Appointment?actor=Location/a', 'm2'],
    ['Device', ''],
  ])('%s → %s', async (search, expected) => {
    await serving(FILES, {}, async ({ url }) => {
      const reply = await ask(`${url}/${search}`);
      expect(reply.status).toBe(200);
      expect(ids(reply).join(' ')).toBe(expected);
      expect(reply.body.total).toBe(expected === '' ? 0 : expected.split(' ').length);
    });
  });

  test('the same when its parameters are posted, and beside them in the URL', async () => {
    await serving(FILES, {}, async ({ url }) => {
      const reply = await ask(`${url}/Patient/_search?_sort=_id`, {
        method: 'POST',
        body: new URLSearchParams({ _id: 'd,a' }),
      });
      expect(ids(reply)).toEqual(['a', 'd']);
    });
  });

  test.each(['_summary=count', '_count=0'])('only the number with %s', async (parameter) => {
    await serving(FILES, {}, async ({ url }) => {
      const { body } = await ask(`${url}/Patient?_lastUpdated=ge2024-01-02&${parameter}`);
      expect(body).toEqual({
        resourceType: 'Bundle',
        type: 'searchset',
        total: 2,
        link: [{ relation: 'self', url: `${url}/Patient?_lastUpdated=ge2024-01-02&${parameter}` }],
      });
    });
  });
});

describe('pages', () => {
  const lines = Array.from({ length: 10 }, (_, index) =>
    resource('Patient', `p${index}`, `2024-01-0${1 + (index % 3)}T00:00:00Z`),
  );
  const files = { Patient: lines };
  const everyone = lines.map((_, index) => `p${index}`);

  test.each(['', '_sort=_lastUpdated', '_sort=-_lastUpdated', '_sort=_id', '_sort=_lastUpdated,_id'])(
    'hold every resource once: %s',
    async (sort) => {
      for (const paging of ['cursor', 'offset'] as const) {
        await serving(files, { paging }, async ({ url }) => {
          const found = await allIds(`${url}/Patient?_count=3&${sort}`);
          expect([...found].sort(), paging).toEqual(everyone);
        });
      }
    },
  );

  test.each([
    ['', 100],
    ['_count=7', 7],
    ['_count=5000', 20],
  ])('are as large as asked for, up to the limit: %s', async (parameter, size) => {
    const many = { Patient: Array.from({ length: 150 }, (_, index) => resource('Patient', `p${index}`)) };
    await serving(many, { maxCount: size === 100 ? 1000 : 20 }, async ({ url }) => {
      expect(ids(await ask(`${url}/Patient?${parameter}`))).toHaveLength(size);
    });
  });

  test('say what was honoured, and nothing else', async () => {
    await serving(files, { maxCount: 4 }, async ({ url }) => {
      const reply = await ask(
        `${url}/Patient?_count=50&made-up=1&_sort=_lastUpdated,birthdate&_summary=text`,
      );
      expect(link(reply, 'self')).toBe(`${url}/Patient?_count=4&_sort=_lastUpdated`);
      const second = await ask(link(reply, 'next') ?? '');
      expect(link(second, 'self')).toBe(`${url}/Patient?_count=4&_sort=_lastUpdated`);
    });
  });

  test('behind a cursor are the same whatever changes: nothing is lost', async () => {
    for (const sort of ['', '_sort=_lastUpdated', '_sort=_id']) {
      await serving(files, {}, async (source) => {
        const found = await allIds(`${source.url}/Patient?_count=3&${sort}`, (page) => {
          if (page === 1) source.update('Patient', 'p0', resource('Patient', 'p0'));
          if (page === 2) source.delete('Patient', 'p3');
        });
        const lost = everyone.filter((id) => !found.includes(id) && id !== 'p3');
        expect(lost, sort).toEqual([]);
      });
    }
  });

  test('by offset lose a resource when one before it is changed, as real servers do', async () => {
    await serving(files, { paging: 'offset' }, async (source) => {
      const found = await allIds(`${source.url}/Patient?_count=3`, (page) => {
        if (page === 1) source.update('Patient', 'p0', resource('Patient', 'p0'));
      });
      expect(found).toEqual(['p0', 'p1', 'p2', 'p4', 'p5', 'p6', 'p7', 'p8', 'p9', 'p0']);
    });
  });

  test.each([
    ['of another search', 400, (next: string) => next.replace('_count=3', '_count=3&_sort=_id')],
    ['that is damaged', 400, (next: string) => next.replace(/_cursor=.*/, '_cursor=AAAA')],
    ['of before the cursors were given up', 410, (next: string) => next],
  ])('%s are refused with %i', async (_name, status, change) => {
    await serving(files, {}, async (source) => {
      const next = link(await ask(`${source.url}/Patient?_count=3`), 'next') ?? '';
      if (status === 410) source.expireCursors();
      const reply = await ask(change(next));
      expect(reply.status).toBe(status);
      expect(reply.body.issue?.[0]?.code).toBe(status === 410 ? 'expired' : 'invalid');
    });
  });

  test('have next links that expire', async () => {
    await serving(files, { cursorLifetimeMs: -1 }, async ({ url }) => {
      const next = link(await ask(`${url}/Patient?_count=3`), 'next') ?? '';
      expect((await ask(next)).status).toBe(410);
    });
  });
});

describe('parameters that the source does not know', () => {
  test.each([
    ['made-up=1', {}],
    ['birthdate=2000', {}],
    ['_sort=birthdate', {}],
    ['_summary=text', {}],
    ['_id:missing=true', {}],
    ['_sort=_lastUpdated', { unsupported: ['_sort'] }],
    ['_lastUpdated=ge2024', { unsupported: ['_lastUpdated'] }],
    ['_summary=count', { unsupported: ['_summary'] }],
  ])('%s is ignored leniently and refused strictly', async (parameter, options) => {
    await serving(FILES, options, async ({ url }) => {
      const lenient = await ask(`${url}/Patient?${parameter}`, { headers: { Prefer: 'handling=lenient' } });
      expect(ids(lenient)).toEqual(['b', 'a', 'd', 'c']);
      expect(link(lenient, 'self')).toBe(`${url}/Patient`);
      const strict = await ask(`${url}/Patient?${parameter}`, {
        headers: { Prefer: 'return=minimal, handling=strict' },
      });
      expect(strict.status).toBe(400);
      expect(strict.body.resourceType).toBe('OperationOutcome');
    });
  });
});

describe('errors are OperationOutcomes', () => {
  test.each<[string, string, number, string, RequestInit?]>([
    ['GET', 'Nonsense', 404, 'not-found'],
    ['GET', 'Patient/unknown', 404, 'not-found'],
    ['GET', 'Patient/a/_history', 404, 'not-supported'],
    ['GET', '', 404, 'not-found'],
    ['GET', '../elsewhere', 404, 'not-found'],
    ['GET', 'Patient?_count=many', 400, 'invalid'],
    ['GET', 'Patient?_lastUpdated=yesterday', 400, 'invalid'],
    ['GET', 'Patient?_lastUpdated=ge2024-02-30', 400, 'invalid'],
    ['GET', 'Patient?_format=xml', 406, 'not-supported'],
    ['DELETE', 'Patient/unknown', 404, 'not-found'],
    ['PUT', 'Patient/a', 405, 'not-supported'],
    ['GET', 'Patient/_history?_since=yesterday', 400, 'invalid'],
    ['POST', 'Patient/_history', 405, 'not-supported'],
    ['GET', 'Patient/_search', 405, 'not-supported'],
    ['POST', 'Patient', 405, 'not-supported'],
    [
      'POST',
      'Patient/_search',
      415,
      'not-supported',
      { body: '{}', headers: { 'Content-Type': 'application/json' } },
    ],
    ['POST', 'Patient/_search', 413, 'too-costly', { body: 'x'.repeat(2 ** 20 + 1) }],
  ])('%s %s is %i', async (method, path, status, code, init) => {
    await serving(FILES, {}, async ({ url }) => {
      const reply = await ask(`${url}/${path}`, { method, ...init });
      expect(reply.status).toBe(status);
      expect(reply.headers.get('content-type')).toBe('application/fhir+json; charset=utf-8');
      expect(reply.body.issue?.[0]?.code).toBe(code);
    });
  });
});

describe('_revinclude=Provenance:target', () => {
  const target = (...references: string[]): string =>
    `,"target":[${references.map((reference) => `{"reference":"${reference}"}`).join(',')}]`;
  const files = {
    ...FILES,
    Provenance: [
      resource('Provenance', 'v1', undefined, target('Patient/a', 'Patient/b')),
      resource('Provenance', 'v2', undefined, target('Observation/o1', 'Patient/c')),
      resource('Provenance', 'v3', undefined, target('Patient/a/_history/1')),
    ],
  };
  const entriesOf = (reply: Reply): string =>
    (reply.body.entry ?? []).map(({ resource: { id }, search }) => `${id} ${search.mode}`).join(', ');

  test.each([
    ['Patient?_id=a', 'a match'],
    ['Patient?_id=a&_revinclude=Provenance:target', 'a match, v1 include, v3 include'],
    ['Patient?_id=a,b&_sort=_id&_revinclude=Provenance:target', 'a match, b match, v1 include, v3 include'],
    ['Patient?_sort=_id&_count=1&_revinclude=Provenance:target', 'a match, v1 include, v3 include'],
    ['Patient?_id=d&_revinclude=Provenance:target', 'd match'],
    ['Observation?_id=o1&_revinclude=Provenance:target', 'o1 match, v2 include'],
    ['Patient?_id=a&_summary=count&_revinclude=Provenance:target', ''],
  ])('%s gives: %s', async (search, entries) => {
    await serving(files, {}, async ({ url }) => {
      const reply = await ask(`${url}/${search}`);
      expect(entriesOf(reply)).toBe(entries);
      expect(link(reply, 'self')?.includes('_revinclude')).toBe(search.includes('_revinclude'));
    });
  });

  test('is refused in another form, or where the source does not know it', async () => {
    const strict = { headers: { Prefer: 'handling=strict' } };
    await serving(files, {}, async ({ url }) => {
      expect((await ask(`${url}/Patient?_revinclude=Observation:subject`, strict)).status).toBe(400);
    });
    await serving(files, { unsupported: ['_revinclude'] }, async ({ url }) => {
      expect((await ask(`${url}/Patient?_revinclude=Provenance:target`, strict)).status).toBe(400);
      expect((await ask(`${url}/metadata`)).text).not.toContain('searchRevInclude');
    });
  });
});
