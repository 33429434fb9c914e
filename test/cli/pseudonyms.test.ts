import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { StandIn } from '../adapters/pseudonyms/standIn.js';
import { madePseudonym } from '../deid/shared.js';

const COMMAND = fileURLToPath(new URL('../../dist/cli/fhirDeid.js', import.meta.url));
const RULES = {
  fhirPathRules: [
    { path: 'Resource.id', method: 'pseudonymize' },
    { path: "nodesByType('Reference').reference", method: 'pseudonymize' },
  ],
};
const COUNT = 2500;

let folder = '';
let service: StandIn;
let url: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pseudonyms-'));
  service = new StandIn();
  url = await service.start();
  writeFileSync(join(folder, 'config.json'), JSON.stringify(RULES));
  const lines = Array.from(
    { length: COUNT },
    (_, at) =>
      `{"resourceType":"Encounter","id":"SECRET-e${at}","subject":{"reference":"Patient/SECRET-p${at % 9}"}}`,
  );
  writeFileSync(join(folder, 'in.ndjson'), lines.join('\n'));
});
afterAll(async () => {
  await service.stop();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  service.always = {};
  service.seen.length = 0;
  rmSync(join(folder, 'out.ndjson'), { force: true });
});

/** Runs the command while this process answers as the service. */
function run(
  environment: Record<string, string>,
  ...args: string[]
): Promise<{ code: number | null; said: string }> {
  const given = ['--config', 'config.json', '--input', 'in.ndjson', '--output', 'out.ndjson', ...args];
  const child = spawn(process.execPath, [COMMAND, 'anonymize', ...given], {
    cwd: folder,
    env: { ...process.env, ...environment },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += String(chunk)));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, said })));
}

describe('pseudonyms on the command line', () => {
  const gpas = (): Record<string, string> => ({ PSEUDONYM_SERVICE: 'gpas', PSEUDONYM_URL: url });

  it('are those of the service, in the order of the input', async () => {
    const { code, said } = await run(gpas());
    expect(said).not.toContain('SECRET');
    expect(code).toBe(0);
    const lines = readFileSync(join(folder, 'out.ndjson'), 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { id: string }).id)).toEqual(
      Array.from({ length: COUNT }, (_, at) => madePseudonym({ domain: 'Encounter' }, `SECRET-e${at}`)),
    );
    expect(lines[10]).toContain(`"Patient/${madePseudonym({ domain: 'Patient' }, 'SECRET-p1')}"`);
    expect(lines.join()).not.toContain('SECRET');
    expect(service.seen.length).toBeLessThan(2 * Math.ceil(COUNT / 100));
  });

  it('are in domains that begin as the command says', async () => {
    expect((await run(gpas(), '--domain-prefix', 'study-a-')).code).toBe(0);
    expect(readFileSync(join(folder, 'out.ndjson'), 'utf8')).toContain(
      madePseudonym({ domain: 'study-a-Encounter' }, 'SECRET-e0'),
    );
  });

  it('that the service does not give leave no file', async () => {
    service.always = { change: (pairs) => pairs.slice(1) };
    const { code, said } = await run(gpas());
    expect(code).toBe(1);
    expect(said).toMatch(/The pseudonym service has answered for 99 of 100 values/);
    expect(said).not.toContain('SECRET');
    expect(existsSync(join(folder, 'out.ndjson'))).toBe(false);
  });

  it.each([
    [{}, /set PSEUDONYM_SERVICE/],
    [{ PSEUDONYM_SERVICE: 'gpas' }, /PSEUDONYM_URL is missing/],
    [{ PSEUDONYM_SERVICE: 'local', PSEUDONYM_KEY: 'k'.repeat(32) }, /AzureWebJobsStorage is missing/],
  ])('need the settings of the app: %j', async (environment, problem) => {
    const { code, said } = await run(environment);
    expect(code).toBe(2);
    expect(said).toMatch(problem);
  });
});
