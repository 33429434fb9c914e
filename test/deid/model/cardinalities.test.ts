import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import type { FhirVersion } from '../../../functions/fhir/fhirVersion.js';
import { definitionsOf } from '../../../functions/deid/model/definitions.js';
import { FhirModel } from '../../../functions/deid/model/fhirModel.js';
import type { FhirElement, FhirType } from '../../../functions/deid/model/types.js';

/** Files of `@types/fhir`, which are made from the published definitions. */
const FILES: Record<FhirVersion, string> = { STU3: 'r3', R4: 'r4', R4B: 'r4b', R5: 'r5' };

/** An element as the declaration has it. */
interface Declared {
  readonly type: string;
  readonly repeats: boolean;
}

/** The elements of every interface, those of its supertypes included. */
function declarationsOf(version: FhirVersion): Map<string, Map<string, Declared>> {
  const file = createRequire(import.meta.url).resolve('@types/fhir/package.json');
  const text = readFileSync(file.replace('package.json', `${FILES[version]}.d.ts`), 'utf8');
  const declared = new Map<string, Map<string, Declared>>();
  const parents = new Map<string, string>();
  let elements = new Map<string, Declared>();
  for (const line of text.split('\n')) {
    const [, name, parent] = /^export interface (\w+)(?:<.*?>)?(?: extends (\w+))?/.exec(line) ?? [];
    if (name !== undefined) {
      elements = new Map();
      declared.set(name, elements);
      if (parent !== undefined) parents.set(name, parent);
    }
    const [, key, type = ''] = /^ {2}(\w+)\??:\s*(.*?);/.exec(line) ?? [];
    if (key !== undefined && !key.startsWith('_'))
      elements.set(key, {
        type: type.replace(/<.*>|\[\]|\||undefined|\s/g, ''),
        repeats: type.includes('[]'),
      });
  }
  for (const [name, own] of declared) {
    for (let parent = parents.get(name); parent !== undefined; parent = parents.get(parent))
      for (const [key, element] of declared.get(parent) ?? []) if (!own.has(key)) own.set(key, element);
  }
  return declared;
}

describe.each<FhirVersion>(['STU3', 'R4', 'R4B', 'R5'])('cardinalities of %s', (version) => {
  const model = FhirModel.of(version);
  const declared = declarationsOf(version);
  const references = new Set(Object.keys(definitionsOf(version).pathsDefinedElsewhere));
  const wrong: string[] = [];
  const seen = new Set<string>();
  const walked = new Set<string>();

  const compare = (element: FhirElement, expected: Declared | undefined): void => {
    if (expected === undefined) return;
    seen.add(element.path);
    if (element.repeats !== expected.repeats)
      wrong.push(`${element.path} ${expected.repeats ? 'repeats' : 'is single'}`);
    if (element.type !== null && element.type.primitive === null) walk(element.type, expected.type);
  };
  const walk = (type: FhirType, name: string): void => {
    if (walked.has(type.path)) return;
    walked.add(type.path);
    for (const element of type.elements.values()) compare(element, declared.get(name)?.get(element.key));
  };
  for (const name of model.resourceNames()) walk(model.resource(name) as FhirType, name);

  it('are those of the published definitions, of every element', () => {
    expect(wrong).toEqual([]);
    expect(seen.size).toBeGreaterThan(4000);
  });

  it('are an own matter of every content reference', () => {
    expect(references.size).toBeGreaterThan(30);
    expect([...references].filter((path) => !seen.has(path))).toEqual([]);
  });
});
