import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { FhirVersion } from '../../functions/fhir/fhirVersion.js';

/** An element as a TypeScript declaration has it. */
export interface DeclaredElement {
  /** Name of its type, without array and undefined: `CodeableConcept`; `string` and the like for a primitive. */
  readonly type: string;
  readonly repeats: boolean;
  readonly isRequired: boolean;
  /** Allowed codes, where the declaration lists them. */
  readonly codes: readonly string[] | undefined;
}

/** Elements of every interface, those of its supertypes included: interface → key → element. */
export type Declarations = ReadonlyMap<string, ReadonlyMap<string, DeclaredElement>>;

/** Folder of a package whose main file cannot be imported. */
const folderOf = (packageName: string): string =>
  dirname(createRequire(import.meta.url).resolve(`${packageName}/package.json`));

/** `@types/fhir`: required elements of all versions; codes of R4 and later. */
export function typesOf(version: FhirVersion): Declarations {
  const file = { STU3: 'r3', R4: 'r4', R4B: 'r4b', R5: 'r5' }[version];
  return read(readFileSync(join(folderOf('@types/fhir'), `${file}.d.ts`), 'utf8'));
}

/** `@smile-cdr/fhirts`: codes of all versions. Its required markers leave out references and choices. */
export function codedTypesOf(version: FhirVersion): Declarations {
  const folder = join(folderOf('@smile-cdr/fhirts'), 'src', `FHIR-${version === 'STU3' ? 'DSTU3' : version}`);
  return read(
    readdirSync(folder)
      .map((file) => readFileSync(join(folder, file), 'utf8'))
      .join('\n'),
  );
}

function read(text: string): Declarations {
  const declared = new Map<string, Map<string, DeclaredElement>>();
  const parents = new Map<string, string>();
  const aliases = new Map<string, readonly string[]>();
  for (const [, name = '', union = ''] of text.matchAll(/^export type (\w+) =\s*(['|][^;]*);/gm))
    aliases.set(name, literals(union));
  let elements = new Map<string, DeclaredElement>();
  for (const line of text.split('\n')) {
    const [, name, parent] = /^export interface (\w+)(?:<.*?>)?(?: extends (\w+))?/.exec(line) ?? [];
    if (name !== undefined) {
      elements = new Map();
      declared.set(name, elements);
      if (parent !== undefined) parents.set(name, parent);
    }
    const [, key, optional, written = ''] = /^(?: {2}|\t)(\w+)(\??):\s*(.*?);/.exec(line) ?? [];
    if (key === undefined || key.startsWith('_')) continue;
    const type = written.replace(/Array<(.*)>/, '$1').replace(/<.*>|\[\]|\||undefined|\s/g, '');
    const codes = literals(written);
    elements.set(key, {
      type,
      repeats: /\[\]|Array</.test(written),
      isRequired: optional === '',
      codes: codes.length > 0 ? codes : aliases.get(type),
    });
  }
  for (const [name, own] of declared) {
    for (let parent = parents.get(name); parent !== undefined; parent = parents.get(parent))
      for (const [key, element] of declared.get(parent) ?? []) if (!own.has(key)) own.set(key, element);
  }
  return declared;
}

function literals(union: string): string[] {
  return [...union.matchAll(/'([^']*)'/g)].map(([, code = '']) => code);
}
