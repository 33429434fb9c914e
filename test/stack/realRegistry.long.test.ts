import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ExportClient } from '../../cli/export/exportClient.js';
import { PROJECT_ROOT } from '../../local/paths.js';
import { freePort } from '../../local/ports.js';
import { downloadLines, startTestStack, type TestStack } from './harness.js';
import { tarGzOf } from '../adapters/registry/archives.js';
import {
  digestOf,
  type Descriptor,
  INDEX,
  MANIFEST,
  TAR_GZ,
  testCertificate,
} from '../adapters/registry/testRegistry.js';

/** Set where Docker's registry and skopeo are installed. */
const isHere = process.env['REAL_REGISTRY'] === 'true';
if (!isHere) console.log("skipped: Docker's registry and skopeo are tried by .ci/registry");

const USER = 'reader';
const PASSWORD = 'password-of-a-test';
const CONFIGURATION = JSON.stringify({
  fhirVersion: 'R4',
  fhirPathRules: [{ path: "nodesByType('HumanName')", method: 'redact' }],
  parameters: {},
});

describe.runIf(isHere)("an export with a configuration of Docker's registry", () => {
  let folder: string;
  let host: string;
  let registry: ChildProcess;
  let environment: Record<string, string>;
  let test: TestStack;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'fhir-registry-'));
    const { key, cert } = await testCertificate();
    writeFileSync(join(folder, 'key.pem'), key);
    writeFileSync(join(folder, 'ca.crt'), cert);
    // The C library hashes as htpasswd does, and Perl is wherever the packages of the registry are.
    const salt = '$2y$05$abcdefghijklmnopqrstuu';
    const { stdout: hash } = await run('perl', ['-e', 'print crypt($ARGV[0], $ARGV[1])', PASSWORD, salt]);
    writeFileSync(join(folder, 'htpasswd'), `${USER}:${hash}\n`);
    const port = await freePort(0);
    host = `localhost:${port}`;
    writeFileSync(
      join(folder, 'config.yml'),
      JSON.stringify({
        version: 0.1,
        log: { level: 'error', accesslog: { disabled: true } },
        storage: { filesystem: { rootdirectory: join(folder, 'storage') } },
        auth: { htpasswd: { realm: 'test', path: join(folder, 'htpasswd') } },
        http: {
          addr: `127.0.0.1:${port}`,
          tls: { certificate: join(folder, 'ca.crt'), key: join(folder, 'key.pem') },
        },
      }),
    );
    registry = await startRegistry(join(folder, 'config.yml'), port);
    environment = {
      ANONYMIZATION_REGISTRIES: host,
      ANONYMIZATION_REGISTRY_CA: cert,
      ANONYMIZATION_REGISTRY_CREDENTIALS: JSON.stringify({
        auths: { [host]: { username: USER, password: PASSWORD } },
      }),
    };
    test = await startTestStack(environment);
  });
  afterAll(async () => {
    await test.end();
    const ended = once(registry, 'exit');
    registry.kill();
    await ended;
    rmSync(folder, { recursive: true });
  });

  /** Exports patients by a reference; returns the digest that the manifest has. */
  async function exportBy(name: string, reference: string): Promise<unknown> {
    const client = new ExportClient(test.stack.baseUrl);
    const statusUrl = await client.kickOff({
      _container: 'real',
      _type: 'Patient',
      _anonymizationConfig: name,
      _anonymizationConfigCollectionReference: reference,
    });
    const manifest = await client.manifest(statusUrl, 100, () => undefined);
    const patients = (await downloadLines(manifest)).get('Patient') ?? [];
    expect(patients.length).toBeGreaterThan(10);
    for (const line of patients) expect(JSON.parse(line)).not.toHaveProperty('name');
    expect(manifest.extension).toMatchObject({ configurationDigest: digestOf(CONFIGURATION) });
    return manifest.extension['configurationCollectionDigest'];
  }

  it.each([
    ['an image of two archives', 'image', 'configs/safe.json', imageLayers],
    ['an artifact of plain files', 'artifact', 'safe.json', artifactLayers],
  ] as const)(
    'reads %s that skopeo has pushed, by tag and by digest',
    async (_case, repository, name, layersOf) => {
      const layout = join(folder, repository);
      const digest = writeLayout(layout, await layersOf());
      const target = `docker://${host}/team/${repository}:v1`;
      const trust = ['--dest-cert-dir', folder, '--dest-creds', `${USER}:${PASSWORD}`];
      await run('skopeo', ['--insecure-policy', 'copy', ...trust, `oci:${layout}:v1`, target]);
      expect(await exportBy(name, `${host}/team/${repository}:v1`)).toBe(digest);
      expect(await exportBy(name, `${host}/team/${repository}@${digest}`)).toBe(digest);
    },
  );

  it('reads what fhir-deid config has pushed, which skopeo can read, too', async () => {
    const file = join(folder, 'safe.json');
    writeFileSync(file, CONFIGURATION);
    const reference = `${host}/privacy/configs:2026-01`;
    const command = join(PROJECT_ROOT, 'dist', 'cli', 'fhirDeid.js');
    await run(process.execPath, [command, 'config', 'push', file, '--to', reference], {
      ...process.env,
      ...environment,
    });
    const digest = await exportBy('safe.json', reference);
    const trust = ['--cert-dir', folder, '--creds', `${USER}:${PASSWORD}`];
    const { stdout } = await run('skopeo', ['inspect', '--raw', ...trust, `docker://${reference}`]);
    expect(digestOf(stdout)).toBe(digest);
  });
});

function run(
  command: string,
  args: string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<{ stdout: string }> {
  return promisify(execFile)(command, args, { env });
}

/** Starts the registry and waits until it listens. */
async function startRegistry(configuration: string, port: number): Promise<ChildProcess> {
  const registry = spawn('docker-registry', ['serve', configuration], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  // It calls it an error that a blob is not there yet, so what it says is reported only where it ends.
  let said = '';
  registry.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const listens = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true));
      socket.on('error', () => resolve(false)).on('connect', () => socket.end());
    });
  while (!(await listens())) {
    if (registry.exitCode !== null) throw new Error(`The registry did not start: ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return registry;
}

interface Layer {
  mediaType: string;
  bytes: Buffer;
  annotations?: Record<string, string>;
}

async function imageLayers(): Promise<Layer[]> {
  const old = await tarGzOf([['configs/safe.json', '{}']]);
  const last = await tarGzOf([['./configs/safe.json', CONFIGURATION]]);
  return [old, last].map((bytes) => ({ mediaType: TAR_GZ, bytes }));
}

async function artifactLayers(): Promise<Layer[]> {
  return [
    ['readme.txt', 'text/plain', 'configurations'] as const,
    ['safe.json', 'application/json', CONFIGURATION] as const,
  ].map(([title, mediaType, text]) => ({
    mediaType,
    bytes: Buffer.from(text),
    annotations: { 'org.opencontainers.image.title': title },
  }));
}

/** Writes an image as a folder: https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md */
function writeLayout(folder: string, layers: Layer[]): string {
  mkdirSync(join(folder, 'blobs', 'sha256'), { recursive: true });
  const put = (mediaType: string, bytes: Buffer, annotations?: Record<string, string>): Descriptor => {
    const digest = digestOf(bytes);
    writeFileSync(join(folder, 'blobs', digest.replace(':', '/')), bytes);
    return { mediaType, digest, size: bytes.length, ...(annotations === undefined ? {} : { annotations }) };
  };
  const config = put(
    'application/vnd.oci.image.config.v1+json',
    Buffer.from(
      JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } }),
    ),
  );
  const manifest = put(
    MANIFEST,
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MANIFEST,
        config,
        layers: layers.map(({ mediaType, bytes, annotations }) => put(mediaType, bytes, annotations)),
      }),
    ),
  );
  const tagged = { ...manifest, annotations: { 'org.opencontainers.image.ref.name': 'v1' } };
  writeFileSync(
    join(folder, 'index.json'),
    JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [tagged] }),
  );
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  return manifest.digest;
}
