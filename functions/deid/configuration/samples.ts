import { createRequire } from 'node:module';
import type { JsonObject } from '../../json/json.js';

const requireSample = createRequire(import.meta.url);

/**
 * The samples that a configuration can extend, by name and version. What a version says never changes: a test has its
 * digest. A sample that is changed becomes a new row, and the text of the former one stays, under a file name with its
 * version. The latest come first, and are meant where a name has no version. Each is read on first use.
 */
const SAMPLES: Readonly<Record<string, () => unknown>> = {
  'hipaa-safe-harbor-stu3@2': () => requireSample('../../../configurations/hipaa-safe-harbor-stu3.json'),
  'hipaa-safe-harbor-r4@2': () => requireSample('../../../configurations/hipaa-safe-harbor-r4.json'),
  'hipaa-safe-harbor-r4b@2': () => requireSample('../../../configurations/hipaa-safe-harbor-r4b.json'),
  'hipaa-safe-harbor-r5@2': () => requireSample('../../../configurations/hipaa-safe-harbor-r5.json'),
  'hipaa-safe-harbor-stu3@1': () => requireSample('../../../configurations/hipaa-safe-harbor-stu3@1.json'),
  'hipaa-safe-harbor-r4@1': () => requireSample('../../../configurations/hipaa-safe-harbor-r4@1.json'),
  'hipaa-safe-harbor-r4b@1': () => requireSample('../../../configurations/hipaa-safe-harbor-r4b@1.json'),
  'hipaa-safe-harbor-r5@1': () => requireSample('../../../configurations/hipaa-safe-harbor-r5@1.json'),
};

/** Names and versions, as `extends` gives them. */
export const SAMPLE_NAMES: readonly string[] = Object.keys(SAMPLES);

/** A sample by its name and version; undefined where there is none. */
export function sampleNamed(name: string): JsonObject | undefined {
  return Object.hasOwn(SAMPLES, name) ? (SAMPLES[name]?.() as JsonObject) : undefined;
}
