import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPseudonymAccess } from '../../../functions/adapters/pseudonyms/openPseudonymAccess.js';
import { openPseudonyms } from '../../../functions/adapters/pseudonyms/openPseudonyms.js';
import { compileEngine } from '../../../functions/deid/compileEngine.js';
import { readConfiguration } from '../../../functions/deid/readConfiguration.js';
import { anonymizeText } from '../../../functions/deid/run/anonymizeText.js';
import { JobPseudonyms } from '../../../functions/export/output/jobPseudonyms.js';
import { readSettings } from '../../../functions/settings/settings.js';
import { type Emulator, startEmulator } from '../../adapters/azurite.js';
import { REQUIRED_SETTINGS } from '../../environment.js';
import { SEED } from '../../random.js';

const COMMAND = fileURLToPath(new URL('../../../dist/cli/fhirDeid.js', import.meta.url));
const CONFIGURATION = JSON.stringify({
  fhirPathRules: [{ path: 'Resource.id', method: 'pseudonymize', domain: 'ids' }],
});
const IDS = fc.sample(
  fc.uniqueArray(fc.stringMatching(/^[A-Za-z0-9\-.]{3,64}$/), { minLength: 8, maxLength: 12 }),
  {
    seed: SEED,
    numRuns: 1,
  },
)[0] as string[];

let folder = '';
let server: Server;
let emulator: Emulator;
let services: Record<string, Record<string, string>>;
/** Random pseudonyms by domain and value. */
const made = new Map<string, string>();

function pseudonymOf(domain: string, value: string): string {
  const key = JSON.stringify([domain, value]);
  const pseudonym = made.get(key) ?? randomUUID();
  made.set(key, pseudonym);
  return pseudonym;
}

function valueOf(domain: string, pseudonym: string): string | undefined {
  for (const [key, found] of made) {
    const [itsDomain, value] = JSON.parse(key) as [string, string];
    if (found === pseudonym && itsDomain === domain) return value;
  }
  return undefined;
}

interface Parameters {
  parameter: Array<{ name: string; valueString: string }>;
}

/** gPAS and Vfps, as their documentation has them: the answer, or `undefined` for what they do not have. */
function answerTo(path: string, body: unknown): object | undefined {
  const [, namespace, pseudonymValue] = /^\/v1\/namespaces\/([^/]*)\/pseudonyms(?:\/(.*))?$/.exec(path) ?? [];
  if (namespace !== undefined) {
    const originalValue =
      pseudonymValue === undefined
        ? (body as { originalValue: string }).originalValue
        : valueOf(namespace, pseudonymValue);
    return originalValue === undefined
      ? undefined
      : { pseudonym: { namespace, originalValue, pseudonymValue: pseudonymOf(namespace, originalValue) } };
  }
  const all = (name: string): string[] =>
    (body as Parameters).parameter.filter((each) => each.name === name).map(({ valueString }) => valueString);
  const domain = all('target')[0] ?? '';
  const values =
    path === '/$dePseudonymize'
      ? all('pseudonym').map((pseudonym) => valueOf(domain, pseudonym))
      : all('original');
  if (values.includes(undefined)) return undefined;
  const part = (name: string, value: string): object => ({
    name,
    valueIdentifier: { system: 'https://ths-greifswald.de/gpas', value },
  });
  return {
    resourceType: 'Parameters',
    parameter: (values as string[]).map((value) => ({
      name: 'pseudonym',
      part: [part('original', value), part('target', domain), part('pseudonym', pseudonymOf(domain, value))],
    })),
  };
}

function run(args: readonly string[], environment: object): Promise<{ code: number; said: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [COMMAND, ...args],
      { cwd: folder, env: { ...process.env, ...environment } },
      (error, out, err) => resolve({ code: error === null ? 0 : Number(error.code), said: out + err }),
    );
  });
}

/** The ids of patients as an export has them. */
async function exportedIds(environment: Record<string, string>): Promise<string[]> {
  const settings = readSettings({ ...REQUIRED_SETTINGS, ...environment });
  const opened = openPseudonyms(settings, openPseudonymAccess(settings));
  const { configuration } = readConfiguration(CONFIGURATION, { fhirVersion: 'R4' });
  if (opened === undefined || configuration === undefined)
    throw new Error('There is nothing to export with.');
  const pseudonyms = new JobPseudonyms(opened.of('job'));
  const engine = compileEngine(configuration, {
    fhirVersion: 'R4',
    now: 0,
    jobSecret: new Uint8Array(32),
    randomBytes: (size) => new Uint8Array(size),
    validation: 'off',
    pseudonyms,
  });
  const lines = (): string[] =>
    IDS.map((id) => {
      const result = anonymizeText(engine, JSON.stringify({ resourceType: 'Patient', id }));
      return result.outcome === 'anonymized' ? result.line : '{}';
    });
  lines();
  await pseudonyms.ask();
  return lines().map((line) => (JSON.parse(line) as { id: string }).id);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'reidentify-service-'));
  writeFileSync(join(folder, 'ids.txt'), [...IDS, 'never-exported', IDS[0]].join('\n'));
  server = createServer((request, response) => {
    void (async () => {
      const body = request.method === 'GET' ? undefined : await json(request);
      const answer = answerTo(decodeURIComponent(request.url ?? ''), body);
      response.writeHead(answer === undefined ? 404 : 200).end(JSON.stringify(answer ?? body ?? {}));
    })();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  emulator = await startEmulator(undefined, 'table');
  const PSEUDONYM_URL = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  services = {
    gpas: { PSEUDONYM_SERVICE: 'gpas', PSEUDONYM_URL },
    vfps: { PSEUDONYM_SERVICE: 'vfps', PSEUDONYM_URL },
    local: {
      PSEUDONYM_SERVICE: 'local',
      PSEUDONYM_KEY: 'CanaryKeyOfTheTable'.padEnd(32, '.'),
      AzureWebJobsStorage: emulator.connectionString,
    },
  };
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await emulator.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('after an export with pseudonymize, fhir-deid reidentify service', () => {
  it.each(['gpas', 'vfps', 'local'])(
    'gives the true id of each pseudonym of %s, and says of others that they are not found',
    async (name) => {
      const environment = services[name] ?? {};
      const pseudonyms = await exportedIds(environment);
      expect(pseudonyms.filter((pseudonym) => IDS.includes(pseudonym))).toEqual([]);
      writeFileSync(join(folder, 'wanted.txt'), [...pseudonyms, 'unknown'].join('\n'));
      const output = join(folder, `${name}.csv`);
      const { code, said } = await run(
        [
          ...['reidentify', 'service', '--domain', 'ids', '--pseudonyms', 'wanted.txt', '--output', output],
          ...['--audit', `${name}.audit`, ...(name === 'local' ? ['--ids', 'ids.txt'] : [])],
        ],
        environment,
      );
      expect(`${code} ${said}`).toMatch(new RegExp(`^0 pseudonyms: ${IDS.length}\nnot found: 1 of`));
      expect(readFileSync(output, 'utf8').trim().split('\n')).toEqual([
        'pseudonym,value,unique',
        ...pseudonyms.map((pseudonym, index) => `${pseudonym},${IDS[index]},true`),
      ]);
      expect(statSync(output).mode & 0o777).toBe(0o600);
      const audit = readFileSync(join(folder, `${name}.audit`), 'utf8');
      expect(JSON.parse(audit)).toMatchObject({ command: 'reidentify service', domain: 'ids', notFound: 1 });
      expect(IDS.some((id) => audit.includes(`"${id}"`)) || /Canary/.test(audit + said)).toBe(false);
    },
    240_000,
  );

  it('makes no pseudonym of a value that has none', () => {
    expect([...made.keys()].some((key) => key.includes('never-exported'))).toBe(false);
  });

  it.each<[string, object, RegExp]>([
    ['no service', {}, /PSEUDONYM_SERVICE is not set/],
    [
      'entici',
      { PSEUDONYM_SERVICE: 'entici', PSEUDONYM_URL: 'http://localhost:1' },
      /entici has no operation/,
    ],
  ])('refuses %s', async (_name, environment, words) => {
    const output = join(folder, 'refused.csv');
    const { code, said } = await run(
      ['reidentify', 'service', '--domain', 'ids', '--pseudonyms', 'ids.txt', '--output', output],
      environment,
    );
    expect(`${code} ${said}`).toMatch(/^2 /);
    expect(said).toMatch(words);
    expect(existsSync(output)).toBe(false);
  });
});
