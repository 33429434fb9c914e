import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BlobServiceClient } from '@azure/storage-blob';
import { expect } from 'vitest';
import { REPORT_FILES } from '../../functions/export/output/manifest.js';
import { reportPage } from '../../functions/export/report/reportPage.js';
import { sharedReport } from '../../functions/export/report/sharedReport.js';
import { HOSPITAL } from '../export/report/hospital.js';
import { INVENTED } from '../export/report/invented.js';
import { foundIn, identitiesOf } from './identities.js';

/** Lines of a file that are looked for: a large file has the same kinds of lines again and again. */
const MAX_LINES = 500;
/** Shorter ones, counts and plain words may be there by chance: looked for are names, dates, and ids with numbers. */
const LEAST_LENGTH = 5;
const TELLING = /\p{Lu}|\s|\p{L}.*\d|\d.*\p{L}|^\d{4}-\d\d/u;
/** What names files of attempts, and digests, are random. */
const RANDOM = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{64}|[0-9a-f]{32}/g;
const OWN_WORDS = [INVENTED, HOSPITAL]
  .map((report) => reportPage(sharedReport(report, { minCount: 10 })))
  .join();

/** No name, address, telecom, identifier, id or birth date of resources may be in the reports of an export of them. */
export function expectNoIdentityIn(reports: readonly string[], lines: Iterable<string>): void {
  const all = [...identitiesOf(lines)].filter((value) => value.length >= LEAST_LENGTH && TELLING.test(value));
  const own = new Set(foundIn(OWN_WORDS, all));
  const values = all.filter((value) => !own.has(value));
  for (const report of reports) expect(foundIn(report.replaceAll(RANDOM, ''), values)).toEqual([]);
}

/** All reports of all exports of a storage account; none where it is stopped already. */
export async function reportsIn(service: BlobServiceClient): Promise<string[]> {
  const isThere = await fetch(service.url).then(
    () => true,
    () => false,
  );
  if (!isThere) return [];
  const names = new Set<string>(Object.values(REPORT_FILES));
  const texts: string[] = [];
  for await (const { name: container } of service.listContainers()) {
    const client = service.getContainerClient(container);
    for await (const { name } of client.listBlobsFlat()) {
      if (!names.has(name.slice(name.lastIndexOf('/') + 1))) continue;
      texts.push((await client.getBlobClient(name).downloadToBuffer()).toString('utf8'));
    }
  }
  return texts;
}

/** Lines of the NDJSON files of a folder, some of each. */
export function linesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.ndjson'))
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n', MAX_LINES))
    .filter((line) => line !== '');
}
