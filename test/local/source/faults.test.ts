import { describe, expect, test } from 'vitest';
import { createFaultPlan, parseFaults, type Fault } from '../../../local/source/faults.js';
import { allIds, ask, ids, link, resource, serving, type Reply } from './support.js';

const people = Array.from({ length: 10 }, (_, index) => resource('Patient', `p${index}`));
const FILES = { Patient: people, Device: [resource('Device', 'd', undefined, ',"x":"{}"')] };

async function first(fault: Fault, query = '_count=4'): Promise<Reply> {
  return serving(FILES, { faults: [fault] }, ({ url }) => ask(`${url}/Patient?${query}`));
}

describe('answers', () => {
  test.each([429, 503, 500])('a status: %i', async (status) => {
    const reply = await first({ kind: 'status', status, retryAfterSeconds: 3 });
    expect(reply.status).toBe(status);
    expect(reply.headers.get('retry-after')).toBe('3');
    expect(reply.body.resourceType).toBe('OperationOutcome');
  });

  test('Retry-After as a date of the source clock', async () => {
    const fault: Fault = { kind: 'status', status: 503, retryAfterSeconds: 30, retryAfterForm: 'date' };
    const { headers } = await first(fault);
    const wait = Date.parse(headers.get('retry-after') ?? '') - Date.parse(headers.get('date') ?? '');
    expect(wait).toBe(30_000);
  });

  test('a body that is cut', async () => {
    await expect(first({ kind: 'cut' })).rejects.toThrow();
  });

  test('a delay', async () => {
    const started = performance.now();
    await first({ kind: 'delay', milliseconds: 120 });
    expect(performance.now() - started).toBeGreaterThanOrEqual(115);
  });

  test('a login page with status 200', async () => {
    const reply = await first({ kind: 'html' });
    expect([reply.status, reply.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(reply.text).toMatch(/^<!DOCTYPE html>/);
  });

  test('JSON that ends too early', async () => {
    const { status, text } = await first({ kind: 'invalidJson' });
    expect(status).toBe(200);
    expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError);
  });
});

describe('pages', () => {
  test.each<[Fault, number]>([
    [{ kind: 'shortPage', fraction: 0.5 }, 2],
    [{ kind: 'shortPage', fraction: 0.01 }, 1],
    [{ kind: 'emptyPage', every: 2 }, 4],
  ])('%o: fewer than asked for, and all are there in the end', async (fault, size) => {
    await serving(FILES, { faults: [fault] }, async ({ url }) => {
      const reply = await ask(`${url}/Patient?_count=4`);
      expect(ids(reply)).toHaveLength(size);
      expect(link(reply, 'next')).toBeDefined();
    });
    await serving(FILES, { faults: [fault] }, async ({ url }) => {
      expect(await allIds(`${url}/Patient?_count=4`)).toEqual(people.map((_, index) => `p${index}`));
    });
  });

  test('an empty first page continues at the beginning', async () => {
    await serving(FILES, { faults: [{ kind: 'emptyPage', times: 1 }] }, async ({ url }) => {
      const reply = await ask(`${url}/Patient?_count=4`);
      expect(reply.body.entry).toBeUndefined();
      expect(await allIds(link(reply, 'next') ?? '')).toHaveLength(10);
    });
  });

  test.each([400, 413, 500] as const)('a _count above the bound is %i', async (status) => {
    const fault: Fault = { kind: 'countLimit', max: 4, status };
    expect((await first(fault, '_count=5')).status).toBe(status);
    expect((await first(fault, '_count=4')).status).toBe(200);
    expect((await first(fault, '')).status).toBe(200);
  });

  test('a next link to another origin', async () => {
    const reply = await first({ kind: 'foreignNext', origin: 'http://elsewhere.example.org' });
    expect(link(reply, 'next')).toMatch(
      /^http:\/\/elsewhere\.example\.org\/fhir\/Patient\?_count=4&_cursor=/,
    );
    expect(link(reply, 'self')).toMatch(/^http:\/\/127\.0\.0\.1/);
  });

  test('duplicates', async () => {
    expect(ids(await first({ kind: 'duplicates', entries: 2 }))).toEqual([
      'p0',
      'p1',
      'p2',
      'p3',
      'p0',
      'p1',
    ]);
  });

  test('an entry that is an OperationOutcome', async () => {
    const entries = (await first({ kind: 'outcomeEntry' })).body.entry ?? [];
    expect(entries.map((entry) => `${entry.search.mode} ${entry.resource.resourceType}`)).toEqual([
      ...Array<string>(4).fill('match Patient'),
      'outcome OperationOutcome',
    ]);
  });

  test('an entry of another type', async () => {
    const reply = await first({ kind: 'includeEntry', includedType: 'Device' });
    expect(reply.body.entry?.at(-1)).toMatchObject({
      fullUrl: expect.stringMatching(/\/fhir\/Device\/d$/) as unknown,
      resource: { resourceType: 'Device', id: 'd', x: '{}' },
      search: { mode: 'include' },
    });
  });
});

/** For each request 1 if the fault happens, else 0. */
function happenings(fault: Fault, types: string[], seed = 1): string {
  const plan = createFaultPlan([fault], seed);
  return types.map((type) => plan.next(type).length).join('');
}

describe('a plan', () => {
  const ten = Array<string>(10).fill('Patient');

  test.each<[string, Fault, string]>([
    ['always', { kind: 'cut' }, '1111111111'],
    ['every third', { kind: 'cut', every: 3 }, '0010010010'],
    ['twice', { kind: 'cut', times: 2 }, '1100000000'],
    ['every second, once', { kind: 'cut', every: 2, times: 1 }, '0100000000'],
    ['for another type', { kind: 'cut', type: 'Device' }, '0000000000'],
    ['never', { kind: 'cut', probability: 0 }, '0000000000'],
  ])('%s', (_name, fault, expected) => {
    expect(happenings(fault, ten)).toBe(expected);
  });

  test('with a probability keeps to it, and to its seed', () => {
    const many = Array<string>(2000).fill('Patient');
    const fault: Fault = { kind: 'cut', probability: 0.25 };
    const count = happenings(fault, many).replaceAll('0', '').length;
    expect(count).toBeGreaterThan(400);
    expect(count).toBeLessThan(600);
    expect(happenings(fault, many)).toBe(happenings(fault, many));
    expect(happenings(fault, many, 2)).not.toBe(happenings(fault, many));
  });

  test('can be replaced while the source runs', async () => {
    await serving(FILES, {}, async (source) => {
      source.setFaults([{ kind: 'status', status: 503 }]);
      expect((await ask(`${source.url}/Patient`)).status).toBe(503);
      source.setFaults([]);
      expect((await ask(`${source.url}/Patient`)).status).toBe(200);
    });
  });

  test('is read from JSON, and a fault that is none is named', () => {
    expect(parseFaults('[{"kind":"cut","every":3}]')).toEqual([{ kind: 'cut', every: 3 }]);
    expect(() => parseFaults('[{"kind":"cut"},{"kind":"cu"}]')).toThrow(
      'fault 1 has no kind out of status, cut',
    );
    expect(() => parseFaults('{}')).toThrow('must be a JSON array');
  });
});
