import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { FhirVersion } from '../../../functions/fhir/fhirVersion.js';
import { generateSample } from '../../../local/sample/sample.js';

/** Few, of whom each type has some. */
const PATIENTS = 3;

/** Invented resources of a FHIR version, as lines of JSON by their types: of each that the sample data has, the richest. */
export function inventedResources(fhirVersion: FhirVersion): Record<string, string> {
  const directory = mkdtempSync(join(tmpdir(), 'invented-'));
  try {
    generateSample({ directory, fhirVersion, patients: PATIENTS });
    const files = readdirSync(directory).sort();
    return Object.fromEntries(
      files.map((file) => {
        const lines = readFileSync(join(directory, file), 'utf8').split('\n');
        const richest = lines.reduce((most, line) => (line.length > most.length ? line : most), '');
        return [basename(file, '.ndjson'), richest];
      }),
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
}
