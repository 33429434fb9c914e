import { mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseDurableFaults } from './durable/deliveryFaults.js';
import { startHost, type HostOptions } from './host.js';
import { logFile } from './log.js';

/** A host whose parent was killed ends what it is doing, and then itself. */
const DIRECTORY_WAIT_MS = 15_000;

/**
 * The host as a process of its own. Settings are environment variables:
 *
 * - `PORT`: where to listen (7071; 0 for any free port)
 * - `AzureWebJobsScriptRoot`: folder of the app (current directory)
 * - `LOCAL_DATA`: where to keep state (`.local`)
 * - `DURABLE_REDELIVERY_DELAY_SECONDS`: how long after a restart that waits which the host was doing when it stopped
 *   (the visibility time-outs of host.json, as on the real host)
 * - `DURABLE_FAULTS`: what goes wrong in the Durable extension, as JSON (`durable/deliveryFaults.ts`)
 * - `HOST_LOG_FILE`: file that log lines are appended to (standard output)
 *
 * It writes one line with `"event":"ready"` to standard output when it takes requests, and ends on SIGTERM,
 * SIGINT, or when the process that started it with an IPC channel ends.
 */
async function main(): Promise<void> {
  const { env } = process;
  const options: HostOptions = {
    scriptRoot: env['AzureWebJobsScriptRoot'] ?? process.cwd(),
    port: number('PORT', 7071),
    dataDirectory: env['LOCAL_DATA'] ?? '.local',
    directoryWaitMs: DIRECTORY_WAIT_MS,
  };
  if ((env['DURABLE_REDELIVERY_DELAY_SECONDS'] ?? '') !== '') {
    options.redeliveryDelayMs = number('DURABLE_REDELIVERY_DELAY_SECONDS', 0) * 1000;
  }
  const faults = env['DURABLE_FAULTS'] ?? '';
  if (faults !== '') options.durableFaults = parseDurableFaults(faults);
  const file = env['HOST_LOG_FILE'];
  if (file !== undefined) {
    mkdirSync(dirname(resolve(file)), { recursive: true });
    options.log = logFile(file);
  }
  // Whoever reads the lines may be gone before this process is asked to end.
  process.stdout.on('error', () => {});
  const host = await startHost(options);
  const stop = (): void => {
    host.close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, stop);
  if (process.connected) process.once('disconnect', stop);
  process.stdout.write(`${JSON.stringify({ event: 'ready', url: host.url })}\n`);
}

function number(name: string, otherwise: number): number {
  const text = process.env[name];
  const value = text === undefined || text === '' ? otherwise : Number(text);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new Error(`${name} must be a number, not below 0.`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
