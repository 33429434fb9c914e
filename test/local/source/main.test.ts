import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { accepted, kickOff } from './bulk/support.js';
import { ask, ids, resource } from './support.js';

const main = fileURLToPath(new URL('../../../dist/local/source/main.js', import.meta.url));
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'source-main-'));
  writeFileSync(join(directory, 'Patient.ndjson'), resource('Patient', 'a'));
});

afterAll(() => rmSync(directory, { recursive: true }));

function start(env: Record<string, string>): ChildProcess {
  return fork(main, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
}

async function ready(child: ChildProcess): Promise<string> {
  const [message] = (await once(child, 'message')) as unknown[];
  expect(message).toMatchObject({ event: 'ready' });
  return JSON.stringify(message).match(/http[^"]+/)![0];
}

test('serves what the environment says, and ends with its parent', async () => {
  const child = start({
    SAMPLE_DATA: directory,
    SOURCE_PORT: '0',
    SOURCE_UNSUPPORTED: '_sort',
    SOURCE_FAULTS: '[{"kind":"status","status":503,"times":1}]',
    SOURCE_BEHAVIOURS: 'export-no-system',
    SOURCE_BULK: '{"retryAfterSeconds":9}',
  });
  const url = await ready(child);
  expect((await ask(`${url}/Patient`)).status).toBe(503);
  expect(ids(await ask(`${url}/Patient`))).toEqual(['a']);
  const strict = await ask(`${url}/Patient?_sort=_id`, { headers: { Prefer: 'handling=strict' } });
  expect(strict.status).toBe(400);
  expect((await kickOff(`${url}/$export`)).status).toBe(404);
  const running = await fetch(await accepted(kickOff(`${url}/Patient/$export`)));
  expect(running.headers.get('retry-after')).toBe('9');
  child.disconnect();
  const [code] = (await once(child, 'exit')) as unknown[];
  expect(code).toBe(0);
});

test.each([
  ['no folder', {}, /SAMPLE_DATA must name the folder/],
  ['a port that is none', { SAMPLE_DATA: '.', SOURCE_PORT: 'http' }, /SOURCE_PORT must be a whole number/],
  [
    'a paging that is none',
    { SAMPLE_DATA: '.', SOURCE_PAGING: 'pages' },
    /SOURCE_PAGING must be cursor or offset/,
  ],
  ['faults that are none', { SAMPLE_DATA: '.', SOURCE_FAULTS: '[{}]' }, /fault 0 has no kind/],
  [
    'a number that is none',
    { SAMPLE_DATA: '.', SOURCE_BULK: '{"poll":1}' },
    /SOURCE_BULK: poll is none of polls,/,
  ],
  ['a behaviour that is none', { SAMPLE_DATA: '.', SOURCE_BEHAVIOURS: 'export' }, /there is no export\./],
  ['a folder that is not there', { SAMPLE_DATA: '/nowhere/at/all' }, /\/nowhere\/at\/all/],
])('says what is wrong: %s', async (_name, env, message) => {
  const child = start({ SAMPLE_DATA: '', ...env });
  let words = '';
  child.stderr?.on('data', (chunk: Buffer) => (words += chunk.toString()));
  const [code] = (await once(child, 'close')) as unknown[];
  expect(code).toBe(1);
  expect(words).toMatch(message);
});
