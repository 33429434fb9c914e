import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { FHIR_VERSIONS } from '../../functions/fhir/fhirVersion.js';
import { objectEngine } from '../deid/bothWays.js';
import { configurationOf, engineOptions } from '../deid/shared.js';
import { writeCanaries } from './canaries.js';
import { leaksIn } from './leaks.js';
import { SEED } from '../random.js';

const CONFIGURATIONS = resolve(import.meta.dirname, '../../configurations');

let directory = '';
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe.each(FHIR_VERSIONS)(`the Safe Harbor sample for %s (TEST_SEED=${SEED})`, (version) => {
  it('lets no token of any element of any resource type through', () => {
    directory = mkdtempSync(join(tmpdir(), 'canaries-'));
    const { tokens, resources } = writeCanaries(directory, version, SEED);
    expect(resources).toBeGreaterThan(110);
    expect(tokens.size).toBeGreaterThan(10_000);
    const configuration = readFileSync(
      join(CONFIGURATIONS, `hipaa-safe-harbor-${version.toLowerCase()}.json`),
      'utf8',
    );
    // As the app has it; that both engines give the same is for test/deid/run.
    const engine = objectEngine(configurationOf(configuration, version), engineOptions(version));
    const lines: string[] = [];
    const failed: string[] = [];
    for (const file of readdirSync(directory)) {
      const text = readFileSync(join(directory, file), 'utf8').trim();
      const result = engine.anonymize(text);
      if (result.outcome === 'failed') failed.push(`${file}: ${JSON.stringify(result.failure)}`);
      else lines.push(result.line);
    }
    // What is left out proves nothing.
    expect(failed).toEqual([]);
    expect(leaksIn(lines.join('\n'), tokens)).toEqual([]);
    const report = engine.takeReport();
    expect(leaksIn(JSON.stringify([...report.dropped, ...report.labels]), tokens)).toEqual([]);
    // Codes and units are what is left of a resource: it is no empty export that is clean.
    expect(lines.join('').length / lines.length).toBeGreaterThan(400);
  });
});
