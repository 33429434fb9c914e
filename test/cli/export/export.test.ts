import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BulkServer, cutInHalf, QuickClock, REPORT_PAGE, SECRET, type Answer } from './bulkServer.js';
import { RANDOM_KEYS } from '../../../functions/export/output/manifest.js';
import { runExport } from './runExport.js';

const PATIENTS = 'Patient-0-0-a.ndjson';
const KEY = 'a-function-key';

let server: BulkServer;
let folder: string;
let clock: QuickClock;

beforeEach(async () => {
  server = await BulkServer.start();
  folder = mkdtempSync(join(tmpdir(), 'export-'));
  clock = new QuickClock();
});
afterEach(() => {
  server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const output = (): string => join(folder, 'out');
const saved = (name: string): string => readFileSync(join(output(), name), 'utf8');

const run = (
  options: readonly string[] = [],
  environment: Record<string, string> = {},
): Promise<{ code: number; out: string }> =>
  runExport(['--base', server.base, ...options], environment, clock);

const start = (
  options: readonly string[] = [],
  environment?: Record<string, string>,
): Promise<{ code: number; out: string }> => run(['--output', output(), ...options], environment);
const resume = (options: readonly string[] = []): Promise<{ code: number; out: string }> =>
  start(['--resume', server.statusUrl, ...options]);

function expectAllFiles(): void {
  for (const [name, { text }] of Object.entries(server.files)) expect(saved(name)).toBe(text);
  const names = readdirSync(output());
  expect(names.filter((name) => name.includes('partial'))).toEqual([]);
  expect(names).toEqual(expect.arrayContaining(['manifest.json', 'export.json']));
}

describe('an export', () => {
  it('is started, waited for, downloaded and checked; nothing of a resource is printed', async () => {
    server.polls = 3;
    const extension = { report: server.urlOf('report.json'), reportPage: server.urlOf('report.html') };
    server.manifestParts = { extension };
    const { code, out } = await start(['--type', 'Patient,Observation', '--since', '2026-01-01T00:00:00Z']);
    expect(out).toContain('The export is as its manifest and report say.');
    expect(code).toBe(0);
    expectAllFiles();
    expect(saved('report.json')).toBe(JSON.stringify(server.report()));
    expect(saved('report.html')).toBe(REPORT_PAGE);
    expect(saved('manifest.json')).not.toContain('sig=');
    expect(out).not.toContain(SECRET);
    expect(out).not.toContain('signature');
    expect(out).toContain('warning: the server reports 1 problems');
    expect(out).toContain('30%');
    // Retry-After of each poll.
    expect(clock.waits).toEqual([2000, 2000, 2000]);
    const [kickOff] = server.requests(/export/);
    expect(kickOff).toMatchObject({
      method: 'GET',
      url: '/fhir/$export?_type=Patient%2CObservation&_since=2026-01-01T00%3A00%3A00Z',
      headers: { accept: 'application/fhir+json', prefer: 'respond-async' },
    });
  });

  it.each<[string, string[], object]>([
    [
      'as the ballot of STU 4 has it',
      ['--post', '--type', 'Patient,Group'],
      {
        method: 'POST',
        url: '/fhir/$export',
        body: '{"resourceType":"Parameters","parameter":[{"name":"_type","valueString":"Patient"},{"name":"_type","valueString":"Group"}]}',
      },
    ],
    ['of patients', ['--level', 'patient'], { method: 'GET', url: '/fhir/Patient/$export' }],
    ['of a group', ['--level', 'group/a b'], { method: 'GET', url: '/fhir/Group/a%20b/$export' }],
    [
      'with parameters of this app',
      [
        '--config',
        'c.json',
        '--container',
        'research',
        '--raw',
        '--parameter',
        '_maxCount=7',
        '--lenient',
        '--prefer',
        'bulk-data-version=2.0.0',
      ],
      {
        url: '/fhir/$export?_container=research&_anonymizationConfig=c.json&_raw=true&_maxCount=7',
        headers: { prefer: 'respond-async, handling=lenient, bulk-data-version=2.0.0' },
      },
    ],
    [
      'with several filters',
      ['--type-filter', 'Observation?code=a,b', '--type-filter', 'Condition?code=c'],
      { url: '/fhir/$export?_typeFilter=Observation%3Fcode%3Da%2Cb&_typeFilter=Condition%3Fcode%3Dc' },
    ],
  ])('%s is asked for', async (_name, options, expected) => {
    await start(options);
    expect(server.requests(/export/)).toEqual([
      expect.objectContaining({
        ...expected,
        headers: expect.objectContaining((expected as { headers?: object }).headers ?? {}),
      }),
    ]);
  });

  it('of some patients, or with long parameters, is asked for by POST, so that no log of URLs has them', async () => {
    const patients = join(folder, 'patients.txt');
    writeFileSync(patients, 'Patient/1\r\n\nPatient/2\n');
    await start(['--level', 'patient', '--patients', patients, '--until', '2026-01-01T00:00:00Z']);
    rmSync(output(), { recursive: true });
    await start(['--type-filter', `Observation?code=${'x'.repeat(8000)}`]);
    const [few, long] = server.requests(/export/);
    expect(few).toMatchObject({ method: 'POST', url: '/fhir/Patient/$export' });
    expect(JSON.parse(few?.body ?? '')).toEqual({
      resourceType: 'Parameters',
      parameter: [
        { name: '_until', valueInstant: '2026-01-01T00:00:00Z' },
        { name: 'patient', valueReference: { reference: 'Patient/1' } },
        { name: 'patient', valueReference: { reference: 'Patient/2' } },
      ],
    });
    expect(long).toMatchObject({ method: 'POST', url: '/fhir/$export' });
  });
});

const once =
  (status: number, headers: Record<string, string> = {}, body = ''): Answer =>
  (_request, response, attempt) => {
    if (attempt > 1) return false;
    response.writeHead(status, headers).end(body);
    return true;
  };
const always =
  (status: number, body = ''): Answer =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/fhir+json' }).end(body);
    return true;
  };
const outcome = (diagnostics: string): string =>
  JSON.stringify({
    resourceType: 'OperationOutcome',
    issue: [{ severity: 'error', code: 'exception', diagnostics }],
  });

describe('a server that is busy', () => {
  it.each<[string, (answer: Answer) => void, Answer, number]>([
    [
      'the kick-off, in seconds',
      (answer) => (server.onKickOff = answer),
      once(429, { 'retry-after': '7' }),
      7000,
    ],
    [
      'the status, in seconds',
      (answer) => (server.onStatus = answer),
      once(429, { 'retry-after': '7' }),
      7000,
    ],
    [
      'the status, without an outcome',
      (answer) => (server.onStatus = answer),
      once(503, { 'retry-after': '9' }),
      9000,
    ],
    [
      'the status, by a date',
      (answer) => (server.onStatus = answer),
      once(503, { date: 'Sat, 31 Jan 2026 10:00:00 GMT', 'retry-after': 'Sat, 31 Jan 2026 10:00:20 GMT' }),
      20_000,
    ],
    ['a file', (answer) => (server.onFile = answer), once(503, { 'retry-after': '11' }), 11_000],
  ])('is waited for at %s', async (_name, place, answer, expected) => {
    place(answer);
    const { code } = await start();
    expect(code).toBe(0);
    expect(clock.waits).toContain(expected);
    expectAllFiles();
  });

  it('for half an hour leaves a line that continues', async () => {
    server.onStatus = always(503);
    const { code, out } = await start(['--parallel', '2']);
    expect(code).toBe(3);
    const sum = clock.waits.reduce((all, ms) => all + ms, 0);
    expect(sum).toBeGreaterThan(1_700_000);
    expect(sum).toBeLessThan(1_900_000);
    expect(out).toContain(
      `fhir-deid export --base ${server.base} --resume ${server.statusUrl} --output ${output()} --parallel 2`,
    );
    server.onStatus = () => false;
    expect(await resume()).toMatchObject({ code: 0 });
    expectAllFiles();
    expect(server.requests(/export$/)).toHaveLength(1);
  });
});

describe('a status that is separate from that of the request', () => {
  it('is waited for', async () => {
    server.onStatus = (_request, response, attempt) => {
      if (attempt > 2) return false;
      response.writeHead(200, { 'x-export-status': '202 Accepted', 'x-progress': `${attempt}0%` }).end();
      return true;
    };
    server.polls = 0;
    const { code, out } = await start(['--prefer', 'separate-export-status']);
    expect(code).toBe(0);
    expect(out).toContain('20%');
    expectAllFiles();
  });

  it('is read of a complete export, and of a header that is no status', async () => {
    for (const status of ['200 OK', 'complete']) {
      server.onStatus = (_request, response) => {
        response.writeHead(200, { 'x-export-status': status }).end(JSON.stringify(server.manifest()));
        return true;
      };
      expect(await start()).toMatchObject({ code: 0 });
      rmSync(output(), { recursive: true });
    }
  });

  it.each([401, 404, 429, 500, 503])('%d is that of an export that failed', async (status) => {
    server.onStatus = (_request, response) => {
      response.writeHead(200, { 'x-export-status': String(status) }).end(outcome('It broke.'));
      return true;
    };
    const { code, out } = await start();
    expect(out).toContain(`The export failed (${status}): It broke.`);
    expect(out).not.toContain('--resume');
    expect(code).toBe(1);
    expect(server.requests(/status/)).toHaveLength(1);
  });
});

describe('the folder', () => {
  it.each<[string, () => void, string[]]>([
    ['a kick-off that is refused', () => (server.onKickOff = always(400, outcome('No.'))), []],
    ['a status that is not there', () => (server.onStatus = always(404)), ['--resume', 'URL']],
    ['a status that is no manifest', () => (server.onStatus = always(200, '<html>')), ['--resume', 'URL']],
  ])('is not made by %s', async (_name, prepare, options) => {
    prepare();
    const { code } = await start(options.map((text) => (text === 'URL' ? server.statusUrl : text)));
    expect(code).not.toBe(0);
    expect(existsSync(output())).toBe(false);
  });

  it('may be read by its owner alone', async () => {
    expect(await start()).toMatchObject({ code: 0 });
    expect(statSync(output()).mode & 0o777).toBe(0o700);
  });

  it('that cannot be made is refused before an export is started', async () => {
    writeFileSync(join(folder, 'a-file'), '');
    const inFile = join(folder, 'a-file', 'out');
    await expect(run(['--output', inFile])).rejects.toThrow(/cannot be written to/);
    expect(server.seen).toEqual([]);
  });

  it('that is complete is not downloaded again, and it is said that it is complete', async () => {
    await start();
    const before = server.requests(/ndjson/).length;
    const { code, out } = await resume();
    expect(code).toBe(0);
    expect(out).toContain('4 of 4 files are there already');
    expect(out).not.toContain('0 of 4 files');
    expect(server.requests(/ndjson/)).toHaveLength(before);
  });
});

describe('what is said', () => {
  const RANDOM = `The configuration gives no cryptoHashKey, so ${RANDOM_KEYS}: it cannot be joined with any other.`;
  const accepted =
    (words: readonly string[]): Answer =>
    (_request, response) => {
      const issue = words.map((diagnostics) => ({
        severity: 'information',
        code: 'informational',
        diagnostics,
      }));
      response
        .writeHead(202, { 'content-location': server.statusUrl })
        .end(JSON.stringify({ resourceType: 'OperationOutcome', issue }));
      return true;
    };
  const withExtension = (extension: object): void => {
    server.manifestParts = { extension: { report: server.urlOf('report.json'), ...extension } };
  };

  it('at the kick-off is not said again at the end, and names no task of the client', async () => {
    const word = 'The export was accepted as job 1. Poll the URL in Content-Location for its status.';
    server.onKickOff = accepted([word, 'A note.']);
    withExtension({ notes: ['A note.', 'Another note.'] });
    const { out } = await start();
    expect(out).toContain('The export was accepted as job 1.');
    expect(out).not.toContain('Content-Location');
    expect(out.match(/A note\./g)).toHaveLength(1);
    expect(out).toContain('note: Another note.');
    // Of a new process, which has not said it.
    expect((await resume()).out).toContain('note: A note.');
  });

  it('of random keys proposes no --since', async () => {
    expect((await start()).out).toContain('(--since)');
    withExtension({ notes: [RANDOM] });
    expect((await resume()).out).not.toContain('--since');
  });

  it.each<[string, object, string[], boolean]>([
    ['an export that is not de-identified', { deidentified: false }, [], true],
    ['a raw export that was asked for', { deidentified: false }, ['--raw'], false],
    ['a raw export that was asked for by POST', { deidentified: false }, ['--raw', '--post'], false],
    ['an export that is de-identified', { deidentified: true }, [], false],
    ['an export of another server', {}, [], false],
  ])('of %s', async (_name, extension, options, isWarned) => {
    withExtension(extension);
    const { code, out } = await start(options);
    expect(code).toBe(0);
    const last = out.split('\n').at(-1) ?? '';
    expect(/^warning: .*may hold identities/.test(last)).toBe(isWarned);
    expect(out.includes('may hold identities')).toBe(isWarned);
  });

  it.each([400, 403, 404, 500])(
    'of a kick-off that is refused with %d is not that it waits',
    async (status) => {
      server.onKickOff = always(status, outcome('No.'));
      expect((await start()).out).not.toContain('waiting');
    },
  );

  it('of a kick-off that is asked for again is that it waits', async () => {
    server.onKickOff = once(429);
    expect((await start()).out).toContain('waiting, since the server has no place for another export (429)');
  });

  it('of a status elsewhere that cannot be reached is where it is, and until when it is asked', async () => {
    server.publicOrigin = 'http://127.0.0.1:9';
    const { code, out } = await start();
    expect(code).toBe(3);
    const words =
      /The status of the export is at http:\/\/127\.0\.0\.1:9, which is another server than that of --base\. .* until \d{4}-\d\d-\d\dT\d\d:\d\dZ\./g;
    expect(out.match(words)).toHaveLength(1);
    expect(existsSync(output())).toBe(false);
  });
});

describe('a server that refuses', () => {
  it.each<[string, () => void, number, RegExp]>([
    [
      'the kick-off',
      () => (server.onKickOff = always(400, outcome('_type names no type.\u001b[2J'))),
      1,
      /refused \(400\): _type names no type\.\?\[2J$/m,
    ],
    ['the kick-off, without a word', () => (server.onKickOff = always(500)), 1, /refused \(500\)\.$/m],
    ['to say where the status is', () => (server.onKickOff = always(202)), 1, /no URL of its status/],
    [
      'the export, in the end',
      () => (server.onStatus = always(500, outcome('It broke.'))),
      1,
      /failed \(500\): It broke\./,
    ],
    ['an export that it does not know', () => (server.onStatus = always(404)), 1, /failed \(404\)/],
    [
      'to let it in at the status',
      () => (server.onStatus = always(401)),
      3,
      /answered with 401: .*CALLER_AUTHENTICATION/,
    ],
    [
      'a file',
      () => (server.onFile = always(404)),
      3,
      /4 of 4 files are not complete:\n- .*: The file was answered with 404/,
    ],
    ['a manifest', () => (server.manifestParts = { output: 'none' }), 3, /its manifest has no output/],
  ])('%s ends with a code and words', async (_name, prepare, expected, words) => {
    prepare();
    const { code, out } = await start();
    expect(out).toMatch(words);
    expect(code).toBe(expected);
    expect(out.includes('--resume')).toBe(expected === 3);
  });

  it('one file gives the others', async () => {
    server.onFile = (request, response) =>
      request.url?.includes(PATIENTS) === true && always(403)(request, response, 1);
    const { code, out } = await start();
    expect(code).toBe(3);
    expect(out).toContain(`1 of 4 files are not complete:\n- ${PATIENTS}: The file was answered with 403`);
    expect(saved('Observation-1-0-b.ndjson')).toBe(server.files['Observation-1-0-b.ndjson']?.text);
    expect(readdirSync(output())).not.toContain(PATIENTS);
  });
});

describe('a download that is cut', () => {
  const cutOnce = (): void => {
    server.onFile = (request, response, attempt) =>
      attempt === 1 &&
      request.url?.includes(PATIENTS) === true &&
      cutInHalf(server, PATIENTS, output())(request, response, 1);
  };
  const ofPatients = (): Array<Record<string, unknown>> =>
    server
      .requests(/Patient-0/)
      .map(({ headers }) => ({ range: headers.range, coding: headers['accept-encoding'] }));

  it.each<[string, () => void, boolean]>([
    ['is continued by range', () => (server.hasGzip = false), true],
    ['is continued by range, though its beginning was compressed', () => undefined, true],
    ['is begun anew where the server has no ranges', () => (server.hasRanges = false), true],
    ['is begun anew where the file is known by nothing', () => (server.validators = 'none'), false],
    ['is begun anew where the file is known by a weak ETag', () => (server.validators = 'weak'), false],
  ])('%s', async (_name, prepare, asksRange) => {
    prepare();
    cutOnce();
    const { code } = await start();
    expect(code).toBe(0);
    expectAllFiles();
    const [first, second] = ofPatients();
    expect(first).toEqual({ range: undefined, coding: 'gzip' });
    expect(second).toEqual({
      range: asksRange ? expect.stringMatching(/^bytes=\d{3,}-$/) : undefined,
      coding: 'identity',
    });
    expect(ofPatients()).toHaveLength(2);
  });

  it('is begun anew where the file is another one by then', async () => {
    server.hasGzip = false;
    const text = server.files[PATIENTS]?.text ?? '';
    server.onFile = (request, response, attempt) => {
      if (attempt > 1 || request.url?.includes(PATIENTS) !== true) return false;
      cutInHalf(server, PATIENTS, output())(request, response, 1);
      server.files[PATIENTS] = { kind: 'output', type: 'Patient', text: text.replaceAll(/"p(\d)/g, '"q$1') };
      return true;
    };
    server.hasReport = false;
    expect(await start()).toMatchObject({ code: 0 });
    expect(saved(PATIENTS)).toBe(server.files[PATIENTS]?.text);
  });

  it.each<[string, (from: number, all: number) => Record<string, string>, boolean]>([
    ['another part', (from, all) => ({ 'content-range': `bytes ${from - 1}-${all - 1}/${all}` }), true],
    [
      'a part of a longer file',
      (from, all) => ({ 'content-range': `bytes ${from}-${all}/${all + 1}` }),
      true,
    ],
    [
      'a part of another file',
      (from, all) => ({ 'content-range': `bytes ${from}-${all - 1}/${all}`, etag: '"other"' }),
      true,
    ],
    ['a part without its place', () => ({}), true],
    ['less than the rest', (from, all) => ({ 'content-range': `bytes ${from}-${from + 9}/${all}` }), false],
  ])('comes as a whole where the server then gives %s', async (_name, headersOf, isAnew) => {
    server.hasGzip = false;
    const bytes = Buffer.from(server.files[PATIENTS]?.text ?? '');
    server.onFile = (request, response, attempt) => {
      if (request.url?.includes(PATIENTS) !== true || attempt > 2) return false;
      if (attempt === 1) return cutInHalf(server, PATIENTS, output())(request, response, 1);
      const from = Number(/\d+/.exec(request.headers.range ?? '')?.[0]);
      response.writeHead(206, headersOf(from, bytes.length)).end(bytes.subarray(from, from + 10));
      return true;
    };
    expect(await start()).toMatchObject({ code: 0 });
    expectAllFiles();
    const last = server.requests(/Patient-0/).at(-1);
    expect(last?.headers.range === undefined).toBe(isAnew);
  });

  it('goes on in another process, and what is complete is not downloaded again', async () => {
    const cut = cutInHalf(server, PATIENTS, output());
    server.hasGzip = false;
    server.onFile = (request, response, attempt) => {
      if (request.url?.includes(PATIENTS) !== true) return false;
      return attempt === 1 ? cut(request, response, 1) : always(403)(request, response, attempt);
    };
    expect(await start()).toMatchObject({ code: 3 });
    expect(readdirSync(output())).toEqual(
      expect.arrayContaining([`${PATIENTS}.partial`, `${PATIENTS}.partial.json`, 'Observation-1-0-b.ndjson']),
    );
    const before = server.requests(/Observation/).length;
    server.onFile = () => false;
    expect(await resume()).toMatchObject({ code: 0 });
    expectAllFiles();
    expect(server.requests(/Observation/)).toHaveLength(before);
    expect(server.requests(/Patient-0/).at(-1)?.headers.range).toMatch(/^bytes=\d{3,}-$/);
  });
});

describe('what is downloaded is checked', () => {
  it.each<[string, () => void, RegExp]>([
    [
      'a digest',
      () => {
        const report = server.report() as { files: Array<{ sha256: string }> };
        report.files.forEach((file) => (file.sha256 = 'f'.repeat(64)));
        server.report = () => report;
      },
      /SHA-256/,
    ],
    [
      'a count',
      () =>
        (server.manifestParts = {
          output: [{ type: 'Patient', url: server.urlOf(PATIENTS), count: 401 }],
        }),
      /lines, by the manifest +401 +400/,
    ],
    [
      'lines that are missing, of an answer that looks whole',
      () => {
        const { text = '' } = server.files[PATIENTS] ?? {};
        server.onFile = (request, response) => {
          if (request.url?.includes(PATIENTS) !== true) return false;
          response.writeHead(200).end(text.slice(0, text.lastIndexOf('\n', text.length - 2) + 1));
          return true;
        };
      },
      /bytes/,
    ],
  ])('%s that is not what is said of it is an error', async (_name, prepare, words) => {
    prepare();
    const { code, out } = await start();
    expect(out).toMatch(words);
    expect(out).toContain(PATIENTS);
    expect(out).not.toContain(SECRET);
    expect(out).toContain('--resume');
    expect(code).toBe(1);
  });
});

describe('a server that is not ours', () => {
  it('has no report, no counts, relative URLs, names that are not unique, and no last line break', async () => {
    server.hasReport = false;
    server.filesPath = '/files/a';
    server.files = {
      '1': { kind: 'output', type: 'Patient', text: '{"resourceType":"Patient","id":"a"}' },
      'x.ndjson': { kind: 'output', type: 'Patient', text: '{"resourceType":"Patient","id":"b"}\n' },
    };
    server.manifestParts = {
      output: [
        { type: 'Patient', url: '../../files/a/1' },
        { type: 'Patient', url: '/files/a/x.ndjson?part=1' },
        { type: 'Patient', url: '/files/a/x.ndjson?part=2' },
      ],
    };
    const { code, out } = await start();
    expect(saved('Patient-1.ndjson')).toContain('"a"');
    expect(saved('Patient-2.ndjson')).toBe(saved('Patient-3.ndjson'));
    // Twice the same file, which only the check notices.
    expect(out).toContain('ids that are there twice');
    expect(out).toContain('warning: 1 files have no line break at their end');
    expect(code).toBe(1);
  });

  it('has a manifest of several pages, each when it is there', async () => {
    server.hasReport = false;
    const [first, ...others] = server.manifest()['output'] as object[];
    const link = { relation: 'next', url: '/fhir/status/2' };
    const extension = { configuration: 'study.json' };
    const ofFirst = { output: [first], error: [], outcome: server.manifest()['error'], link: [link] };
    server.manifestParts = { ...ofFirst, extension };
    server.onStatus = (request, response, attempt) => {
      if (request.url !== '/fhir/status/2' || attempt === 1) return false;
      // What is known at the end alone.
      const atEnd = { extension: { ...extension, endedAt: '2026-01-31T01:00:00Z' }, link: undefined };
      const page = { ...server.manifest(), output: others, deleted: [], outcome: [], ...atEnd };
      response.writeHead(200).end(JSON.stringify(page));
      return true;
    };
    expect(await start()).toMatchObject({ code: 0 });
    expectAllFiles();
    const manifest = JSON.parse(saved('manifest.json')) as {
      extension: object;
      output: object[];
      error: object[];
      link?: unknown;
    };
    expect(manifest.output).toHaveLength(2);
    expect(manifest.error).toHaveLength(1);
    expect(manifest.link).toBeUndefined();
    expect(manifest.extension).toEqual({ configuration: 'study.json', endedAt: '2026-01-31T01:00:00Z' });
  });
});

describe('a server that gives what is no manifest or report', () => {
  it.each<[string, () => void]>([
    ['types and counts that are none', () => (server.manifestParts = { output: [{ type: 5, url: '/files/1', count: '\u001b[2J1' }] })],
    ['lists that are none', () => (server.manifestParts = { error: { url: '/files/1' }, deleted: 'x' })],
    ['a report with lists of something else', () => (server.report = () => ({ files: [null], types: [null] }))],
    ['pages without an end', () => {
      const link = [{ relation: 'next', url: '/fhir/status/1' }];
      server.manifestParts = { link, extension: { text: ' '.repeat(50_000_000) } };
    }],
  ])('has %s: what is said of it is in words of our own', async (_name, prepare) => {
    prepare();
    const { out } = await start();
    expect(out).not.toContain('\u001b');
    expect(out).not.toMatch(/is not a function|undefined|destructure|Cannot read/);
  }); // prettier-ignore
});

describe('credentials', () => {
  const functionKey = { CALLER_AUTHENTICATION: 'function-key', CALLER_FUNCTION_KEY: KEY };
  const withKey = (seen: BulkServer['seen']): number =>
    seen.filter(({ headers }) => headers['x-functions-key'] === KEY).length;

  it('go with every request to the server, and are in nothing that is written', async () => {
    const { code, out } = await start([], functionKey);
    expect(code).toBe(0);
    expect(withKey(server.seen)).toBe(server.seen.length);
    expect(out).not.toContain(KEY);
    for (const name of readdirSync(output())) expect(saved(name)).not.toContain(KEY);
  });

  it.each([
    ['files are on another host', true, true],
    ['files are on another host, and the manifest asks for a token', true, false],
    ['the manifest says that files need none', false, true],
  ])('do not go where %s', async (_name, isElsewhere, isOpen) => {
    const other = await BulkServer.start();
    try {
      server.requiresAccessToken = !isOpen;
      if (isElsewhere) server.filesOrigin = other.origin;
      expect(await start([], functionKey)).toMatchObject({ code: 0 });
      const files = (isElsewhere ? other : server).requests(/^\/files/);
      expect(files).toHaveLength(5);
      expect(withKey(files)).toBe(0);
      expectAllFiles();
    } finally {
      other.stop();
    }
  });

  it('do not follow a redirect to another host', async () => {
    const other = await BulkServer.start();
    try {
      server.onFile = (request, response) => {
        response.writeHead(307, { location: `${other.origin}${request.url}` }).end();
        return true;
      };
      expect(await start([], functionKey)).toMatchObject({ code: 0 });
      expect(other.requests(/files/)).toHaveLength(5);
      expect(withKey(other.seen)).toBe(0);
    } finally {
      other.stop();
    }
  });

  it('that have signed links do without them get new links where those have expired', async () => {
    server.requiresAccessToken = false;
    const expired = new Set<string>();
    server.onFile = (request, response) => {
      const path = request.url?.replace(/\?.*$/, '') ?? '';
      if (path.endsWith('report.json') || !request.url?.endsWith('sig=signature')) return false;
      expired.add(path);
      response.writeHead(403).end();
      return true;
    };
    let manifests = 0;
    server.onStatus = (_request, response, attempt) => {
      if (attempt < 2) return false;
      manifests++;
      const text = JSON.stringify(server.manifest());
      response.writeHead(200).end(manifests === 1 ? text : text.replaceAll('sig=signature', 'sig=other'));
      return true;
    };
    expect(await start([], functionKey)).toMatchObject({ code: 0 });
    expectAllFiles();
    // Those that were asked for before the links were renewed.
    expect(expired.size).toBeGreaterThan(0);
    expect(manifests).toBe(2);
  });

  it('are not sent by http to another machine', async () => {
    const given = { ...functionKey };
    const options = ['--output', output(), '--base', 'http://fhir.example.org/fhir'];
    await expect(run(options, given)).rejects.toThrow(/by https alone/);
  });
});

describe('a mistake in the command', () => {
  it.each<[string, string[], RegExp]>([
    ['no folder', [], /--output is required/],
    ['a level', ['--output', 'x', '--level', 'Group'], /--level must be/],
    ['a base with a user', ['--output', 'x', '--base', 'https://a:b@fhir.example.org'], /without a user/],
    ['a key', ['--output', 'x', '--function-key', 'k'], /never taken from the command line/],
    ['a parameter without a value', ['--output', 'x', '--parameter', '_type'], /NAME=VALUE/],
    ['resume and cancel', ['--output', 'x', '--resume', 'http://a/1', '--cancel', 'http://a/1'], /not both/],
    [
      'a kick-off beside resume',
      ['--output', 'x', '--resume', 'http://a/1', '--type', 'Patient'],
      /--type is of a new/,
    ],
    ['a number', ['--output', 'x', '--parallel', '0'], /--parallel must be/],
  ])('is refused: %s', async (_name, options, words) => {
    await expect(run(options)).rejects.toThrow(words);
    expect(server.seen).toEqual([]);
  });

  it('a folder with something else in it is not used, and no export is started', async () => {
    writeFileSync(join(folder, 'notes.txt'), '');
    await expect(run(['--output', folder])).rejects.toThrow(/is not empty/);
    await expect(run(['--output', folder, '--resume', server.statusUrl])).rejects.toThrow(/is not empty/);
    await start();
    await expect(start()).rejects.toThrow(`--resume ${server.statusUrl}`);
    expect(server.requests(/export$/)).toHaveLength(1);
  });
});

it('an export is cancelled', async () => {
  const { code } = await run(['--cancel', server.statusUrl]);
  expect(code).toBe(0);
  expect(server.seen.map(({ method, url }) => [method, url])).toEqual([['DELETE', '/fhir/status/1']]);
  server.onStatus = always(404, outcome('There is no such export.'));
  expect(await run(['--cancel', server.statusUrl])).toMatchObject({
    code: 1,
    out: 'The cancellation was refused (404): There is no such export.',
  });
});
