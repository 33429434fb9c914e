import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { ExportClient } from '../../cli/export/exportClient.js';
import { PROJECT_ROOT } from '../../local/paths.js';
import { SAMPLE_CONFIGURATION } from '../../local/stack.js';
import { sourceIds } from '../faults/checker.js';
import { waitFor } from '../local/host/waitFor.js';

/** An export of some seconds, of which a kill meets the middle. */
const SETTINGS = {
  PAGE_SIZE: '3',
  SLICE_MAX_PAGES: '10',
  PARALLEL_PARTITIONS: '2',
  WORKER_THREADS: '1',
  DURABLE_REDELIVERY_DELAY_SECONDS: '1',
};
/** Where the storage emulator saves what it knows of its blobs, every five seconds. */
const SAVED = join('azurite', '__azurite_db_blob__.json');
const LOST = 'its last seconds is lost';

const directories: string[] = [];
const groups: number[] = [];

afterEach(() => {
  for (const pid of groups.splice(0)) {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

interface Started {
  child: ChildProcess;
  /** Of the group that it and the parts of the stack are in. */
  pid: number;
  baseUrl: string;
  said: string;
}

/** `npm start` after the build, in a process group of its own. */
async function start(directory: string): Promise<Started> {
  const child = spawn(process.execPath, [join(PROJECT_ROOT, 'dist', 'local', 'start.js')], {
    env: {
      ...process.env,
      PORT: '0',
      SOURCE_PORT: '0',
      AZURITE_BLOB_PORT: '0',
      LOCAL_DATA: directory,
      ...SETTINGS,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const pid = child.pid ?? 0;
  groups.push(pid);
  let said = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (said += text));
  let baseUrl: string | undefined;
  await waitFor(() => (baseUrl = /The export runs at +(\S+)/.exec(said)?.[1]) !== undefined, 'the stack');
  return { child, pid, baseUrl: baseUrl ?? '', said };
}

async function kickOffAndKill(
  wholeStack: boolean,
): Promise<{ again: Started; statusUrl: string; data: string }> {
  const data = mkdtempSync(join(tmpdir(), 'fhir-export-restart-'));
  directories.push(data);
  const first = await start(data);
  expect(first.said).not.toContain(LOST);
  const client = new ExportClient(first.baseUrl);
  const statusUrl = await client.kickOff({
    _container: 'restarted',
    _anonymizationConfig: SAMPLE_CONFIGURATION,
  });
  const request = `${statusUrl.slice(statusUrl.lastIndexOf('/') + 1)}/request.json`;
  const isSaved = (): boolean =>
    existsSync(join(data, SAVED)) && readFileSync(join(data, SAVED)).includes(request);
  await waitFor(isSaved, 'the storage emulator to save the request of the job');
  // So that there is something that it has not saved.
  await new Promise((resolve) => setTimeout(resolve, 1000));
  expect((await fetch(statusUrl)).status, 'the export must not have ended before the kill').not.toBe(200);
  const ended = once(first.child, 'exit');
  process.kill(wholeStack ? -first.pid : first.pid, 'SIGKILL');
  await ended;
  const again = await start(data);
  expect(again.baseUrl).toBe(first.baseUrl);
  return { again, statusUrl, data };
}

async function expectWhole(url: string, data: string): Promise<void> {
  const manifest = (await (await fetch(url)).json()) as { output: Array<{ count: number }> };
  const count = manifest.output.reduce((sum, file) => sum + file.count, 0);
  const ids = [...sourceIds(join(data, 'sample')).values()].reduce((sum, { length }) => sum + length, 0);
  expect(readdirSync(join(data, 'sample')).length).toBeGreaterThan(5);
  expect(count).toBe(ids);
}

async function end(statusUrl: string): Promise<{ status: number; text: string }> {
  let answer = { status: 202, text: '' };
  await waitFor(
    async () => {
      await new Promise((resolve) => setTimeout(resolve, 500));
      const response = await fetch(statusUrl);
      answer = { status: response.status, text: await response.text() };
      return ![202, 429].includes(response.status);
    },
    'the end of the export',
    300_000,
  );
  return answer;
}

it('the parts of a stack whose starter was killed save what they have; the next start is at the same place and its export continues', async () => {
  const { again, statusUrl, data } = await kickOffAndKill(false);
  expect(again.said).not.toContain(LOST);
  const { status, text } = await end(statusUrl);
  expect(text).toContain('"output"');
  expect(status).toBe(200);
  await expectWhole(statusUrl, data);
});

it('a stack that was killed as a whole says what it lost; its export continues, or says so, too', async () => {
  const { again, statusUrl, data } = await kickOffAndKill(true);
  expect(again.said).toContain(LOST);
  const { status, text } = await end(statusUrl);
  console.log(`after a kill of the whole stack: ${status}`);
  if (status === 200) await expectWhole(statusUrl, data);
  else expect(text).toMatch(/has lost what was written last/);
});
