import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROJECT_ROOT } from '../../local/paths.js';

const COMMAND = join(PROJECT_ROOT, 'dist', 'cli', 'config.js');
const GAPS = '{"fhirVersion":"R4","fhirPathRules":[{"path":"Patient.name","method":"redact"}]}';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-'));
  if (!existsSync(COMMAND)) execFileSync('npx', ['tsc', '-p', 'tsconfig.json'], { cwd: PROJECT_ROOT });
  writeFileSync(join(folder, 'gaps.json'), GAPS);
  writeFileSync(join(folder, 'wrong.json'), GAPS.replace('redact', 'shred'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('npm run config says what is wrong on its command line', () => {
  it.each<[string, string[], number, RegExp]>([
    ['help', ['--help'], 0, /npm run config -- validate/],
    ['no command', [], 1, /npm run config -- validate/],
    ['an unknown command', ['frob'], 1, /There is no command "frob"\.\n[^]*npm run config -- validate/],
    ['an unknown option', ['list', '--oops'], 1, /'--oops'[^]*npm run config -- validate/],
    ['no file', ['validate'], 1, /validate takes one name\.\n/],
    ['two files', ['validate', 'gaps.json', 'wrong.json'], 1, /validate takes one name, not more\.\n/],
    ['a missing file', ['push', 'no.json'], 1, /^The configuration no\.json cannot be read \(ENOENT\)\.\n$/],
    ['errors', ['validate', 'wrong.json'], 1, /Unknown method 'shred'[^]*has 1 error/],
    ['gaps', ['validate', 'gaps.json'], 0, /Coverage, names[^]*The configuration has no errors\.\n$/],
  ])('%s', (_name, args, code, words) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, ...args], {
      encoding: 'utf8',
      cwd: folder,
    });
    expect(stderr + stdout).toMatch(words);
    expect(status).toBe(code);
  });
});
