import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SAMPLE_NAMES } from '../../functions/deid/configuration/samples.js';
import { type DeploymentPackage, makePackage } from '../../infra/tools/package.js';
import { ExportClient } from '../../cli/export/exportClient.js';
import { PROJECT_ROOT } from '../../local/paths.js';
import { SAMPLE_CONFIGURATION } from '../../local/stack.js';
import { downloadLines, startTestStack, type TestStack } from '../stack/harness.js';

const MEBIBYTE = 1_048_576;

describe('the deployment package', () => {
  const directory = mkdtempSync(join(tmpdir(), 'fhir-export-package-'));
  const app = join(directory, 'unpacked');
  let made: DeploymentPackage;

  beforeAll(async () => {
    made = await makePackage(PROJECT_ROOT, join(directory, 'package'));
    for (const [file, bytes] of Object.entries(unzipSync(readFileSync(made.archive)))) {
      mkdirSync(dirname(join(app, file)), { recursive: true });
      writeFileSync(join(app, file), bytes);
    }
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('holds what the host looks for, and what package.json points to', () => {
    expect(existsSync(join(app, 'host.json'))).toBe(true);
    const manifest = JSON.parse(readFileSync(join(app, 'package.json'), 'utf8')) as Record<string, unknown>;
    expect(existsSync(join(app, String(manifest['main'])))).toBe(true);
    expect(manifest).not.toHaveProperty('scripts');
    expect(manifest).not.toHaveProperty('devDependencies');
  });

  it('holds the app, its dependencies and their licences, nothing else', () => {
    const own = made.files.filter((file) => !file.startsWith('node_modules/'));
    expect(
      own.filter(
        (file) =>
          !/^(host\.json|package\.json|dist\/functions\/([\w/]+\.json|[\w-]+\.js)|dist\/configurations\/[\w@-]+\.json|dist\/console\/[\w/-]+\.(?:html|css|svg|js|txt)(?:\.br)?)$/.test(
            file,
          ),
      ),
    ).toEqual([]);
    expect(own).toEqual(
      expect.arrayContaining(['dist/console/preview/index.html.br', 'dist/console/preview/main.js.br']),
    );
    const samples = SAMPLE_NAMES.map((name) => `dist/configurations/${name.replace(/@\d+$/, '.json')}`);
    expect(own).toEqual(expect.arrayContaining(samples));
    expect(made.files.filter((file) => /\.(map|ts|mts|cts|node)$/.test(file))).toEqual([]);
    expect(made.files.some((file) => file.startsWith('node_modules/@azure/functions/LICENSE'))).toBe(true);
  });

  it('holds production dependencies only, in the versions of the lockfile, for any processor', () => {
    const lock = JSON.parse(readFileSync(join(PROJECT_ROOT, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { dev?: boolean; os?: string[]; cpu?: string[] }>;
    };
    const packages = new Set(
      made.files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file) ?? []),
    );
    expect(packages.size).toBeGreaterThan(10);
    for (const name of packages) {
      const locked = lock.packages[name];
      expect(locked, `${name} is not in package-lock.json`).toBeDefined();
      expect(locked, `${name} is a development dependency`).not.toHaveProperty('dev');
      expect(locked?.os ?? locked?.cpu, `${name} is for some machines only`).toBeUndefined();
    }
  });

  it('has modules in ASCII alone: V8 takes two bytes for each character of others, in every thread', () => {
    const modules = made.files.filter((file) => /^dist\/functions\/[\w-]+\.js$/.test(file));
    expect(modules.length).toBeGreaterThan(3);
    expect(modules.filter((file) => !/^\p{ASCII}+$/u.test(readFileSync(join(app, file), 'utf8')))).toEqual(
      [],
    );
  });

  it('is small', () => {
    // The console is compressed in both.
    const ofConsole = made.files
      .filter((file) => file.startsWith('dist/console/'))
      .reduce((sum, file) => sum + statSync(join(app, file)).size, 0);
    expect(made.archiveBytes - ofConsole).toBeLessThan(3 * MEBIBYTE);
    expect(made.unpackedBytes).toBeLessThan(12 * MEBIBYTE);
    expect(ofConsole).toBeLessThan(1.5 * MEBIBYTE);
  });

  it('is the same for the same files', async () => {
    // This time by `npm run package`.
    const command = join(PROJECT_ROOT, 'dist', 'infra', 'tools', 'makePackage.js');
    const { stdout } = await promisify(execFile)(process.execPath, [command]);
    expect(stdout).toContain('dist/package.zip');
    const again = readFileSync(join(PROJECT_ROOT, 'dist', 'package.zip'));
    expect(again.equals(readFileSync(made.archive))).toBe(true);
  });

  describe('unpacked, away from the project', () => {
    let test: TestStack;
    beforeAll(async () => {
      // A thread starts from a module that nothing imports: it must be in the package, too.
      test = await startTestStack({
        AzureWebJobsScriptRoot: app,
        WORKER_THREADS: '1',
        DE_IDENTIFY: 'on',
        DE_IDENTIFY_ANY_CALLER: 'true',
        DEFAULT_ANONYMIZATION_CONFIG: SAMPLE_CONFIGURATION,
      });
    });
    afterAll(() => test.end());

    it('starts and answers the health probe', async () => {
      const response = await fetch(new URL('/healthz', test.stack.baseUrl));
      expect(response.status).toBe(200);
    });

    it('de-identifies a resource, on a thread of its own', async () => {
      const response = await fetch(new URL('fhir/$de-identify', new URL('/', test.stack.baseUrl)), {
        method: 'POST',
        headers: { 'content-type': 'application/fhir+json' },
        body: JSON.stringify({ resourceType: 'Patient', birthDate: '1970-05-06' }),
      });
      expect(await response.json()).toMatchObject({ resourceType: 'Patient', birthDate: '1970' });
    });

    it('exports, with a configuration that extends a sample', async () => {
      await test.putConfiguration('extends.json', {
        extends: 'hipaa-safe-harbor-r4@1',
        fhirPathRules: [{ path: 'Patient.gender', method: 'redact' }],
      });
      const client = new ExportClient(test.stack.baseUrl);
      const statusUrl = await client.kickOff({
        _type: 'Patient,Encounter',
        _container: 'research',
        _anonymizationConfig: 'extends.json',
      });
      const manifest = await client.manifest(statusUrl, 100, () => {});
      expect(manifest.extension).toMatchObject({
        configurationExtends: 'hipaa-safe-harbor-r4@1',
        deidentified: true,
      });
      const lines = await downloadLines(manifest);
      expect([...lines.keys()].sort()).toEqual(['Encounter', 'Patient']);
      expect(lines.get('Patient')?.length).toBeGreaterThan(0);
      expect(lines.get('Patient')?.join('\n')).not.toContain('"gender"');
    });
  });
});
