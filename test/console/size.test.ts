import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMPRESSED } from '../../infra/tools/console/compress.js';
import { FHIR_VERSIONS } from '../../functions/fhir/fhirVersion.js';
import { PROJECT_ROOT } from '../../local/paths.js';

const BUILT = join(PROJECT_ROOT, 'dist/console');
/** Bytes of all that a page loads before anything can be done with it, compressed. */
const MAX_BYTES = 350_000;
/** Of the exports page, which has no engine; and of what signs users in, which it loads when it is asked to. */
const MAX_EXPORTS_BYTES = 60_000;
const MAX_SIGN_IN_BYTES = 100_000;

function bytesOf(file: string): number {
  const path = join(BUILT, file);
  return statSync(existsSync(path + COMPRESSED) ? path + COMPRESSED : path).size;
}

/** What a document loads: itself, and what it refers to. */
function loadedBy(page: string): string[] {
  const document = `${page}/index.html`;
  const text = readFileSync(join(BUILT, document), 'utf8');
  return [
    document,
    ...[...text.matchAll(/(?:src|href)="([^"]+\.(?:js|css|svg))"/g)].map(([, file]) => file ?? ''),
  ];
}

describe('what a page of the console loads at first', () => {
  it.each([
    ['exports', undefined],
    ...FHIR_VERSIONS.map((version) => ['preview', version] as const),
  ] as const)('is small: %s %s', (page, version) => {
    const worker = version === undefined ? [] : [`engine/worker-${version.toLowerCase()}.js`];
    const files = [...loadedBy(page), ...worker];
    expect(files.length).toBeGreaterThanOrEqual(4);
    const bytes = files.reduce((sum, file) => sum + bytesOf(file), 0);
    expect(bytes).toBeLessThanOrEqual(page === 'exports' ? MAX_EXPORTS_BYTES : MAX_BYTES);
  });

  it('does not have what signs users in', () => {
    const script = 'exports/entraSignIn.js';
    expect(bytesOf(script)).toBeLessThanOrEqual(MAX_SIGN_IN_BYTES);
    for (const page of ['exports', 'preview']) {
      expect(loadedBy(page)).not.toContain(script);
      expect(readFileSync(join(BUILT, page, 'main.js'), 'utf8')).not.toContain('msal');
    }
  });
});
