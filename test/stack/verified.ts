import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { ExportCheck } from '../../cli/verify/exportCheck.js';
import { readSavedExport } from '../../cli/verify/savedExport.js';
import type { Manifest } from '../../cli/export/exportClient.js';

/** Downloads an export as a client does, and expects it to be what its manifest and report say, to the digest. */
export async function expectVerified(manifest: Manifest): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'verified-'));
  try {
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
    for (const url of [
      ...[...manifest.output, ...manifest.error].map((file) => file.url),
      String(manifest.extension['report']),
    ]) {
      const response = await fetch(url);
      expect(response.status).toBe(200);
      const name = decodeURIComponent(new URL(url).pathname.replace(/^.*\//, ''));
      writeFileSync(join(folder, name), Buffer.from(await response.arrayBuffer()));
    }
    const saved = readSavedExport(folder, { manifest: 'manifest.json', report: 'report.json' });
    expect(saved.report?.files?.every(({ sha256 }) => /^[0-9a-f]{64}$/.test(sha256 ?? ''))).toBe(true);
    const check = new ExportCheck(saved, 'R4');
    for (const file of saved.files) await check.read(file);
    const { warnings, differences } = check.end();
    expect(differences.toString()).toBe('');
    // References may lead out of the source's own data; all else has to be there.
    expect(warnings.filter((warning) => !warning.includes('lead to no resource'))).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
