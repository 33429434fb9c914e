import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ExportClient } from '../../cli/export/exportClient.js';
import { downloadLines, startTestStack, type TestStack } from './harness.js';

/**
 * What the process of the host and app may come to, without worker threads, whose heaps would hide what pages take. Two
 * pages of 50 MB, parsed, come to some 600 MiB.
 */
const MAX_MEBIBYTES = 476;
const CONFIGURATION = {
  fhirVersion: 'R4',
  fhirPathRules: [{ path: "nodesByType('HumanName')", method: 'redact' }],
  parameters: {},
};

let directory: string;
let test: TestStack | undefined;

afterEach(async () => {
  await test?.end();
  test = undefined;
  rmSync(directory, { recursive: true, force: true });
});

/** Starts a stack whose source has so many resources of one type. */
async function startWith(
  count: number,
  resource: { resourceType: string; [element: string]: unknown },
  environment: Record<string, string> = {},
): Promise<TestStack> {
  directory = mkdtempSync(join(tmpdir(), 'fhir-large-'));
  const file = openSync(join(directory, `${resource.resourceType}.ndjson`), 'w');
  for (let index = 0; index < count; index++) {
    const meta = { lastUpdated: new Date(1_700_000_000_000 + index * 1000).toISOString() };
    // The id near the line's begin, where it is looked for.
    writeSync(file, `${JSON.stringify({ id: `r${index}`, meta, ...resource })}\n`);
  }
  closeSync(file);
  test = await startTestStack({
    SAMPLE_DATA: directory,
    PAGE_SIZE: '500',
    WORKER_THREADS: '0',
    ...environment,
  });
  await test.putConfiguration('keeps-ids.json', CONFIGURATION);
  return test;
}

/** Binary is exported only by name. */
async function exportAll({ stack }: TestStack, type: string): Promise<string[]> {
  const client = new ExportClient(stack.baseUrl);
  const statusUrl = await client.kickOff({
    _type: type,
    _container: 'large',
    _anonymizationConfig: 'keeps-ids.json',
  });
  const manifest = await client.manifest(statusUrl, 200, () => undefined);
  const lines = await downloadLines(manifest);
  return [...lines.values()].flat().map((line) => /"id":"(r\d+)"/.exec(line.slice(0, 200))?.[1] ?? '');
}

/** The most memory that the host has had resident, as the kernel reports; `undefined` where there is no /proc. */
function peakMebibytes({ stack }: TestStack): number | undefined {
  const file = `/proc/${stack.host.pid}/status`;
  if (!existsSync(file)) return undefined;
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(file, 'utf8'))?.[1]) / 1024;
}

const MANY_ELEMENTS = {
  resourceType: 'QuestionnaireResponse',
  status: 'completed',
  item: Array.from({ length: 1000 }, (_, index) => ({
    linkId: String(index),
    text: 'a question of the form that was asked',
    answer: [{ valueInteger: index }],
  })),
};
const TWENTY_MEGABYTES = {
  resourceType: 'Binary',
  contentType: 'application/octet-stream',
  data: 'QUJD'.repeat(5_000_000),
};

describe('a source whose pages are large', () => {
  it.each([
    ['pages of 50 MB', 1000, MANY_ELEMENTS],
    ['resources of 20 MB', 4, TWENTY_MEGABYTES],
  ] satisfies Array<[string, number, { resourceType: string }]>)(
    `is exported in at most ${MAX_MEBIBYTES} MiB: %s`,
    async (name, count, resource) => {
      const stack = await startWith(count, resource);
      const ids = await exportAll(stack, resource.resourceType);
      expect(new Set(ids)).toEqual(new Set(Array.from({ length: count }, (_, index) => `r${index}`)));
      expect(ids).toHaveLength(count);
      const peak = peakMebibytes(stack);
      if (peak === undefined) {
        console.log('skipped: the peak of memory, which needs /proc');
      } else {
        console.log(`${name}: at most ${Math.round(peak)} MiB`);
        expect(peak).toBeLessThan(MAX_MEBIBYTES);
      }
    },
  );

  it('is refused, with the setting to change, where one resource is larger than a page may be', async () => {
    const stack = await startWith(2, TWENTY_MEGABYTES, { SOURCE_MAX_PAGE_MEBIBYTES: '16' });
    await expect(exportAll(stack, 'Binary')).rejects.toThrow(
      /A page of the source is larger than SOURCE_MAX_PAGE_MEBIBYTES \(16 MiB\) allows\. Raise it/,
    );
    expect(await stack.blobNames('large')).toEqual([]);
  });
});
