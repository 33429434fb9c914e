import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { makePackage } from '../../infra/tools/package.js';
import { PROJECT_ROOT } from '../../local/paths.js';
import { median } from './median.js';

/** CPU time in which the main module of the app is loaded, of the deployment package and of the unbundled app in turn. */
const { values } = parseArgs({ options: { pairs: { type: 'string', default: '9' } } });

const MAIN = ['dist', 'functions', 'index.js'] as const;
const ENVIRONMENT = {
  ...process.env,
  WEBSITE_HOSTNAME: 'localhost:7071',
  AUTHENTICATION: 'none',
  FHIR_SERVER_URL: 'http://127.0.0.1:1/fhir',
  EXPORT_STORAGE: 'UseDevelopmentStorage=true',
  AzureWebJobsStorage: 'UseDevelopmentStorage=true',
};

interface Start {
  cpuMs: number;
  rssMebibytes: number;
}

function start(module: string): Start {
  const code = `
    await import(${JSON.stringify(module)});
    const { user, system } = process.cpuUsage();
    console.log(JSON.stringify({ cpuMs: (user + system) / 1000, rssMebibytes: process.memoryUsage().rss / 1048576 }));
    process.exit(0);`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', code], {
    env: ENVIRONMENT,
    encoding: 'utf8',
  });
  const line = stdout.trim().split('\n').at(-1);
  if (line === undefined || line === '') throw new Error(stderr);
  return JSON.parse(line) as Start;
}

const { directory, unpackedBytes } = await makePackage(PROJECT_ROOT, join(PROJECT_ROOT, 'dist', 'package'));
const pairs = Array.from({ length: Number(values.pairs) }, () => ({
  bundled: start(join(directory, ...MAIN)),
  unbundled: start(join(PROJECT_ROOT, ...MAIN)),
}));
const show = (name: string, all: readonly Start[]): void => {
  const cpu = median(all.map(({ cpuMs }) => cpuMs));
  const rss = median(all.map(({ rssMebibytes }) => rssMebibytes));
  console.log(`${name}: ${cpu.toFixed(0)} ms of CPU, ${rss.toFixed(0)} MiB`);
};
console.log(`package: ${(unpackedBytes / 1_048_576).toFixed(1)} MiB unpacked`);
const bundled = pairs.map((pair) => pair.bundled);
const unbundled = pairs.map((pair) => pair.unbundled);
show('bundled', bundled);
show('unbundled', unbundled);
console.log(
  `CPU, bundled by unbundled: ${median(pairs.map((pair) => pair.bundled.cpuMs / pair.unbundled.cpuMs)).toFixed(3)}`,
);
