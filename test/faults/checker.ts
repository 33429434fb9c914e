import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BlobServiceClient, ContainerClient } from '@azure/storage-blob';
import type { Manifest } from '../../cli/export/exportClient.js';

/** What an export broke: the words say which promise, and where. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** Ids by type of a folder of NDJSON files, read without any part of the app. */
export function sourceIds(directory: string): Map<string, string[]> {
  return new Map(
    readdirSync(directory).map((file) => [
      file.replace('.ndjson', ''),
      readFileSync(join(directory, file), 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { id: string }).id)
        .sort(),
    ]),
  );
}

/** What a complete export has to hold. */
export interface Expected {
  /** By type. */
  ids: ReadonlyMap<string, readonly string[]>;
  /** Whether its files are written patient by patient, with headers. */
  isOrganized: boolean;
}

/**
 * Compares a complete export with its source, by the blobs themselves: every resource once, every line whole,
 * counts as the manifest and the report state them.
 * @throws Violation
 */
export async function checkComplete(
  manifest: Manifest,
  { ids: expected, isOrganized }: Expected,
  container: ContainerClient,
  folder: string,
): Promise<void> {
  const found = new Map<string, string[]>();
  for (const { type, url, count } of manifest.output) {
    const name = `${folder}${decodeURIComponent(url.slice(url.lastIndexOf('/') + 1))}`;
    const text = await textOf(container, name);
    if (!text.endsWith('\n')) throw new Violation(`The last line of a file of ${type} is not whole.`);
    const lines = text.slice(0, -1).split('\n');
    if (lines.length !== count) {
      throw new Violation(`The manifest counts ${count} ${type} in a file that has ${lines.length}.`);
    }
    for (const line of lines) {
      const resource = resourceIn(line, type);
      if (isOrganized && resource.resourceType === 'Parameters') continue;
      if (!isOrganized && resource.resourceType !== type)
        throw new Violation(`A line of a file of ${type} is of another type.`);
      const ids = found.get(resource.resourceType) ?? [];
      found.set(resource.resourceType, ids);
      ids.push(resource.id);
    }
  }
  if (manifest.error.length > 0) throw new Violation('The manifest has errors.');
  const types = new Set([...expected.keys(), ...found.keys()]);
  for (const type of types) compare(type, expected.get(type) ?? [], (found.get(type) ?? []).sort());
  const total = [...expected.values()].reduce((sum, ids) => sum + ids.length, 0);
  for (const name of ['resourcesRead', 'resourcesWritten']) {
    if (manifest.extension[name] !== total) {
      throw new Violation(`${name} is ${String(manifest.extension[name])}, the source has ${total}.`);
    }
  }
}

/** What a job leaves in the container of its output. */
export async function namesBelow(container: ContainerClient, prefix: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of container.listBlobsFlat({ prefix })) names.push(name);
  return names;
}

/** Names of the private state of a job. */
export async function stateNames(runtime: BlobServiceClient, jobId: string): Promise<string[]> {
  const container = runtime.getContainerClient('fhir-export-jobs');
  return (await namesBelow(container, `${jobId}/`)).map((name) => name.slice(jobId.length + 1));
}

async function textOf(container: ContainerClient, name: string): Promise<string> {
  try {
    return (await container.getBlobClient(name).downloadToBuffer()).toString('utf8');
  } catch {
    throw new Violation('A file of the manifest cannot be read.');
  }
}

function resourceIn(line: string, type: string): { id: string; resourceType: string } {
  try {
    return JSON.parse(line) as { id: string; resourceType: string };
  } catch {
    throw new Violation(`A line of a file of ${type} is not whole.`);
  }
}

function compare(type: string, expected: readonly string[], found: readonly string[]): void {
  const doubled = found.length - new Set(found).size;
  if (doubled > 0) throw new Violation(`${doubled} ${type} are there more than once.`);
  const there = new Set(found);
  const missing = expected.filter((id) => !there.has(id)).length;
  if (missing > 0) throw new Violation(`${missing} of ${expected.length} ${type} are missing.`);
  if (found.length !== expected.length) throw new Violation(`${type} has resources that the source has not.`);
}
