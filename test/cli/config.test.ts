import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROJECT_ROOT } from '../../local/paths.js';

const COMMAND = join(PROJECT_ROOT, 'dist', 'cli', 'fhirDeid.js');
const GAPS = '{"fhirVersion":"R4","fhirPathRules":[{"path":"Patient.name","method":"redact"}]}';
const VERSION = new RegExp(
  `^${(JSON.parse(readFileSync(join(PROJECT_ROOT, 'package.json'), 'utf8')) as { version: string }).version.replaceAll('.', '\\.')}\n$`,
);

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-'));
  if (!existsSync(COMMAND)) execFileSync('npx', ['tsc', '-p', 'tsconfig.json'], { cwd: PROJECT_ROOT });
  writeFileSync(join(folder, 'gaps.json'), GAPS);
  const keyed = { fhirPathRules: [], parameters: { encryptKey: { secretName: 'research' } } };
  writeFileSync(join(folder, 'key.json'), JSON.stringify(keyed));
  writeFileSync(join(folder, 'wrong.json'), GAPS.replace('redact', 'shred'));
  writeFileSync(
    join(folder, 'gaps.yaml'),
    'fhirVersion: R4\nfhirPathRules:\n- path: Patient.name\n  method: redact\n',
  );
  writeFileSync(
    join(folder, 'wrong.yaml'),
    'fhirVersion: R4\nfhirPathRules:\n- path: Patient.name\n  method: shred\n',
  );
  writeFileSync(join(folder, 'extends.yaml'), 'extends: hipaa-safe-harbor-r4@1\n');
  writeFileSync(
    join(folder, 'list.yaml'),
    'fhirVersion: [R4, R4B]\nfhirPathRules:\n- path: Patient.name\n  method: redact\n',
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('fhir-deid says what is wrong on its command line', () => {
  it.each<[string, string[], number, RegExp]>([
    ['help', ['--help'], 0, /^fhir-deid <command>[^]*anonymize[^]*validate[^]*config push[^]*config show/],
    ['help of a group', ['config', '--help'], 0, /^fhir-deid <command>[^]*config push(?![^]*anonymize)/],
    ['help of each command', ['anonymize', '--help'], 0, /^fhir-deid anonymize --config FILE[^]*--jobs N/],
    ['help of each command', ['validate', '--help'], 0, /^fhir-deid validate FILE \[options\][^]*--verbose/],
    [
      'help of each command',
      ['config', 'push', '--help'],
      0,
      /^fhir-deid config push FILE[^]*--to REFERENCE/,
    ],
    ['help of each command', ['config', 'list', '--help'], 0, /^fhir-deid config list \[REFERENCE\]\n/],
    ['help of each command', ['config', 'show', '-h'], 0, /^fhir-deid config show NAME[^]*--from REFERENCE/],
    ['the version', ['--version'], 0, VERSION],
    ['the version', ['-v'], 0, VERSION],
    ['no command', [], 2, /^Name a command\.\n[^]*config push/],
    ['half a command', ['config'], 2, /^Name a command\.\n[^]*config push/],
    ['an unknown command', ['frob'], 2, /^There is no command "frob"\.\n[^]*config push/],
    ['an unknown command with a file', ['check', 'a.json'], 2, /^There is no command "check"\.\n/],
    ['an unknown one of a group', ['config', 'get', 'a'], 2, /^There is no command "config get"\.\n/],
    [
      'an unknown option',
      ['config', 'list', '--oops'],
      2,
      /^Unknown option '--oops'\.\n\nfhir-deid config list/,
    ],
    ['no file', ['validate'], 2, /^validate takes one FILE\.\n/],
    ['two files', ['validate', 'gaps.json', 'wrong.json'], 2, /^validate takes one FILE, not more\.\n/],
    [
      'a missing file',
      ['config', 'push', 'no.json'],
      2,
      /^The configuration no\.json cannot be read \(ENOENT: there is no such file or folder\)\.\n$/,
    ],
    ['errors', ['validate', 'wrong.json'], 2, /^error: [^]*Unknown method 'shred'[^]*has an error/],
    ['gaps in YAML', ['validate', 'gaps.yaml'], 0, /Coverage, names[^]*The configuration has no errors\.\n$/],
    [
      'errors in YAML',
      ['validate', 'wrong.yaml'],
      2,
      /^error: fhirPathRules\[0\]\.method \(line 4, column 3\): Unknown/,
    ],
    [
      'another version in YAML',
      ['validate', 'gaps.yaml', '--fhir-version', 'R5'],
      2,
      /for another FHIR version/,
    ],
    [
      'a configuration that extends a sample',
      ['validate', 'extends.yaml'],
      0,
      /^The digest of the configuration is sha256:[0-9a-f]{64}\.\nThe coverage [^]*has no errors\.\n$/,
    ],
    [
      'a sample of another version',
      ['validate', 'extends.yaml', '--fhir-version', 'R5'],
      2,
      /^error: extends \(line 1, column 1\): hipaa-safe-harbor-r4@1 is for R4/,
    ],
    ['a list of versions, with the first', ['validate', 'list.yaml'], 0, /has no errors\.\n$/],
    [
      'a list of versions, with another',
      ['validate', 'list.yaml', '--fhir-version', 'R4B'],
      0,
      /has no errors\.\n$/,
    ],
    [
      'a list of versions, with none of them',
      ['validate', 'list.yaml', '--fhir-version', 'R5'],
      2,
      /fhirVersion \(line 1, column 1\): The configuration is for another/,
    ],
    ['errors before a push', ['config', 'push', 'wrong.json'], 2, /^error: [^]*Unknown method 'shred'/],
    [
      'another version than the app',
      ['config', 'push', 'gaps.json', '--fhir-version', 'R5'],
      2,
      /for another FHIR version/,
    ],
    ['a wrong reference', ['config', 'list', 'nowhere'], 2, /^The reference must begin with the host/],
    ['gaps', ['validate', 'gaps.json'], 0, /Coverage, names[^]*The configuration has no errors\.\n$/],
    [
      'a key that is not set',
      ['validate', 'key.json'],
      0,
      /^warning: parameters: ANONYMIZATION_SECRET_research is not set: the app needs it$/m,
    ],
  ])('%s', (_name, args, code, words) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, ...args], {
      encoding: 'utf8',
      cwd: folder,
    });
    expect(stderr + stdout).toMatch(words);
    expect(status).toBe(code);
  });
});
