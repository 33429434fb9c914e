import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BulkServer } from './bulkServer.js';

const COMMAND = fileURLToPath(new URL('../../../dist/cli/fhirDeid.js', import.meta.url));
const PATIENTS = 'Patient-0-0-a.ndjson';

let server: BulkServer;
let folder: string;
beforeEach(async () => {
  server = await BulkServer.start();
  server.polls = 0;
  folder = mkdtempSync(join(tmpdir(), 'interrupt-'));
});
afterEach(() => {
  server.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The command of this project, as a shell or a user runs it. */
function run(args: readonly string[]): {
  kill: (signal: NodeJS.Signals) => void;
  ended: Promise<[number, string]>;
} {
  const child = spawn(process.execPath, [COMMAND, ...args], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = Promise.all([once(child, 'exit'), text(child.stderr)]);
  return {
    kill: (signal) => child.kill(signal),
    ended: ended.then(([[code], written]) => [code as number, written]),
  };
}

it('Ctrl-C leaves what is there, and a line that continues to the end', async () => {
  server.hasGzip = false;
  const bytes = Buffer.from(server.files[PATIENTS]?.text ?? '');
  // The beginning of a file, then nothing.
  const stalled = new Promise<void>((resolve) => {
    server.onFile = (request, response, attempt) => {
      if (attempt > 1 || request.url?.includes(PATIENTS) !== true) return false;
      response.writeHead(200, { etag: '"stalled"', 'content-length': bytes.length });
      response.write(bytes.subarray(0, 1000), () => resolve());
      return true;
    };
  });
  const first = run(['export', '--base', server.base, '--output', 'my export']);
  await stalled;
  const output = join(folder, 'my export');
  await expect
    .poll(() => existsSync(join(output, 'Observation-1-0-b.ndjson')), { timeout: 60_000 })
    .toBe(true);
  await expect
    .poll(() => readFileSync(join(output, `${PATIENTS}.partial`)).length, { timeout: 60_000 })
    .toBe(1000);
  first.kill('SIGINT');
  const [code, written] = await first.ended;
  expect(code).toBe(130);
  expect(existsSync(join(output, PATIENTS))).toBe(false);
  const line = /^ {2}(fhir-deid export .*)$/m.exec(written)?.[1] ?? '';
  expect(line).toContain("--output 'my export'");

  // As a shell reads it.
  const args = [...line.replace('fhir-deid ', '').matchAll(/'([^']*)'|(\S+)/g)].map(
    ([, quoted, word]) => quoted ?? word ?? '',
  );
  const [secondCode] = await run(args).ended;
  expect(secondCode).toBe(0);
  expect(readFileSync(join(output, PATIENTS))).toEqual(bytes);
  expect(readdirSync(output).filter((name) => name.includes('partial'))).toEqual([]);
});
