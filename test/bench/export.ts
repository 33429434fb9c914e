import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { PROJECT_ROOT } from '../../local/paths.js';
import { generateSample } from '../../local/sample/sample.js';
import { startStack } from '../../local/stack.js';
import { measureExport } from './measureExport.js';
import { packagesOf } from './packages.js';

/** One export end to end, beside the ceiling of the same data on the same machine in the same run. */
interface Measurement {
  resources: number;
  seconds: number;
  resourcesPerSecond: number;
  mebibytesPerSecond: number;
  ceilingSeconds: number;
  /** Seconds of the export by those of the ceiling. */
  ratioToCeiling: number;
  peakMebibytes: number | undefined;
  cpuSecondsPerMillion: number | undefined;
}

const PAGE_SIZE = '500';
const WORKERS = '4';

/**
 * Measures the deployment package, or several in turn, such as that of the commit before.
 * `npm run bench [-- --resources 100000,1000000] [--packages DIR,DIR] [--rounds 1] [--json] [--data DIR]`
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      resources: { type: 'string', default: '100000,1000000' },
      packages: { type: 'string', default: '' },
      rounds: { type: 'string', default: '1' },
      data: { type: 'string', default: join(tmpdir(), 'fhir-export-bench') },
      json: { type: 'boolean', default: false },
    },
  });
  const packages = await packagesOf(values.packages);
  const measured: Measurement[] = [];
  for (const resources of values.resources.split(',').map(Number)) {
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const directory of packages) {
        const result = await measure(directory, resources, join(values.data, String(resources)));
        measured.push(result);
        if (values.json) continue;
        console.log(packages.length === 1 ? describe(result) : `${directory}: ${describe(result)}`);
      }
    }
  }
  if (values.json) console.log(JSON.stringify(measured));
}

async function measure(app: string, resources: number, directory: string): Promise<Measurement> {
  if (!existsSync(directory)) generateSample({ directory, resources, seed: 1 });
  const local = mkdtempSync(join(tmpdir(), 'fhir-export-bench-'));
  const stack = await startStack({
    environment: {
      ...{ PORT: '0', SOURCE_PORT: '0', AZURITE_BLOB_PORT: '0' },
      ...{ LOCAL_DATA: local, SAMPLE_DATA: directory, AzureWebJobsScriptRoot: app },
      ...{ PAGE_SIZE, PARALLEL_PARTITIONS: WORKERS },
    },
  });
  try {
    const { seconds, usage } = await measureExport(stack, resources);
    const ceiling = JSON.parse(
      execFileSync(
        process.execPath,
        [
          join(PROJECT_ROOT, 'dist', 'test', 'bench', 'ceiling.js'),
          ...[stack.fhirServerUrl, stack.exportStorage ?? '', PAGE_SIZE, WORKERS],
        ],
        { encoding: 'utf8' },
      ),
    ) as { seconds: number; bytes: number };
    return {
      resources,
      seconds,
      resourcesPerSecond: resources / seconds,
      mebibytesPerSecond: ceiling.bytes / 1_048_576 / seconds,
      ceilingSeconds: ceiling.seconds,
      ratioToCeiling: seconds / ceiling.seconds,
      peakMebibytes: usage?.peakMebibytes,
      cpuSecondsPerMillion: usage === undefined ? undefined : (usage.cpuSeconds / resources) * 1_000_000,
    };
  } finally {
    await stack.stop();
    rmSync(local, { recursive: true, force: true });
  }
}

function describe(result: Measurement): string {
  return [
    `${result.resources} resources in ${result.seconds.toFixed(1)} s`,
    `${result.resourcesPerSecond.toFixed(0)} resources/s, ${result.mebibytesPerSecond.toFixed(1)} MiB/s read`,
    `ceiling ${result.ceilingSeconds.toFixed(1)} s, ratio ${result.ratioToCeiling.toFixed(2)}`,
    `app: peak ${result.peakMebibytes?.toFixed(0) ?? '?'} MiB, ${result.cpuSecondsPerMillion?.toFixed(0) ?? '?'} CPU-seconds per million`,
  ].join('; ');
}

await main();
