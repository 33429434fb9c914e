import { ExportClient } from '../../cli/export/exportClient.js';
import { SAMPLE_CONFIGURATION, type Stack } from '../../local/stack.js';
import { type ProcessUsage, processUsage } from './processUsage.js';

/** What an export took, from the kick-off to the manifest. */
export interface ExportCost {
  seconds: number;
  /** Of the host, with its worker threads: what it used meanwhile, and its peak; `undefined` elsewhere than on Linux. */
  usage: ProcessUsage | undefined;
}

/** Runs one de-identified export of all. @throws where it does not have as many resources */
export async function measureExport(
  stack: Pick<Stack, 'baseUrl' | 'host'>,
  resources: number,
): Promise<ExportCost> {
  const client = new ExportClient(stack.baseUrl);
  const before = processUsage(stack.host.pid);
  const begin = performance.now();
  const statusUrl = await client.kickOff({ _container: 'bench', _anonymizationConfig: SAMPLE_CONFIGURATION });
  const manifest = await client.manifest(statusUrl, 200, () => undefined);
  const seconds = (performance.now() - begin) / 1000;
  const after = processUsage(stack.host.pid);
  const exported = manifest.output.reduce((sum, { count }) => sum + count, 0);
  if (exported !== resources) throw new Error(`${exported} of ${resources} resources were exported.`);
  const usage = before && after && { ...after, cpuSeconds: after.cpuSeconds - before.cpuSeconds };
  return { seconds, usage };
}
