import { describe, expect, it } from 'vitest';
import type { FhirVersion } from '../../../functions/fhir/fhirVersion.js';
import { definitionsOf } from '../../../functions/deid/model/definitions.js';
import { FhirModel } from '../../../functions/deid/model/fhirModel.js';
import type { FhirElement, FhirType } from '../../../functions/deid/model/types.js';
import { typesOf, type DeclaredElement } from '../../../infra/tools/fhirDeclarations.js';

describe.each<FhirVersion>(['STU3', 'R4', 'R4B', 'R5'])('cardinalities of %s', (version) => {
  const model = FhirModel.of(version);
  const declared = typesOf(version);
  const references = new Set(Object.keys(definitionsOf(version).pathsDefinedElsewhere));
  const wrong: string[] = [];
  const seen = new Set<string>();
  const walked = new Set<string>();

  const compare = (element: FhirElement, expected: DeclaredElement | undefined): void => {
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
