import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:net';
import {
  DEVELOPMENT_KEY,
  developmentStorage,
  EXPORT_ACCOUNT,
  RUNTIME_ACCOUNT,
} from '../../local/developmentStorage.js';
import { PROJECT_ROOT } from '../../local/paths.js';
import { freePort } from '../../local/ports.js';
import { StackProcess } from '../../local/processes.js';

/** The storage emulator alone. */
export interface Emulator {
  port: number;
  account: string;
  /** For http only. */
  connectionString: string;
  stop(): Promise<void>;
}

/**
 * Starts the emulator on a free port.
 * @param tls certificate and key, PEM: then it speaks https, and takes tokens as well as keys
 * @param service of the emulator: one of them
 */
export async function startEmulator(
  tls?: { cert: string; key: string },
  service: 'blob' | 'table' = 'blob',
): Promise<Emulator> {
  const directory = mkdtempSync(join(tmpdir(), 'fhir-export-storage-'));
  const port = await freePort(0);
  const secure: string[] = [];
  if (tls !== undefined) {
    for (const name of ['cert', 'key'] as const) {
      writeFileSync(join(directory, `${name}.pem`), tls[name]);
      secure.push(`--${name}`, join(directory, `${name}.pem`));
    }
    secure.push('--oauth', 'basic');
  }
  const part = new StackProcess({
    name: 'storage',
    module: join(PROJECT_ROOT, 'dist', 'local', 'azurite.js'),
    arguments: [
      ...[`--${service}Host`, '127.0.0.1', `--${service}Port`, String(port), '--location', directory],
      ...['--silent', '--disableTelemetry', '--skipApiVersionCheck', ...secure],
    ],
    environment: {
      ...process.env,
      AZURITE_SERVICE: service,
      AZURITE_ACCOUNTS: [RUNTIME_ACCOUNT, EXPORT_ACCOUNT]
        .map((name) => `${name}:${DEVELOPMENT_KEY}`)
        .join(';'),
    },
    workingDirectory: PROJECT_ROOT,
    logFile: join(directory, 'azurite.log'),
  });
  await part.ready(() => accepts(port));
  return {
    port,
    account: RUNTIME_ACCOUNT,
    connectionString: developmentStorage(RUNTIME_ACCOUNT, port, port),
    async stop() {
      await part.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
