import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BlobServiceClient } from '@azure/storage-blob';
import { expect } from 'vitest';
import { ExportClient, type Manifest } from '../../cli/export/exportClient.js';
import { SAMPLE_CONFIGURATION } from '../../local/stack.js';
import { downloadLines, startTestStack, type TestStack } from './harness.js';
import { expectVerified } from './verified.js';
import { foundIn, identitiesOf } from './identities.js';

/** Exports everything, de-identified, and looks for identities in all that is left. */
export async function expectDeidentified(environment: Record<string, string>): Promise<void> {
  const test = await startTestStack({ PAGE_SIZE: '100', WORKER_THREADS: '2', ...environment });
  try {
    const client = new ExportClient(test.stack.baseUrl);
    const statusUrl = await client.kickOff({
      _container: 'research',
      _anonymizationConfig: SAMPLE_CONFIGURATION,
    });
    const answers: string[] = [];
    const manifest = await client.manifest(statusUrl, 100, (progress) => answers.push(progress));
    const source = sourceLines(environment['SAMPLE_DATA'] ?? join(test.stack.dataDirectory, 'sample'));
    const output = await downloadLines(manifest);

    expect(countsOf(output)).toEqual(countsOf(source));
    for (const [type, lines] of output) {
      // Ids are hashed, references with them: as many different ones as there are resources.
      expect(new Set(lines.map(idOf)).size, type).toBe(lines.length);
    }
    expectReferencesToResolve(output, source);
    await expectVerified(manifest);

    const identities = identitiesOf([...source.values()].flat());
    expect(identities.size).toBeGreaterThan(100);
    expect(foundIn([...output.values()].flat().join('\n'), identities)).toEqual([]);
    expect(foundIn(JSON.stringify(manifest) + answers.join(), identities)).toEqual([]);
    expect(foundIn(await reportOf(manifest), identities)).toEqual([]);
    expect(foundIn(filesBelow(join(test.stack.dataDirectory, 'durable')), identities)).toEqual([]);
    expect(foundIn(filesBelow(join(test.stack.dataDirectory, 'log')), identities)).toEqual([]);
    const state = await stateOf(test);
    expect([...state.keys()].filter((name) => /secret|configuration|slices|claims/.test(name))).toEqual([]);
    expect(foundIn([...state.values()].join('\n'), identities)).toEqual([]);
  } finally {
    await test.end();
  }
}

function sourceLines(directory: string): Map<string, string[]> {
  return new Map(
    readdirSync(directory).map((file) => [
      file.replace('.ndjson', ''),
      readFileSync(join(directory, file), 'utf8').trimEnd().split('\n'),
    ]),
  );
}

function countsOf(lines: Map<string, string[]>): Record<string, number> {
  return Object.fromEntries(
    [...lines].map(([type, own]) => [type, own.length] as const).sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

function idOf(line: string): string {
  return (JSON.parse(line) as { id: string }).id;
}

/** A reference that led to a resource of the source leads to one of the output. */
function expectReferencesToResolve(output: Map<string, string[]>, source: Map<string, string[]>): void {
  const resolved = (lines: Map<string, string[]>): number => {
    const known = new Set([...lines].flatMap(([type, own]) => own.map((line) => `${type}/${idOf(line)}`)));
    const references = [...lines.values()]
      .flat()
      .join('\n')
      .matchAll(/"reference":"([^"]+)"/g);
    return [...references].filter(([, target]) => known.has(target ?? '')).length;
  };
  // Extensions, and the references in them, are not exported.
  expect(resolved(output)).toBeGreaterThan(0.9 * resolved(source));
}

async function reportOf(manifest: Manifest): Promise<string> {
  const response = await fetch(String(manifest.extension['report']));
  expect(response.status).toBe(200);
  return response.text();
}

function filesBelow(directory: string): string {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
    .join('\n');
}

/** The private state of the jobs, by blob name. */
async function stateOf(test: TestStack): Promise<Map<string, string>> {
  const container = BlobServiceClient.fromConnectionString(test.stack.runtimeStorage).getContainerClient(
    'fhir-export-jobs',
  );
  const blobs = new Map<string, string>();
  for await (const { name } of container.listBlobsFlat()) {
    blobs.set(name, (await container.getBlobClient(name).downloadToBuffer()).toString('utf8'));
  }
  return blobs;
}
