import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FILES_BESIDE } from './filesBeside.js';
import { SourceFiles } from '../../functions/adapters/storage/sourceFiles.js';
import { wholeFile } from '../../functions/export/plan/filePlan.js';
import type { JobRequest } from '../../functions/export/records/job.js';
import type { HttpDependencies } from '../../functions/http/dependencies.js';
import { groupList } from '../../functions/http/groupList.js';
import { checkAtFiles } from '../../functions/http/sourceChecks.js';
import { readSettings, type Settings } from '../../functions/settings/settings.js';
import { developmentStorage, EXPORT_ACCOUNT, RUNTIME_ACCOUNT } from '../../local/developmentStorage.js';
import { startEmulator, type Emulator } from '../adapters/azurite.js';
import { REQUIRED_SETTINGS } from '../environment.js';
import { answerOf } from '../http/answers.js';
import { jobRequest } from '../export/requests.js';
import type { TestStorage } from './harness.js';
import { type Asked, keysOf, runJob, type RunJob } from './runJob.js';

let emulator: Emulator;
let storage: TestStorage;
let source: ContainerClient;
let container = 0;

beforeAll(async () => {
  emulator = await startEmulator();
  const { port, connectionString } = emulator;
  storage = {
    stack: { exportStorage: developmentStorage(EXPORT_ACCOUNT, port), runtimeStorage: connectionString },
    end: () => emulator.stop(),
  };
});
afterAll(() => storage.end());
beforeEach(async () => {
  const service = BlobServiceClient.fromConnectionString(emulator.connectionString);
  source = service.getContainerClient(`source-${++container}`);
  await source.create();
});

async function put(name: string, content: string | Buffer): Promise<void> {
  const bytes = Buffer.from(content);
  await source.getBlockBlobClient(name).upload(bytes, bytes.length);
}

/** A resource of a patient, updated on a day of 2025. */
function resource(type: string, id: string, day = 1, more: object = {}): string {
  const meta = { lastUpdated: `2025-01-${String(day).padStart(2, '0')}T00:00:00Z` };
  const subject = type === 'Patient' ? {} : { subject: { reference: 'Patient/p0' } };
  return JSON.stringify({ resourceType: type, id, meta, ...subject, ...more });
}

const lines = (...all: string[]): string => all.map((line) => `${line}\n`).join('');

function settingsOfFiles(): Record<string, string> {
  return {
    SOURCE_MODE: 'files',
    SOURCE_STORAGE: developmentStorage(RUNTIME_ACCOUNT, emulator.port),
    SOURCE_CONTAINER: source.containerName,
    SLICE_MAX_PAGES: '1',
  };
}

function sourceFilesOf({ source: { mode } }: Settings): SourceFiles {
  if (mode.method !== 'files') throw new Error('The source is not files.');
  return new SourceFiles(mode, 1_048_576);
}

/** A whole export of the container's files; every first attempt of a slice is lost. */
function exported(asked: Partial<Asked> = {}, environment: Record<string, string> = {}): Promise<RunJob> {
  const settings = { ...settingsOfFiles(), ...environment };
  const all: Asked = { level: { kind: 'system' }, ...asked };
  return runJob(storage, 'https://ehr.example/fhir', all, settings, { losesAttempts: true, workers: 2 });
}

describe('files as the source', () => {
  it('are exported by what their lines say, however they are written', async () => {
    await put('a/Patient.ndjson', lines(resource('Patient', 'p0'), resource('Patient', 'p1')));
    await put('a/mixed.ndjson.gz', gzipSync(lines(resource('Condition', 'c0'), resource('Patient', 'p2'))));
    const members = [lines(resource('Condition', 'c1')), resource('Encounter', 'e0')];
    await put('a/members.NDJSON.gz', Buffer.concat(members.map((text) => gzipSync(text))));
    await put(
      'a/windows.jsonl',
      `\uFEFF${resource('Condition', 'c2')}\r\n\r\n  \n${resource('Encounter', 'e1')}`,
    );
    await put('a/empty.ndjson', '');
    await put('a/manifest.json', '{}');
    await put('b/Patient.ndjson', lines(resource('Patient', 'other')));
    const { resources, notes, manifest, report, blobs } = await exported({}, { SOURCE_PREFIX: 'a/' });
    expect(keysOf(resources)).toEqual([
      ...['Condition/c0', 'Condition/c1', 'Condition/c2', 'Encounter/e0', 'Encounter/e1'],
      ...['Patient/p0', 'Patient/p1', 'Patient/p2'],
    ]);
    expect(notes).toContainEqual(expect.stringContaining('1 file was not read'));
    expect(report.types.map(({ type, read, written }) => [type, read, written])).toEqual([
      ['Condition', 3, 3],
      ['Encounter', 2, 2],
      ['Patient', 3, 3],
    ]);
    expect(report.files.map(({ sha256 }) => sha256 ?? 'none')).not.toContain('none');
    // One for each of the files that have lines, and one to see the end of each that is compressed.
    expect(report.cost?.sourceRequests).toBe(6);
    // Nothing of a lost attempt is left.
    expect(blobs).toHaveLength(manifest.output.length + FILES_BESIDE);
  });

  it('are read in slices that go on where the one before has stopped, packed or not', async () => {
    const ids = Array.from({ length: 40 }, (_, index) => `c${index}`);
    const text = lines(
      ...ids.map((id) => resource('Condition', id, 1, { note: [{ text: 'x'.repeat(99_000) }] })),
    );
    await put('plain.ndjson', text);
    await put('packed.ndjson.gz', gzipSync(text.replaceAll('"c', '"d')));
    const { resources, manifest } = await exported();
    expect(keysOf(resources)).toEqual(
      ids.flatMap((id) => [`Condition/${id}`, `Condition/${id.replace('c', 'd')}`]).sort(),
    );
    expect(manifest.output.length).toBeGreaterThan(6);
  });

  it('give each resource once, by its latest line, then its last one', async () => {
    const named = (family: string): object => ({ name: [{ family }] });
    await put(
      '1.ndjson',
      lines(resource('Patient', 'p0', 2, named('two')), resource('Patient', 'p1', 1, named('first'))),
    );
    await put(
      '2.ndjson',
      lines(resource('Patient', 'p0', 1, named('one')), resource('Patient', 'p2', 1, named('only'))),
    );
    await put(
      '3.ndjson',
      lines(resource('Patient', 'p1', 1, named('second')), resource('Patient', 'p1', 1, named('last'))),
    );
    await put('4.ndjson', lines(resource('Condition', 'p0')));
    const { resources, notes, report, blobs, manifest } = await exported();
    const families = resources
      .filter(({ resourceType }) => resourceType === 'Patient')
      .map(({ id, name }) => `${id} ${(name as Array<{ family: string }>)[0]?.family}`);
    expect(families.sort()).toEqual(['p0 two', 'p1 last', 'p2 only']);
    expect(notes).toContainEqual(expect.stringMatching(/^3 lines of the files .* have another line/));
    expect(report.types).toMatchObject([
      { type: 'Condition', read: 1, written: 1 },
      { type: 'Patient', read: 3, written: 3 },
    ]);
    expect(blobs).toHaveLength(manifest.output.length + FILES_BESIDE);
  });

  it('are chosen from by type, time and patient', async () => {
    const of = (id: string): object => ({ subject: { reference: `Patient/${id}` } });
    await put(
      'data.ndjson',
      lines(resource('Patient', 'p0'), resource('Patient', 'p1', 3), resource('Organization', 'o')),
    );
    await put('more.ndjson', lines(resource('Condition', 'c0', 2), resource('Condition', 'c1', 3, of('p1'))));
    await put('odd.ndjson', lines(resource('Binary', 'b'), '{"resourceType":"Condition","id":"undated"}'));
    const member = { member: [{ entity: { reference: 'https://ehr.example/fhir/Patient/p1' } }] };
    await put(
      'Group.ndjson',
      lines(resource('Group', 'g', 1, { member: [] }), resource('Group', 'g', 2, member)),
    );
    const keys = async (asked: Partial<Asked>): Promise<string[]> =>
      keysOf((await exported(asked)).resources);
    expect(await keys({ types: ['Binary'] })).toEqual(['Binary/b']);
    expect(await keys({ types: ['Condition'], since: '2025-01-03T00:00:00Z' })).toEqual([
      'Condition/c1',
      'Condition/undated',
    ]);
    expect(await keys({ types: ['Patient'], until: '2025-01-03T00:00:00Z' })).toEqual(['Patient/p0']);
    expect(await keys({ level: { kind: 'patient' } })).toEqual([
      'Condition/c0',
      'Condition/c1',
      'Group/g',
      'Patient/p0',
      'Patient/p1',
    ]);
    expect(await keys({ level: { kind: 'patient' }, patients: ['p0'] })).toEqual([
      'Condition/c0',
      'Patient/p0',
    ]);
    expect(await keys({ level: { kind: 'group', groupId: 'g' } })).toEqual([
      'Condition/c1',
      'Group/g',
      'Patient/p1',
    ]);
    await expect(keys({ level: { kind: 'group', groupId: 'none' } })).rejects.toMatchObject({
      code: 'not-found',
    });
  });

  it('of too few patients are withheld by type', async () => {
    const patients = Array.from({ length: 12 }, (_, index) => `p${index}`);
    await put(
      'mixed.ndjson',
      lines(...patients.map((id) => resource('Patient', id)), resource('Condition', 'c0')),
    );
    const { resources, notes, report } = await exported({ minPatients: 10 });
    expect(keysOf(resources)).toEqual(patients.map((id) => `Patient/${id}`).sort());
    expect(notes).toContainEqual(expect.stringMatching(/^Withheld, .*: Condition\./));
    expect(JSON.stringify(report)).not.toContain('Condition');
    expect(report.cost).toBeUndefined();
  });
});

describe(
  'a file that is not as it has to be ends the job, and is named by its number',
  { timeout: 240_000 },
  () => {
    const good = lines(resource('Patient', 'p0'));
    const packed = gzipSync(good);
    const broken = Buffer.from(packed);
    broken[broken.length - 6] = (broken[broken.length - 6] ?? 0) ^ 1;
    it.each([
      [
        'a line that is cut',
        'ndjson',
        good + good.slice(0, 40),
        `File 2 of the source, in the order of their names: the line at byte ${good.length} is no`,
      ],
      ['a line that is no object', 'ndjson', `${good}[]\n`, 'is no complete JSON object'],
      ['a line without a type', 'ndjson', `{"id":"x"}\n`, 'with a resourceType'],
      [
        'a type that FHIR does not have',
        'ndjson',
        '{"resourceType":"Person Jane Doe","id":"x"}\n',
        'does not have',
      ],
      ['a gzip file that is cut', 'ndjson.gz', packed.subarray(0, -9), 'not a complete gzip file'],
      ['a gzip file of another checksum', 'ndjson.gz', broken, 'not a complete gzip file'],
      ['a gzip file that is none', 'ndjson.gz', good, 'not a complete gzip file'],
      ['a line that is too long', 'ndjson', 'x'.repeat(3_000_000), 'SOURCE_MAX_PAGE_MEBIBYTES'],
    ])('%s', async (_, extension, content, words) => {
      await put('1.ndjson', lines(resource('Patient', 'p1')));
      await put(`Jane Doe.${extension}`, content);
      const failure: unknown = await exported({}, { SOURCE_MAX_PAGE_MEBIBYTES: '1' }).catch(
        (error: unknown) => error,
      );
      expect(failure).toMatchObject({ retryable: false, message: expect.stringContaining(words) as string });
      expect(String(failure)).not.toContain('Jane');
    });

    it('a file that changes while it is read', async () => {
      await put('1.ndjson', good);
      const mode = readSettings({ ...REQUIRED_SETTINGS, ...settingsOfFiles() }).source.mode;
      if (mode.method !== 'files') throw new Error('The source is not files.');
      const files = new SourceFiles(mode, 1_048_576);
      const { files: listed } = await files.list();
      await put('1.ndjson', lines(resource('Patient', 'p1')));
      for (const file of listed) {
        const read = files.blocks(wholeFile(file, 1), undefined).next();
        await expect(read).rejects.toMatchObject({
          code: 'source-unverifiable',
          retryable: false,
          message: expect.stringContaining('changed or deleted since the export began') as string,
        });
      }
    });

    it('no file at all', async () => {
      await put('readme.txt', 'x');
      await expect(exported()).rejects.toMatchObject({
        code: 'source-refused',
        message: expect.stringContaining('SOURCE_PREFIX') as string,
      });
    });

    it('a container that is not there', async () => {
      await source.delete();
      await expect(exported()).rejects.toMatchObject({
        code: 'source-refused',
        message: expect.stringContaining('correct SOURCE_CONTAINER') as string,
      });
    });
  },
);

describe('a kick-off for files', () => {
  const checked = async (change: Partial<JobRequest>): Promise<unknown> => {
    const settings = readSettings({ ...REQUIRED_SETTINGS, ...settingsOfFiles() });
    const asked = jobRequest({ jobId: 'job', ...change });
    return checkAtFiles(asked, sourceFilesOf(settings), settings, () => Date.now()).catch(
      (error: unknown) => error,
    );
  };

  it('is refused where files cannot give what it asks for', async () => {
    const filtered = { type: 'Patient', search: [['name', 'x']] as Array<[string, string]> };
    const refusal = await checked({ typeFilters: [filtered] });
    expect(refusal).toMatchObject({ status: 400 });
    expect(JSON.stringify(refusal)).toMatch(/_typeFilter: the source is files/);
    const group = { kind: 'group', groupId: 'g' } as const;
    expect(await checked({ level: group })).toMatchObject({ code: 'not-found' });
    // Who may not know of groups learns nothing here.
    expect(await checked({ level: group, isGroupHidden: true })).toBeUndefined();
    await put('x/Group-1.ndjson', lines(resource('Group', 'g')));
    expect(await checked({ level: group })).toBeUndefined();
    expect(await checked({ level: group, patients: ['p1'] })).toMatchObject({ code: 'invalid-request' });
  });

  it('is not refused where they cannot be read just now', async () => {
    await source.delete();
    expect(await checked({ level: { kind: 'group', groupId: 'g' } })).toBeUndefined();
  });
});

it('the groups of files are listed, each by its latest line', async () => {
  const [asDevices, asPersons] = [{ type: 'device' }, { type: 'person', name: 'secret', subject: undefined }];
  await put(
    'x/Group-1.ndjson',
    lines(resource('Group', 'b', 2, asPersons), resource('Group', 'a', 1, asDevices)),
  );
  await put('x/Group-2.ndjson', lines(resource('Group', 'a', 3, asPersons), resource('Patient', 'p')));
  const settings = readSettings({ ...REQUIRED_SETTINGS, ...settingsOfFiles() });
  const parts = { settings, sourceFiles: sourceFilesOf(settings), now: () => Date.now() };
  const url = 'https://app.example.org/fhir/Group';
  const bundle = await answerOf(groupList(parts as unknown as HttpDependencies), { url });
  expect(bundle).toMatchObject({ total: 2, entry: [{ resource: { id: 'a' } }, { resource: { id: 'b' } }] });
  expect(JSON.stringify(bundle)).not.toContain('secret');
});

describe('a download that fails', () => {
  const text = lines(...Array.from({ length: 3000 }, (_, id) => resource('Patient', `p${id}`)));

  /** Reads a file through a proxy, which cuts so many answers in the middle, and then does `meanwhile`. */
  async function readThrough(
    cuts: number,
    meanwhile: () => Promise<void> = async () => undefined,
    status?: number,
  ): Promise<{ read: number } | { error: unknown }> {
    await put('1.ndjson', text);
    let left = cuts;
    const proxy = createServer((incoming, answer) => {
      const { method, url: path, headers } = incoming;
      const isDownload = method === 'GET' && path?.includes('1.ndjson') === true;
      if (isDownload && status !== undefined) {
        answer.writeHead(status, { 'x-ms-error-code': 'AuthorizationPermissionMismatch' }).end();
        return;
      }
      const forwarded = request({ port: emulator.port, method, path, headers }, (response) => {
        answer.writeHead(response.statusCode ?? 0, response.headers);
        if (!isDownload || left-- <= 0) {
          response.pipe(answer);
          return;
        }
        response.once('data', (chunk: Buffer) => {
          response.destroy();
          answer.write(chunk.subarray(0, 1000), () => void meanwhile().then(() => answer.destroy()));
        });
      });
      incoming.pipe(forwarded);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = proxy.address() as AddressInfo;
      const files = sourceFilesOf(
        readSettings({
          ...REQUIRED_SETTINGS,
          ...settingsOfFiles(),
          SOURCE_STORAGE: developmentStorage(RUNTIME_ACCOUNT, port),
        }),
      );
      const [file] = (await files.list()).files;
      if (file === undefined) throw new Error('There is no file.');
      let read = 0;
      for await (const { bytes } of files.blocks(wholeFile(file, 1), undefined)) read += bytes.length;
      return { read };
    } catch (error) {
      return { error };
    } finally {
      proxy.closeAllConnections();
      proxy.close();
    }
  }

  it('in the middle goes on from there', async () => {
    expect(await readThrough(3)).toEqual({ read: Buffer.byteLength(text) });
  });

  it('in the middle does not go on in another version of the file', async () => {
    const change = (): Promise<void> => put('1.ndjson', text.replaceAll('p1', 'q1'));
    expect(await readThrough(1, change)).toMatchObject({
      error: { code: 'source-unverifiable', retryable: false },
    });
  });

  it('again and again is tried again with the slice', async () => {
    expect(await readThrough(100)).toMatchObject({ error: { code: 'storage-unavailable', retryable: true } });
  });

  it('since it is not permitted says which role is missing', async () => {
    const denied = await readThrough(0, undefined, 403);
    expect(denied).toMatchObject({
      error: {
        code: 'storage-denied',
        message: expect.stringMatching(/SOURCE_STORAGE answered 403 .* Storage Blob Data Reader/) as string,
      },
    });
  });
});
