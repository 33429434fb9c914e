import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { ExportClient } from '../../cli/export/exportClient.js';
import { SAMPLE_CONFIGURATION } from '../../local/stack.js';
import { startTestStack, type TestStack } from './harness.js';

/** Entries of a start and a small export: three functions for each group of its types and its workers, and the polls. */
const MAX_ENTRIES = 400;
const stacks: TestStack[] = [];

afterAll(async () => {
  for (const test of stacks) await test.end();
});

/** Log entries of a start and one export by category, and their levels. */
async function entriesOf(environment: Record<string, string>): Promise<Map<string, Set<string>>> {
  const test = await startTestStack({ WORKER_THREADS: '1', ...environment });
  stacks.push(test);
  const client = new ExportClient(test.stack.baseUrl);
  const url = await client.kickOff({ _container: 'logged', _anonymizationConfig: SAMPLE_CONFIGURATION });
  await client.manifest(url, 1000, () => undefined);
  await test.stack.stop();
  const entries = new Map<string, Set<string>>();
  counted = 0;
  for (const line of readFileSync(join(test.stack.dataDirectory, 'log', 'host.log'), 'utf8').split('\n')) {
    if (!line.startsWith('{"time"')) continue;
    counted++;
    const { category, level } = JSON.parse(line) as { category: string; level: string };
    entries.set(category, (entries.get(category) ?? new Set()).add(level));
  }
  return entries;
}

let counted = 0;
let executions = MAX_ENTRIES;

it('in the levels of host.json, a start and an export log the executions, from which the operator reads, and no more', async () => {
  const entries = await entriesOf({});
  console.log(`${counted} log entries of a start and an export`);
  expect([...entries.keys()]).toEqual(['Host.Results']);
  expect(counted).toBeGreaterThan(10);
  expect(counted).toBeLessThan(MAX_ENTRIES);
  executions = counted;
});

it('at Information, the storage library alone logs many times as much', async () => {
  const entries = await entriesOf({
    AzureFunctionsJobHost__logging__logLevel__default: 'Information',
    'AzureFunctionsJobHost__logging__logLevel__Azure.Core': 'Information',
  });
  expect(entries.get('Azure.Core')).toEqual(new Set(['information', 'warning']));
  expect(counted).toBeGreaterThan(3 * executions);
});
