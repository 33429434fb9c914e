import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { FhirVersion } from '../../functions/fhir/fhirVersion.js';
import { parseJson } from '../../functions/json/json.js';
import { expectSame, type ObjectEngine } from './bothWays.js';
import { SHARED, comparable, engineOf, filesIn, hasShared, readText } from './shared.js';

/** Goldens that are not followed, by configuration and input, and why. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  'r4 a-hipaa edge/07-ages.json': 'the reference perturbed an age with noise of its own random source',
};

/** What ours has instead of a text of the reference's, on purpose: the differences that docs/configuration.md lists. */
const INSTEAD: readonly (readonly [reference: string, ours: string, why: string])[] = [
  [
    '12526b26e3a81e13a3c2f4ab96df9eb730c4697dcf684ff3ba75242ba8f5578b',
    'http://ex-ample.org/fhir/Patient/ccc8c71905806db18c0241b58a8e36e949ab8a45961041b4226b2a4284568e69',
    'a reference to a server whose name has a hyphen keeps its type and its link',
  ],
];

/** A text of the reference, with what ours has instead on purpose. */
function withOurs(text: string): string {
  return INSTEAD.reduce((result, [reference, ours]) => result.replaceAll(reference, ours), text);
}

const VERSIONS: readonly [string, FhirVersion][] = [
  ['r4', 'R4'],
  ['stu3', 'STU3'],
];

/** Lines of an NDJSON file, or the one resource of any other. */
function resourcesOf(file: string, text: string): string[] {
  return file.endsWith('.ndjson') ? text.split('\n').filter((line) => line.trim() !== '') : [text];
}

/** Resources that agree, by configuration. */
const agreed = new Map<string, number>();
const hasGoldens = hasShared('goldens');

describe.runIf(hasGoldens)('what the reference engine produced', () => {
  afterAll(() => {
    console.table(
      [...agreed].map(([configuration, resources]) => ({ configuration, 'resources that agree': resources })),
    );
    console.log('not followed:', EXCEPTIONS);
  });

  for (const [folder, version] of hasGoldens ? VERSIONS : []) {
    for (const configuration of readdirSync(join(SHARED, 'goldens', folder, 'configs'))) {
      const name = configuration.replace('.json', '');
      const text = readText('goldens', folder, 'configs', configuration);
      let engine: ObjectEngine | undefined;
      for (const file of filesIn('goldens', folder, 'expected', name)) {
        const title = `${folder} ${name} ${file}`;
        it.skipIf(title in EXCEPTIONS)(title, () => {
          // One engine for all resources of a configuration, as an export has it.
          const used = (engine ??= engineOf(text, version));
          const [inputFolder = '', fileName = ''] = file.split('/');
          const inputs = resourcesOf(file, readText('goldens', folder, 'inputs', inputFolder, fileName));
          const expected = resourcesOf(
            file,
            readText('goldens', folder, 'expected', name, inputFolder, fileName),
          );
          expect(inputs.length).toBe(expected.length);
          inputs.forEach((input, index) => {
            const result = used.anonymize(input, {
              fileName,
              folderName: inputFolder,
            });
            const line = result.outcome === 'anonymized' ? result.line : JSON.stringify(result);
            expectSame(
              comparable(parseJson(line)),
              comparable(parseJson(withOurs(expected[index] as string))),
              `line ${index + 1}`,
            );
          });
          agreed.set(`${folder} ${name}`, (agreed.get(`${folder} ${name}`) ?? 0) + inputs.length);
        });
      }
    }
  }
});
