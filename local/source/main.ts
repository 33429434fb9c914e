import { FHIR_VERSION_NUMBERS, FHIR_VERSIONS } from '../../functions/fhir/fhirVersion.js';
import { parseBehaviours } from './behaviours.js';
import { parseBulkOptions } from './bulk/options.js';
import { parseFaults } from './faults.js';
import type { SourceFhirVersion, SourceOptions } from './settings.js';
import { startSource } from './source.js';

/**
 * Runs the sample FHIR source. Environment: `SAMPLE_DATA` (folder, required), `SOURCE_PORT` (8080),
 * `FHIR_VERSION` (R4: what it says that its data is),
 * `SOURCE_PAGING` (`cursor` or `offset`), `SOURCE_UNSUPPORTED` (comma-separated parameters),
 * `SOURCE_MAX_COUNT` (1000), `SOURCE_REQUESTS_PER_SECOND` (no limit), `SOURCE_GZIP` (`true`), `SOURCE_BEHAVIOURS` (comma-separated names of
 * `behaviours.ts`), `SOURCE_BULK` (JSON object of numbers, as in `bulk/options.ts`), `SOURCE_FAULTS` (JSON array of faults),
 * `SOURCE_FAULT_SEED` (1). Ends when its parent does.
 */
async function main(): Promise<void> {
  const source = await startSource(readOptions(process.env));
  const stop = () => {
    void source.close().then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  process.once('disconnect', stop);
  process.stdout.write(`${JSON.stringify({ event: 'ready', url: source.url })}\n`);
  process.send?.({ event: 'ready', url: source.url });
}

function readOptions(env: NodeJS.ProcessEnv): SourceOptions {
  const directory = env['SAMPLE_DATA'];
  if (!directory) throw new Error('SAMPLE_DATA must name the folder with the NDJSON files');
  const requestsPerSecond = readNumber(env, 'SOURCE_REQUESTS_PER_SECOND', 1, 100_000);
  return {
    directory,
    port: readNumber(env, 'SOURCE_PORT', 0, 65_535) ?? 8080,
    fhirVersion: readVersion(env['FHIR_VERSION'] || 'R4'),
    maxCount: readNumber(env, 'SOURCE_MAX_COUNT', 1, 100_000) ?? 1000,
    paging: readPaging(env['SOURCE_PAGING'] || 'cursor'),
    unsupported: (env['SOURCE_UNSUPPORTED'] ?? '').split(',').filter((name) => name !== ''),
    gzip: env['SOURCE_GZIP'] === 'true',
    behaviours: parseBehaviours(env['SOURCE_BEHAVIOURS'] ?? ''),
    bulk: parseBulkOptions(env['SOURCE_BULK'] || '{}'),
    ...(requestsPerSecond === undefined ? {} : { requestsPerSecond }),
    faults: parseFaults(env['SOURCE_FAULTS'] || '[]'),
    faultSeed: readNumber(env, 'SOURCE_FAULT_SEED', 0, 2 ** 32 - 1) ?? 1,
  };
}

function readVersion(text: string): SourceFhirVersion {
  const version = FHIR_VERSIONS.find((known) => known === text.toUpperCase());
  if (version === undefined) throw new Error(`FHIR_VERSION must be one of ${FHIR_VERSIONS.join(', ')}`);
  return FHIR_VERSION_NUMBERS[version];
}

function readPaging(text: string): 'cursor' | 'offset' {
  if (text === 'cursor' || text === 'offset') return text;
  throw new Error('SOURCE_PAGING must be cursor or offset');
}

function readNumber(env: NodeJS.ProcessEnv, name: string, min: number, max: number): number | undefined {
  const text = env[name];
  if (!text) return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new Error(`${name} must be a whole number from ${min} to ${max}`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
