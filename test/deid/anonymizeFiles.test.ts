import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const COMMAND = join(ROOT, 'dist', 'local', 'anonymize.js');

let folder = '';

function write(name: string, content: string): string {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
  return path;
}

function run(...args: string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, ...args], {
    encoding: 'utf8',
    cwd: folder,
  });
  return { code: status, out: stdout, err: stderr };
}

const CONFIGURATION = {
  processingErrors: 'skip',
  fhirPathRules: [
    { path: 'Resource.id', method: 'cryptoHash' },
    { path: 'Patient.name', method: 'redact' },
    { path: 'Patient.birthDate', method: 'dateShift' },
    { path: 'Patient.telecom.where(value > 5)', method: 'redact' },
  ],
  parameters: { dateShiftScope: 'file', dateShiftKey: 'k', cryptoHashKey: { secretName: 'HASH_KEY' } },
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'anonymize-'));
  if (!existsSync(COMMAND)) execFileSync('npx', ['tsc', '-p', 'tsconfig.json'], { cwd: ROOT });
  process.env['HASH_KEY'] = 'h';
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const patient = (id: string): string =>
  `{"resourceType":"Patient","id":"${id}","name":[{"family":"Chalmers"}],"birthDate":"1980-01-01"}`;

describe('files on the command line', () => {
  it('folders, NDJSON, JSON and Bundles, in one thread or several, give the same files', () => {
    const config = write('config.json', JSON.stringify(CONFIGURATION));
    write('in/a.ndjson', `${patient('1')}\n\n${patient('2')}\r\n`);
    write('in/deep/er/b.json', `\ufeff{\n"resourceType":"Bundle","entry":[{"resource":${patient('3')}}]}`);
    write('in/c.json', patient('4'));
    write('in/notes.txt', 'Chalmers');
    for (const [out, jobs] of [
      ['out1', '1'],
      ['out2', '3'],
    ] as const) {
      const {
        code,
        out: summary,
        err,
      } = run(
        '--config',
        config,
        '--input',
        'in',
        '--output',
        out,
        '--jobs',
        jobs,
        '--now',
        '2026-01-01T00:00:00Z',
      );
      expect({
        code,
        errors: err.split('\n').filter((line) => line !== '' && !line.startsWith('warning:')),
      }).toEqual({ code: 0, errors: [] });
      expect(summary).toMatch(/files: 3 written of 3[\s\S]*resources: 4[\s\S]*REDACTED: 4[\s\S]*errors: 0/);
      expect(readdirSync(join(folder, out), { recursive: true }).map(String).sort()).toEqual([
        'a.ndjson',
        'c.json',
        'deep',
        'deep/er',
        'deep/er/b.json',
      ]);
    }
    for (const file of ['a.ndjson', 'c.json', 'deep/er/b.json']) {
      const text = readFileSync(join(folder, 'out1', file), 'utf8');
      expect(readFileSync(join(folder, 'out2', file), 'utf8')).toBe(text);
      expect(text).not.toContain('Chalmers');
    }
    const lines = readFileSync(join(folder, 'out1/a.ndjson'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { birthDate: string });
    expect(lines).toHaveLength(2);
    expect(lines[0]?.birthDate).toBe(lines[1]?.birthDate);
  });

  it('errors in the data are listed by line, without their content: exit code 1', () => {
    const config = write('config.json', JSON.stringify(CONFIGURATION));
    write(
      'bad.ndjson',
      [
        patient('1'),
        '{"resourceType":"Patient","name":"Chalmers',
        '{"resourceType":"Chalmers"}',
        '{"resourceType":"Patient","telecom":[{"value":"Chalmers"}]}',
      ].join('\n'),
    );
    const { code, out, err } = run('--config', config, '--input', 'bad.ndjson', '--output', 'bad-out.ndjson');
    expect(code).toBe(1);
    expect(err).toMatch(
      /bad\.ndjson:2: Not JSON[\s\S]*bad\.ndjson:3: Not a resource[\s\S]*bad\.ndjson:4: .*\(fhirPathRules\[3\]\)/,
    );
    expect(err + out).not.toContain('Chalmers');
    expect(readFileSync(join(folder, 'bad-out.ndjson'), 'utf8').trim().split('\n')).toHaveLength(1);
  });

  it('with processingErrors raise a file with an error is not written', () => {
    const config = write('raise.json', JSON.stringify({ ...CONFIGURATION, processingErrors: 'raise' }));
    write('one.ndjson', `${patient('1')}\n{"resourceType":"X"}\n`);
    expect(run('--config', config, '--input', 'one.ndjson', '--output', 'one-out.ndjson').code).toBe(1);
    expect(readdirSync(folder).filter((name) => name.startsWith('one-out'))).toEqual([]);
  });

  it.each<[string, string[], RegExp]>([
    ['no arguments', [], /--config is required/],
    ['an unknown option', ['--config', 'config.json', '--oops'], /oops/],
    ['a missing configuration', ['--config', 'nowhere.json', '--validate'], /cannot be read/],
    [
      'a wrong configuration',
      ['--config', 'wrong.json', '--validate'],
      /error: fhirPathRules\[0\]\.method: Unknown method/,
    ],
    ['a missing input', ['--config', 'config.json', '--input', 'nowhere', '--output', 'o'], /does not exist/],
    [
      'an output that is the input',
      ['--config', 'config.json', '--input', 'in', '--output', 'in'],
      /would overwrite an input/,
    ],
    [
      'an output that leads to the input',
      ['--config', 'config.json', '--input', 'in', '--output', 'x/../in'],
      /would overwrite an input/,
    ],
    ['a wrong version', ['--config', 'config.json', '--validate', '--fhir-version', 'R7'], /must be one of/],
    [
      'a secret that is not there',
      ['--config', 'secret.json', '--input', 'in', '--output', 'o'],
      /'NO_SUCH_SECRET' was not found/,
    ],
  ])('%s: exit code 2', (_, args, message) => {
    write('config.json', JSON.stringify(CONFIGURATION));
    write('wrong.json', '{"fhirPathRules":[{"path":"Patient","method":"x"}]}');
    write('secret.json', '{"fhirPathRules":[],"parameters":{"encryptKey":{"secretName":"NO_SUCH_SECRET"}}}');
    write('in/c.json', patient('4'));
    const { code, err } = run(...args);
    expect(err).toMatch(message);
    expect(code).toBe(2);
    expect(readFileSync(join(folder, 'in/c.json'), 'utf8')).toBe(patient('4'));
  });

  it('--validate checks the configuration and lists what no rule reaches', () => {
    const config = write('config.json', JSON.stringify(CONFIGURATION));
    const { code, out, err } = run('--config', config, '--validate');
    expect([code, out.trim()]).toEqual([0, 'The configuration has no errors.']);
    expect(err).toMatch(/warning: fhirPathRules: Patient: no rule reaches/);
  });
});
