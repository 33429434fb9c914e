import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { PROJECT_ROOT } from '../../../../local/paths.js';
import { CANARY, EXPORT_BEHAVIOURS, type ExportBehaviour } from '../../../../local/source/bulk/behaviours.js';
import type { SourceOptions } from '../../../../local/source/settings.js';
import type { RunningSource } from '../../../../local/source/source.js';
import { ask, resource, serving } from '../support.js';
import { accepted, exported, finished, keysOf, kickOff, linesOf, raw, type Manifest } from './support.js';

const TIME = '2024-02-01T00:00:00.000Z';
const PATIENTS = Array.from({ length: 25 }, (_, index) => resource('Patient', `p${index}`, TIME));
const FILES = {
  Patient: PATIENTS,
  Observation: ['final', 'amended'].map((status) =>
    resource('Observation', status, TIME, `,"status":"${status}","subject":{"reference":"Patient/p1"}`),
  ),
  Group: [resource('Group', 'g', TIME, ',"member":[{"entity":{"reference":"Patient/p1"}}]')],
};
const KEYS = ['Group/g', 'Observation/amended', 'Observation/final', ...keys('Patient', 25)].sort();

function keys(type: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${type}/p${index}`);
}

/** A source with behaviours. */
function having(
  behaviours: readonly ExportBehaviour[],
  run: (source: RunningSource) => Promise<void>,
  options: Partial<SourceOptions> = {},
): Promise<void> {
  return serving(FILES, { behaviours, ...options, bulk: { linesPerFile: 10, ...options.bulk } }, run);
}

async function statusOf(url: string, headers?: Record<string, string>, parameters?: object[]) {
  return (await kickOff(url, headers, parameters)).status;
}

/** A parameter that is not supported: refused, or ignored under `handling=lenient` and reported. */
async function unsupported(
  behaviour: ExportBehaviour,
  parameter: { name: string; valueString?: string; valueInstant?: string; valueReference?: object },
  everything: readonly string[] = keys('Patient', 25).sort(),
): Promise<void> {
  await having([behaviour], async ({ url }) => {
    const path = `${url}/Patient/$export?${parameter.name === '_type' ? '' : '_type=Patient'}`;
    expect(await statusOf(path, {}, [parameter])).toBe(400);
    expect(await statusOf(path, { Prefer: 'respond-async, handling=strict' }, [parameter])).toBe(400);
    const lenient = { Prefer: 'respond-async, handling=lenient' };
    const { manifest } = await finished(await accepted(kickOff(path, lenient, [parameter])));
    expect(await keysOf(manifest)).toEqual(everything);
    expect((await linesOf(manifest.error![0]!))[0]).toContain(parameter.name);
  });
}

/** Polls that answer 202, and how the export ends. */
async function polled(behaviours: readonly ExportBehaviour[], options?: Partial<SourceOptions>) {
  let result: Awaited<ReturnType<typeof finished>> | undefined;
  await having(
    behaviours,
    async ({ url }) => {
      result = await finished(await accepted(kickOff(`${url}/$export`)));
    },
    options,
  );
  return result!;
}

async function ofSource(
  behaviours: readonly ExportBehaviour[],
  check: (manifest: Manifest, source: RunningSource) => Promise<void> | void,
  path = '$export',
): Promise<void> {
  await having(behaviours, async (source) => check(await exported(source, path), source));
}

async function linesOfPatients(manifest: Manifest): Promise<string[][]> {
  return Promise.all(manifest.output.filter(({ type }) => type === 'Patient').map(linesOf));
}

const isJson = (line: string): boolean => {
  try {
    return typeof JSON.parse(line) === 'object';
  } catch {
    return false;
  }
};

/** Each behaviour, and what shows that a source has it. */
const SHOWN: Record<ExportBehaviour, () => Promise<void>> = {
  'search-refused': () =>
    having(['search-refused'], async (source) => {
      const { url } = source;
      expect((await ask(`${url}/Patient`)).status).toBe(403);
      expect((await ask(`${url}/Patient/_history`)).status).toBe(403);
      expect((await ask(`${url}/Patient/_search`, { method: 'POST' })).status).toBe(403);
      expect((await ask(`${url}/Group/g`)).status).toBe(200);
      expect(await keysOf(await exported(source, '$export'))).toEqual(KEYS);
    }),
  'export-not-listed': async () => {
    const listed = async (behaviours: ExportBehaviour[]) => {
      let text = '';
      await having(behaviours, async ({ url }) => {
        ({ text } = await ask(`${url}/metadata`));
      });
      return text.match(/OperationDefinition\/[a-z-]+/g)?.sort();
    };
    expect(await listed([])).toEqual(
      ['export', 'group-export', 'patient-export'].map((name) => `OperationDefinition/${name}`),
    );
    expect(await listed(['export-not-listed'])).toBeUndefined();
  },
  'export-absent': () => levels(['export-absent'], [404, 404, 404]),
  'export-no-system': () => levels(['export-no-system'], [404, 202, 202]),
  'export-no-system-405': () => levels(['export-no-system-405'], [405, 202, 202]),
  'export-no-system-501': () => levels(['export-no-system-501'], [501, 202, 202]),
  'export-group-only': () => levels(['export-group-only'], [404, 404, 202]),
  'export-get-only': () =>
    having(['export-get-only'], async ({ url }) => {
      expect([await statusOf(`${url}/$export`), await statusOf(`${url}/$export`, {}, [])]).toEqual([
        202, 405,
      ]);
    }),
  'export-post-only': () =>
    having(['export-post-only'], async ({ url }) => {
      expect([await statusOf(`${url}/$export`), await statusOf(`${url}/$export`, {}, [])]).toEqual([
        405, 202,
      ]);
    }),
  'export-one-job': () =>
    having(['export-one-job'], async (source) => {
      const status = await accepted(kickOff(`${source.url}/$export`));
      const refused = await kickOff(`${source.url}/$export`);
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
      await finished(status);
      expect(await statusOf(`${source.url}/$export`)).toBe(202);
      await fetch(status.replace(/[^/]+$/, source.exports[1]!), { method: 'DELETE' });
      expect(await statusOf(`${source.url}/$export`)).toBe(202);
    }),
  'export-no-type': () => unsupported('export-no-type', { name: '_type', valueString: 'Patient' }, KEYS),
  'export-no-since': () =>
    unsupported('export-no-since', { name: '_since', valueInstant: '2024-03-01T00:00:00Z' }),
  'export-no-until': () => unsupported('export-no-until', { name: '_until', valueInstant: TIME }),
  'export-no-type-filter': () =>
    unsupported('export-no-type-filter', { name: '_typeFilter', valueString: 'Patient?active=true' }),
  'export-no-elements': () => unsupported('export-no-elements', { name: '_elements', valueString: 'id' }),
  'export-no-patient': () =>
    unsupported('export-no-patient', { name: 'patient', valueReference: { reference: 'Patient/p1' } }),
  'export-one-filter': () =>
    having(['export-one-filter'], async ({ url }) => {
      const filter = (status: string) => `_typeFilter=Observation%3Fstatus%3D${status}`;
      const path = `${url}/$export?_type=Observation&${filter('final')}`;
      expect(await statusOf(path)).toBe(202);
      expect(await statusOf(`${path}&${filter('amended')}`)).toBe(400);
      expect(await statusOf(`${path}&_typeFilter=Patient%3Factive%3Dtrue`)).toBe(202);
    }),
  'export-ignores': () => ignoring('export-ignores', 400),
  'export-ignores-strict': () => ignoring('export-ignores-strict', 202),
  'export-since-exclusive': () =>
    ofSource(
      ['export-since-exclusive'],
      async (manifest, source) => {
        expect(manifest.output).toEqual([]);
        const earlier = await exported(source, '$export?_since=2024-01-31T23:59:59.999Z');
        expect(await keysOf(earlier)).toEqual(KEYS);
      },
      `$export?_since=${TIME}`,
    ),
  'export-relative-status': () =>
    having(['export-relative-status'], async ({ url }) => {
      const kicked = await kickOff(`${url}/Patient/$export`);
      expect(kicked.headers.get('content-location')).toMatch(/^\/fhir\/export-status\/[^/]+$/);
      expect((await finished(await accepted(kicked))).status).toBe(200);
    }),
  'export-status-query': () =>
    having(['export-status-query', 'export-relative-files', 'export-relative-status'], async (source) => {
      const kicked = await kickOff(`${source.url}/$export`);
      const [id] = source.exports;
      expect(kicked.headers.get('content-location')).toBe(`/fhir/$export-poll-status?_jobId=${id}`);
      const status = await accepted(kicked);
      const { manifest } = await finished(status);
      expect(await linesOf({ url: new URL(manifest.output[0]!.url, status).href })).toEqual(FILES.Group);
      expect((await fetch(status.replace(/\?.*/, ''))).status).toBe(404);
      expect((await fetch(status, { method: 'DELETE' })).status).toBe(202);
      expect(source.exports).toEqual([]);
    }),
  'export-delete-404': () =>
    having(['export-delete-404'], async ({ url }) => {
      const [running, done] = [
        await accepted(kickOff(`${url}/$export`)),
        await accepted(kickOff(`${url}/$export`)),
      ];
      await finished(done);
      const deleted = async (status: string) => (await fetch(status, { method: 'DELETE' })).status;
      expect([await deleted(running), await deleted(done)]).toEqual([202, 404]);
    }),
  'export-retry-date': async () => {
    const { polls } = await polled(['export-retry-date'], { bulk: { retryAfterSeconds: 30 } });
    const header = polls[0]!.headers.get('retry-after')!;
    expect(header).toMatch(/^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/);
    expect(Date.parse(header) - Date.parse(polls[0]!.headers.get('date')!)).toBe(30_000);
  },
  'export-retry-absent': async () => {
    const { polls } = await polled(['export-retry-absent']);
    expect([polls[0]!.status, polls[0]!.headers.get('retry-after')]).toEqual([202, null]);
  },
  'export-no-progress': async () => {
    const { polls } = await polled(['export-no-progress']);
    expect([polls[0]!.status, polls[0]!.headers.get('x-progress')]).toEqual([202, null]);
  },
  'export-progress-canary': async () => {
    const { polls } = await polled(['export-progress-canary']);
    const progress = polls[0]!.headers.get('x-progress')!;
    expect(progress).toContain(CANARY);
    expect(progress.length).toBeLessThan(100);
  },
  'export-pages': () =>
    ofSource(['export-pages', 'export-error-file', 'export-relative-files'], async (first) => {
      const pages = await pagesFrom(first);
      expect(pages.map(({ output }) => output.length)).toEqual([2, 2, 1]);
      expect(pages.map(({ link }) => link?.map(({ relation }) => relation))).toEqual([
        ['next'],
        ['next'],
        undefined,
      ]);
      // All fields are the same but `output`, `deleted` and `link` (3.0, "link").
      const rest = (page: Manifest) => ({
        ...page,
        output: [],
        deleted: [],
        link: [],
        error: page.error!.map(({ url }) => url.replace(/^.*export-files/, '')),
      });
      expect(new Set(pages.map((page) => JSON.stringify(rest(page)))).size).toBe(1);
      expect(pages[1]!.output[0]!.url).toMatch(/^\.\.\/\.\.\/export-files\//);
    }),
  'export-partial': () =>
    having(
      ['export-partial'],
      async ({ url }) => {
        const status = await accepted(kickOff(`${url}/$export?allowPartialManifests=true`));
        const seen: [number, number, boolean][] = [];
        let done: Manifest | undefined;
        for (let poll = 0; poll < 5; poll++) {
          const reply = await raw(status);
          if (reply.text === '') {
            seen.push([reply.status, 0, false]);
            continue;
          }
          expect(reply.headers['content-type']).toBe('application/json');
          done = JSON.parse(reply.text) as Manifest;
          // Files of a partial manifest are ready.
          expect(await linesOf(done.output[0]!)).toHaveLength(1);
          seen.push([reply.status, done.output.length, done.link !== undefined]);
        }
        expect(seen).toEqual([
          [202, 0, false],
          [202, 2, false],
          [202, 2, true],
          [202, 2, true],
          [200, 2, true],
        ]);
        expect((await pagesFrom(done!)).flatMap(({ output }) => output)).toHaveLength(5);
        const plain = await finished(await accepted(kickOff(`${url}/$export`)));
        expect(plain.manifest.output).toHaveLength(5);
      },
      { bulk: { polls: 4 } },
    ),
  'export-stu4': () =>
    ofSource(['export-stu4', 'export-error-file'], (manifest) => {
      expect(Object.keys(manifest)).toEqual([
        'manifestType',
        'transactionTime',
        'outputFormat',
        'requiresAccessToken',
        'output',
        'deleted',
        'outcome',
      ]);
      expect(manifest.outcome).toHaveLength(1);
    }),
  'export-manifest-grows': () =>
    having(['export-manifest-grows'], async ({ url }) => {
      const status = await accepted(kickOff(`${url}/$export`));
      const [first, second, third] = [await finished(status), await finished(status), await finished(status)];
      const counts = [first, second, third].map(({ manifest }) => manifest.output.length);
      expect(counts).toEqual([4, 5, 5]);
    }),
  'export-manifest-changes': () =>
    having(['export-manifest-changes'], async ({ url }) => {
      const status = await accepted(kickOff(`${url}/$export`));
      const [first, second] = [await finished(status), await finished(status)];
      const [before, after] = [first, second].map(({ manifest }) => manifest.output.map((file) => file.url));
      expect(new Set([...before!, ...after!]).size).toBe(10);
      expect(first.manifest.output.map(({ type }) => type)).toEqual(
        second.manifest.output.map(({ type }) => type).toReversed(),
      );
      expect(await keysOf(first.manifest)).toEqual(KEYS);
      expect(await keysOf(second.manifest)).toEqual(KEYS);
    }),
  'export-wrong-counts': () =>
    ofSource(['export-wrong-counts'], async ({ output }) => {
      expect(output[0]!.count).toBe((await linesOf(output[0]!)).length + 1);
    }),
  'export-no-counts': () =>
    ofSource(['export-no-counts'], ({ output }) => {
      expect(Object.keys(output[0]!)).toEqual(['type', 'url']);
    }),
  'export-mixed-order': () =>
    ofSource(['export-mixed-order'], async (manifest) => {
      const types = ['Group', 'Observation', 'Patient', 'Patient', 'Patient'];
      expect(manifest.output.map(({ type }) => type)).toEqual(types);
      const small = { bulk: { linesPerFile: 1 } };
      await having(
        ['export-mixed-order'],
        async (source) => {
          const { output } = await exported(source, '$export');
          expect(output.slice(0, 5).map(({ type }) => type)).toEqual([
            'Group',
            'Observation',
            'Patient',
            'Observation',
            'Patient',
          ]);
        },
        small,
      );
    }),
  'export-no-deleted': () =>
    ofSource(['export-no-deleted'], (manifest) => {
      expect(Object.keys(manifest)).not.toContain('deleted');
    }),
  'export-bare-manifest': () =>
    ofSource(['export-bare-manifest'], (manifest) => {
      expect(Object.keys(manifest)).toEqual(['transactionTime', 'output']);
    }),
  'export-no-output': () =>
    ofSource(['export-no-output'], async (manifest, source) => {
      expect(manifest.output).toHaveLength(5);
      expect(await exported(source, '$export?_type=Device')).not.toHaveProperty('output');
    }),
  'export-checksums': () =>
    ofSource(['export-checksums'], async ({ output }) => {
      const { body } = await raw(output[0]!.url);
      const digest = createHash('sha256').update(body).digest('hex');
      expect(output[0]).toMatchObject({
        extension: [
          { url: 'https://dpc.cms.gov/checksum', valueString: `sha256:${digest}` },
          { url: 'https://dpc.cms.gov/file_length', valueDecimal: body.length },
        ],
      });
    }),
  'export-error-file': () =>
    ofSource(['export-error-file'], async ({ error }) => {
      const lines = await linesOf(error![0]!);
      const outcomes = lines.map((line) => JSON.parse(line) as { issue: { severity: string }[] });
      expect(outcomes.map(({ issue }) => issue[0]!.severity)).toEqual(['error', 'information']);
      expect(lines.every((line) => line.includes(CANARY))).toBe(true);
    }),
  'export-relative-files': () =>
    having(['export-relative-files'], async ({ url }) => {
      const status = await accepted(kickOff(`${url}/$export`));
      const { manifest } = await finished(status);
      const [file] = manifest.output;
      expect(file!.url).toMatch(/^\.\.\/export-files\//);
      expect(await linesOf({ url: new URL(file!.url, status).href })).toEqual(FILES.Group);
    }),
  'export-signed-files': () =>
    having(['export-signed-files'], async ({ url }) => {
      const headers = { Authorization: 'Bearer t' };
      const { manifest } = await finished(await accepted(kickOff(`${url}/$export`, headers)), headers);
      expect(manifest.requiresAccessToken).toBe(false);
      const file = new URL(manifest.output[0]!.url);
      expect(file.origin).not.toBe(new URL(url).origin);
      expect(await linesOf(manifest.output[0]!)).toEqual(FILES.Group);
      expect((await raw(file.href, headers)).status).toBe(400);
      expect((await raw(file.href.replace(/sig=.*/, 'sig=0'))).status).toBe(403);
      expect((await raw(`${url}${file.pathname.replace('/fhir', '')}`, headers)).status).toBe(404);
    }),
  'export-redirected-files': async () => {
    const headers = { Authorization: 'Bearer t' };
    const redirected = async ({ url }: RunningSource): Promise<string> => {
      const { manifest } = await finished(await accepted(kickOff(`${url}/$export`, headers)), headers);
      expect([manifest.requiresAccessToken, manifest.output[0]!.url.startsWith(url)]).toEqual([true, true]);
      expect((await raw(manifest.output[0]!.url)).status).toBe(401);
      const redirect = await raw(manifest.output[0]!.url, headers);
      expect(redirect.status).toBe(307);
      expect(new URL(redirect.headers.location!).origin).not.toBe(new URL(url).origin);
      return redirect.headers.location!;
    };
    await having(['export-redirected-files'], async (source) => {
      const location = await redirected(source);
      expect(await linesOf({ url: location })).toEqual(FILES.Group);
      expect((await raw(location, headers)).status).toBe(400);
      expect((await raw(new URL('/fhir/Patient', location).href)).status).toBe(404);
    });
    const expired = { bulk: { urlsLiveMs: -1 } };
    await having(
      ['export-redirected-files'],
      async (source) => expect((await raw(await redirected(source))).status).toBe(403),
      expired,
    );
  },
  'export-binary-files': () =>
    ofSource(['export-binary-files'], async ({ output }) => {
      const wrapped = await raw(output[0]!.url, { Accept: 'application/fhir+json, */*' });
      const data = Buffer.from(`${FILES.Group[0]}\n`).toString('base64');
      expect(JSON.parse(wrapped.text)).toEqual({
        resourceType: 'Binary',
        contentType: 'application/fhir+ndjson',
        data,
      });
      const plain = await raw(output[0]!.url, { Accept: 'application/fhir+ndjson' });
      expect(plain.text).toBe(`${FILES.Group[0]}\n`);
    }),
  'export-strict-accept': () =>
    ofSource(['export-strict-accept'], async ({ output }) => {
      const status = async (accept: string) => (await raw(output[0]!.url, { Accept: accept })).status;
      expect(await status('application/fhir+json')).toBe(406);
      expect(await status('application/fhir+ndjson')).toBe(200);
      expect(await status('*/*')).toBe(200);
    }),
  'export-no-ranges': () =>
    ofSource(['export-no-ranges'], async ({ output }) => {
      const reply = await raw(output[0]!.url, { Range: 'bytes=0-3' });
      expect([reply.status, reply.headers['accept-ranges']]).toEqual([200, undefined]);
      expect(reply.text).toBe(`${FILES.Group[0]}\n`);
    }),
  'export-no-etag': () =>
    ofSource(['export-no-etag'], async ({ output }) => {
      const { status, headers } = await raw(output[0]!.url, { Range: 'bytes=0-3' });
      expect([status, headers.etag]).toEqual([206, undefined]);
    }),
  'export-forced-gzip': () =>
    ofSource(['export-forced-gzip'], async ({ output }) => {
      const { headers, body } = await raw(output[0]!.url, { 'Accept-Encoding': 'identity' });
      expect(headers['content-encoding']).toBe('gzip');
      expect(gunzipSync(body).toString()).toBe(`${FILES.Group[0]}\n`);
    }),
  'export-empty-files': () =>
    ofSource(['export-empty-files'], async (manifest) => {
      expect(manifest.output.map(({ type, count }) => [type, count])).toEqual([
        ['Group', 0],
        ['Group', 1],
        ['Observation', 0],
        ['Observation', 2],
        ['Patient', 0],
        ['Patient', 10],
        ['Patient', 10],
        ['Patient', 5],
      ]);
      const { status, body, headers } = await raw(manifest.output[0]!.url);
      expect([status, body.length, headers['content-length']]).toEqual([200, 0, '0']);
      expect(await keysOf(manifest)).toEqual(KEYS);
    }),
  'export-repeated-lines': () =>
    ofSource(['export-repeated-lines'], async (manifest) => {
      const files = await linesOfPatients(manifest);
      expect(files.map((lines) => lines.length)).toEqual([10, 10, 6]);
      expect(files[2]![5]).toBe(files[0]![0]);
    }),
  'export-duplicate-lines': () =>
    ofSource(['export-duplicate-lines'], async (manifest) => {
      const files = await linesOfPatients(manifest);
      expect(files.map((lines) => lines.length)).toEqual([11, 11, 6]);
      expect(files[1]!.slice(0, 3)).toEqual([PATIENTS[10], PATIENTS[10], PATIENTS[11]]);
      expect(manifest.output.at(-1)!.count).toBe(6);
    }),
  'export-older-lines': () =>
    having(
      ['export-older-lines'],
      async (source) => {
        const [lines] = await linesOfPatients(await exported(source, '$export'));
        expect(lines).toHaveLength(28);
        const [first, second] = lines!.map((line) => JSON.parse(line) as object);
        expect(first).toMatchObject({
          id: 'p0',
          meta: { versionId: '0', lastUpdated: '2024-01-31T00:00:00.000Z' },
          language: 'x-older',
        });
        expect(second).toEqual(JSON.parse(PATIENTS[0]!));
        // Of the next one the older version is behind.
        expect(lines![11]).toBe(PATIENTS[10]);
        expect(JSON.parse(lines![12]!)).toMatchObject({ id: 'p10', language: 'x-older' });
      },
      { bulk: { linesPerFile: 100 } },
    ),
  'export-changed-lines': () =>
    ofSource(['export-changed-lines'], async (manifest) => {
      const [lines] = await linesOfPatients(manifest);
      const [first, second] = lines!.map((line) => JSON.parse(line) as object);
      expect(first).toEqual({ ...second, language: 'x-earlier' });
      expect(second).toEqual(JSON.parse(PATIENTS[0]!));
    }),
  'export-line-no-json': () =>
    ofSource(['export-line-no-json'], async (manifest) => {
      const [lines] = await linesOfPatients(manifest);
      expect(lines!.findIndex((line) => !isJson(line))).toBe(5);
      expect([lines!.length, lines![5]]).toEqual([11, expect.stringContaining(CANARY)]);
    }),
  'export-line-other-type': () =>
    ofSource(['export-line-other-type'], async (manifest) => {
      const [lines] = await linesOfPatients(manifest);
      expect(JSON.parse(lines![5]!)).toMatchObject({ resourceType: 'Basic' });
      expect(lines!.filter((line) => line.includes('"Patient"'))).toEqual(PATIENTS.slice(0, 10));
    }),
  'export-line-cut': () =>
    ofSource(['export-line-cut'], async (manifest) => {
      const file = manifest.output.find(({ type }) => type === 'Patient')!;
      const { text, headers } = await raw(file.url);
      const whole = PATIENTS.slice(0, 10)
        .map((line) => `${line}\n`)
        .join('');
      expect(text).toBe(whole.slice(0, -10));
      expect(headers['content-length']).toBe(String(text.length));
    }),
};

async function levels(behaviours: readonly ExportBehaviour[], expected: readonly number[]): Promise<void> {
  await having(behaviours, async ({ url }) => {
    const paths = ['$export', 'Patient/$export', 'Group/g/$export'];
    expect(await Promise.all(paths.map((path) => statusOf(`${url}/${path}`)))).toEqual(expected);
  });
}

async function ignoring(behaviour: ExportBehaviour, strict: number): Promise<void> {
  await having([behaviour, 'export-no-since'], async ({ url }) => {
    const path = `${url}/$export?_since=2024-03-01T00:00:00Z`;
    const { manifest } = await finished(await accepted(kickOff(path)));
    expect([await keysOf(manifest), manifest.error]).toEqual([KEYS, []]);
    expect(await statusOf(path, { Prefer: 'respond-async, handling=strict' })).toBe(strict);
  });
}

async function pagesFrom(first: Manifest): Promise<Manifest[]> {
  const pages = [first];
  for (let next = first.link?.[0]?.url; next !== undefined; next = pages.at(-1)!.link?.[0]?.url) {
    pages.push(JSON.parse((await raw(next)).text) as Manifest);
  }
  return pages;
}

describe('a source with the behaviour', () => {
  test.each(Object.keys(EXPORT_BEHAVIOURS) as ExportBehaviour[])('%s has it', async (name) => {
    await SHOWN[name]();
  });

  test('times-hidden exports no meta.lastUpdated, but of Patients', async () => {
    await serving(FILES, { behaviours: ['times-hidden'] }, async (source) => {
      const lines = (await Promise.all((await exported(source, '$export')).output.map(linesOf))).flat();
      expect(lines.filter((line) => line.includes('lastUpdated'))).toEqual(PATIENTS);
    });
  });
});

test.each(Object.entries(EXPORT_BEHAVIOURS))(
  '%s is described in docs/local-stack.md as in the code',
  (name, text) => {
    const page = readFileSync(join(PROJECT_ROOT, 'docs', 'local-stack.md'), 'utf8');
    const row = page.split('\n').find((line) => line.startsWith(`| \`${name}\``));
    expect(row?.split('|')[2]?.trim()).toBe(text);
  },
);
