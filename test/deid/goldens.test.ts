import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { FhirVersion } from '../../functions/deid/engine.js';
import { parseJson, type JsonObject } from '../../functions/deid/json.js';
import { SHARED, comparable, engineOf, filesIn, hasShared, readText } from './shared.js';

/** Goldens that are not followed, by configuration and input, and why. */
const EXCEPTIONS: Readonly<Record<string, string>> = {};

const VERSIONS: readonly [string, FhirVersion][] = [
  ['r4', 'R4'],
  ['stu3', 'STU3'],
];

/** Lines of an NDJSON file, or the one resource of any other. */
function resourcesOf(file: string, text: string): string[] {
  return file.endsWith('.ndjson') ? text.split('\n').filter((line) => line.trim() !== '') : [text];
}

describe.runIf(hasShared('goldens'))('what the reference engine produced', () => {
  for (const [folder, version] of hasShared('goldens') ? VERSIONS : []) {
    for (const configuration of readdirSync(join(SHARED, 'goldens', folder, 'configs'))) {
      const name = configuration.replace('.json', '');
      const text = readText('goldens', folder, 'configs', configuration);
      for (const file of filesIn('goldens', folder, 'expected', name)) {
        it.skipIf(`${folder} ${name} ${file}` in EXCEPTIONS)(`${folder} ${name} ${file}`, () => {
          const engine = engineOf(text, version);
          const [inputFolder = '', fileName = ''] = file.split('/');
          const inputs = resourcesOf(file, readText('goldens', folder, 'inputs', inputFolder, fileName));
          const expected = resourcesOf(
            file,
            readText('goldens', folder, 'expected', name, inputFolder, fileName),
          );
          expect(inputs.length).toBe(expected.length);
          inputs.forEach((input, index) => {
            const result = engine.anonymize(parseJson(input) as JsonObject, {
              fileName,
              folderName: inputFolder,
            });
            const line = result.outcome === 'anonymized' ? result.line : JSON.stringify(result);
            expect(comparable(parseJson(line)), `line ${index + 1}`).toEqual(
              comparable(parseJson(expected[index] as string)),
            );
          });
        });
      }
    }
  }
});
