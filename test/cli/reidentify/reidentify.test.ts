import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configurationDigest } from '../../../functions/export/request/pinnedConfiguration.js';
import { startSource } from '../../../local/source/source.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const COMMAND = join(ROOT, 'dist', 'cli', 'fhirDeid.js');
const KEYS = {
  ANONYMIZATION_SECRET_HASH: 'CanaryKeyOfHashes',
  ANONYMIZATION_SECRET_AES: 'CanaryKeyOfAes16',
};
const CONFIGURATION = JSON.stringify({
  fhirPathRules: [
    { path: 'Resource.id', method: 'cryptoHash' },
    { path: "nodesByType('Reference').reference", method: 'cryptoHash' },
    { path: 'Patient.name.family', method: 'encrypt' },
  ],
  parameters: { cryptoHashKey: { secretName: 'HASH' }, encryptKey: { secretName: 'AES' } },
});
const PATIENTS = ['canary-one', 'canary-two', 'canary-three'];

let folder = '';
let files = 0;

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** A name of a file that there is not. */
const newFile = (): string => join(folder, `output-${files++}`);

interface Result {
  code: number;
  said: string;
}

function run(args: readonly string[], environment: object = {}): Promise<Result> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [COMMAND, ...args],
      { cwd: folder, env: { ...process.env, ...KEYS, ...environment } },
      (error, out, err) => resolve({ code: error === null ? 0 : Number(error.code), said: out + err }),
    );
  });
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'reidentify-'));
  if (!existsSync(COMMAND)) execFileSync('npx', ['tsc', '-p', 'tsconfig.json'], { cwd: ROOT });
  write('config.json', CONFIGURATION);
  write('ids.txt', `${PATIENTS.join('\r\n')}\r\n\r\n`);
  const lines = PATIENTS.map((id) =>
    JSON.stringify({
      resourceType: 'Patient',
      id,
      name: [{ family: `Family of ${id}` }],
      link: [{ type: 'seealso', other: { reference: `Patient/${id}` } }],
    }),
  );
  write('Patient.ndjson', `${lines.join('\n')}\n`);
  const { code } = await run([
    'anonymize',
    '--config',
    'config.json',
    '--input',
    'Patient.ndjson',
    '--output',
    'made.ndjson',
  ]);
  expect(code).toBe(0);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const made = (): Array<{ id: string; link: Array<{ other: { reference: string } }> }> =>
  readFileSync(join(folder, 'made.ndjson'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { id: string; link: Array<{ other: { reference: string } }> });

const ids = (...more: string[]): string[] => ['reidentify', 'ids', '--config', 'config.json', ...more];

describe('fhir-deid reidentify', () => {
  it('gives the table of pseudonyms of a list of ids, in a file of mode 600, and adds a line to the audit file', async () => {
    const output = newFile();
    const { code, said } = await run(ids('--ids', 'ids.txt', '--output', output, '--audit', 'one.audit'));
    expect({ code, said }).toMatchObject({
      code: 0,
      said: expect.stringContaining('pseudonyms: 3') as unknown,
    });
    const rows = PATIENTS.map((id, index) => `${made()[index]?.id},${id},true`);
    expect(readFileSync(output, 'utf8').trim().split('\n')).toEqual(['pseudonym,value,unique', ...rows]);
    const audit = readFileSync(join(folder, 'one.audit'), 'utf8');
    for (const path of [output, join(folder, 'one.audit')]) expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(JSON.parse(audit)).toMatchObject({
      user: userInfo().username,
      command: 'reidentify ids',
      configuration: configurationDigest(CONFIGURATION),
      given: 3,
      pseudonyms: 3,
      notUnique: 0,
    });
    expect(Math.abs(Date.parse((JSON.parse(audit) as { at: string }).at) - Date.now())).toBeLessThan(60_000);
    expect(audit + said).not.toMatch(/canary/i);
    expect(audit).not.toContain(made()[0]?.id);
  });

  it('gives the rows that are looked for alone, and says how many are not found', async () => {
    const output = newFile();
    write('wanted.txt', `${made()[1]?.id}\nunknown\n`);
    const { code, said } = await run(
      ids('--ids', 'ids.txt', '--output', output, '--pseudonyms', 'wanted.txt'),
    );
    expect({ code, said }).toMatchObject({
      code: 0,
      said: expect.stringContaining('not found: 1 of 2') as unknown,
    });
    expect(readFileSync(output, 'utf8')).toBe(
      `pseudonym,value,unique\n${made()[1]?.id},${PATIENTS[1]},true\n`,
    );
  });

  describe('reads the ids from the source, page by page, with references', () => {
    const expected = (): string[] =>
      made().flatMap(({ id, link }, index) => [
        `${id},${PATIENTS[index]},true`,
        `${link[0]?.other.reference},Patient/${PATIENTS[index]},true`,
      ]);
    const read = async (url: string): Promise<string[]> => {
      const output = newFile();
      const { code, said } = await run(ids('--types', 'Patient', '--output', output), {
        FHIR_SERVER_URL: url,
        PAGE_SIZE: '2',
      });
      expect(`${code} ${said}`).toMatch(/^0 .*values: 3/s);
      return readFileSync(output, 'utf8').trim().split('\n');
    };

    it('of one that refuses _elements', async () => {
      const directory = mkdtempSync(join(folder, 'source-'));
      writeFileSync(join(directory, 'Patient.ndjson'), readFileSync(join(folder, 'Patient.ndjson')));
      const source = await startSource({ directory });
      try {
        expect(await read(source.url)).toEqual(expect.arrayContaining(expected()));
      } finally {
        await source.close();
      }
    });

    it('of one that honors _elements', async () => {
      const asked: string[] = [];
      const server = createServer(({ url = '' }, response) => {
        asked.push(url);
        const second = url.includes('page=2');
        const found = second ? PATIENTS.slice(2) : PATIENTS.slice(0, 2);
        response.setHeader('content-type', 'application/fhir+json').end(
          JSON.stringify({
            resourceType: 'Bundle',
            type: 'searchset',
            link: second ? [] : [{ relation: 'next', url: 'Patient?page=2' }],
            entry: found.map((id) => ({ resource: { resourceType: 'Patient', id } })),
          }),
        );
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      try {
        const { port } = server.address() as AddressInfo;
        expect(await read(`http://127.0.0.1:${port}`)).toEqual(expect.arrayContaining(expected()));
        expect(asked).toEqual(['/Patient?_elements=id&_count=2', '/Patient?page=2']);
      } finally {
        server.close();
      }
    });
  });

  it('decrypts what is encrypted in an NDJSON file, and leaves all else', async () => {
    const output = newFile();
    const { code, said } = await run([
      'reidentify',
      'decrypt',
      '--config',
      'config.json',
      '--input',
      'made.ndjson',
      '--output',
      output,
      '--audit',
      'two.audit',
    ]);
    expect(`${code} ${said}`).toMatch(/^0 .*decrypted: 3/s);
    const found = readFileSync(output, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(found).toMatchObject(
      PATIENTS.map((id, index) => ({ id: made()[index]?.id, name: [{ family: `Family of ${id}` }] })),
    );
    expect(statSync(output).mode & 0o777).toBe(0o600);
    const audit = readFileSync(join(folder, 'two.audit'), 'utf8');
    expect(JSON.parse(audit)).toMatchObject({ command: 'reidentify decrypt', resources: 3, decrypted: 3 });
    expect(audit + said).not.toMatch(/canary/i);
  });

  it('gives no output of a file with a line that is no resource', async () => {
    write('bad.ndjson', `${readFileSync(join(folder, 'made.ndjson'), 'utf8')}{bad\n`);
    const output = newFile();
    const { code, said } = await run([
      ...['reidentify', 'decrypt', '--config', 'config.json', '--input', 'bad.ndjson', '--output', output],
    ]);
    expect(`${code} ${said}`).toMatch(
      /^1 .*bad\.ndjson:4: Not a JSON object.*No output, since 1 of 4 lines/s,
    );
    expect(existsSync(output)).toBe(false);
  });

  it('says that none of the pseudonyms was found, and gives no table', async () => {
    write('others.txt', 'one\ntwo\n');
    const output = newFile();
    const { code, said } = await run(
      ids('--ids', 'ids.txt', '--output', output, '--pseudonyms', 'others.txt'),
    );
    expect(`${code} ${said}`).toMatch(/^1 .*None of 2 pseudonyms was found: the key/s);
    expect(existsSync(output)).toBe(false);
  });

  const wanting = (
    name: string,
    parameters: object,
    rules: object[] = [{ path: 'Resource.id', method: 'cryptoHash' }],
  ): string => write(name, JSON.stringify({ fhirPathRules: rules, parameters }));
  it.each<[string, () => string[], object, number, RegExp]>([
    [
      'a key on the command line',
      () => ids('--ids', 'ids.txt', '--output', newFile(), '--crypto-hash-key', 'CanaryKey'),
      {},
      2,
      /never taken from the command line/,
    ],
    [
      'a key on the command line in another form',
      () => ids('--ids', 'ids.txt', '--output', newFile(), '--key=CanaryKey'),
      {},
      2,
      /never taken from the command line/,
    ],
    ['an output that is there', () => ids('--ids', 'ids.txt', '--output', 'ids.txt'), {}, 2, /exists/],
    [
      'an audit file that cannot be written',
      () => ids('--ids', 'ids.txt', '--output', newFile(), '--audit', 'no/such/folder'),
      {},
      2,
      /audit file .* no output/,
    ],
    [
      'a key that is not set',
      () => ids('--ids', 'ids.txt', '--output', newFile()),
      { ANONYMIZATION_SECRET_HASH: undefined },
      2,
      /ANONYMIZATION_SECRET_HASH is not set/,
    ],
    [
      'a key that was of a job',
      () => [
        'reidentify',
        'ids',
        '--config',
        wanting('random.json', {}),
        '--ids',
        'ids.txt',
        '--output',
        newFile(),
      ],
      {},
      2,
      /random, and was destroyed/,
    ],
    [
      'no rule of the method',
      () => [
        'reidentify',
        'decrypt',
        '--config',
        wanting('none.json', {}),
        '--input',
        'made.ndjson',
        '--output',
        newFile(),
      ],
      {},
      2,
      /no rule with encrypt/,
    ],
    ['neither ids nor types', () => ids('--output', newFile()), {}, 2, /--ids, a file, or --types/],
    ['ids that are not there', () => ids('--ids', 'no.txt', '--output', newFile()), {}, 2, /cannot be read/],
    [
      'an input that is not there',
      () => ['reidentify', 'decrypt', '--config', 'config.json', '--input', 'no.json', '--output', newFile()],
      {},
      2,
      /cannot be read/,
    ],
    [
      'a source whose settings are missing',
      () => ids('--types', 'Patient', '--output', newFile()),
      { FHIR_SERVER_URL: undefined },
      2,
      /FHIR_SERVER_URL is missing/,
    ],
    [
      'files as the source',
      () => ids('--types', 'Patient', '--output', newFile()),
      {
        FHIR_SERVER_URL: 'http://localhost:1/fhir',
        SOURCE_MODE: 'files',
        SOURCE_STORAGE: 'UseDevelopmentStorage=true',
        SOURCE_CONTAINER: 'source',
      },
      2,
      /--ids/,
    ],
    [
      'another key',
      () => [
        'reidentify',
        'decrypt',
        '--config',
        'config.json',
        '--input',
        'made.ndjson',
        '--output',
        newFile(),
      ],
      { ANONYMIZATION_SECRET_AES: 'another-key-1234' },
      1,
      /the key is not that of the export/,
    ],
  ])('refuses %s, and writes nothing', async (_what, args, environment, status, words) => {
    const given = args();
    const { code, said } = await run(given, environment);
    expect(`${code} ${said}`).toMatch(new RegExp(`^${status} `));
    expect(said).toMatch(words);
    expect(said).not.toMatch(/canary/i);
    const output = given[given.indexOf('--output') + 1] ?? '';
    expect([output, `${output}.partial`].filter((path) => path !== 'ids.txt' && existsSync(path))).toEqual(
      [],
    );
  });
});
