import { describe, expect, it } from 'vitest';
import { completionAt } from '../../console/engine/completion.js';
import type { FhirVersion } from '../../functions/fhir/fhirVersion.js';

/** Completes at the `^` of a text. @returns the text that would be replaced, and what can take its place */
function completed(marked: string, version: FhirVersion = 'R4'): [string, string[]] {
  const at = marked.indexOf('^');
  const text = marked.replace('^', '');
  const { from, to, options } = completionAt(text, at, version);
  return [text.slice(from, to), options.map(({ label }) => label)];
}

describe('what can be written in a configuration', () => {
  it.each([
    ['a resource type', '{"fhirPathRules":[{"path":"Pati^"}]}', 'Pati', ['Patient']],
    ['an element', '{"fhirPathRules":[{"path":"Patient.bir^"}]}', 'bir', ['birthDate']],
    ['an element in a data type', '{"fhirPathRules":[{"path":"Patient.name.fa^"}]}', 'fa', ['family']],
    [
      'an element in a backbone element',
      '{"fhirPathRules":[{"path":"Patient.contact.org^',
      'org',
      ['organization'],
    ],
    ['a choice by its own name', '{"fhirPathRules":[{"path":"Patient.decea^', 'decea', ['deceased']],
    ['after another path', '{"fhirPathRules":[{"path":"Patient.name | Person.birth^', 'birth', ['birthDate']],
    ['a data type', '{"fhirPathRules":[{"path":"nodesByType(\'HumanN^', 'HumanN', ['HumanName']],
    ['a method', '{"fhirPathRules":[{"path":"Patient","method":"crypt^"}]}', 'crypt', ['cryptoHash']],
    ['a setting of a rule', '{"fhirPathRules":[{"path":"Patient","meth^', 'meth', ['method']],
    ['a parameter', '{"fhirPathRules":[],"parameters":{"dateShiftK^"', 'dateShiftK', ['dateShiftKey']],
    [
      'a sample',
      '{"extends":"hipaa-safe-harbor-r5^',
      'hipaa-safe-harbor-r5',
      ['hipaa-safe-harbor-r5@2', 'hipaa-safe-harbor-r5@1'],
    ],
    ['in YAML', 'fhirPathRules:\n  - path: Patient.bir^\n', 'bir', ['birthDate']],
    ['a method in YAML', 'fhirPathRules:\n  - path: Patient\n    method: crypt^', 'crypt', ['cryptoHash']],
    ['a setting in YAML', 'fhirPathRules:\n  - path: Patient\n    meth^', 'meth', ['method']],
  ])('%s', (_what, text, replaced, options) => {
    expect(completed(text)).toEqual([replaced, options]);
  });

  it('is what the FHIR version has', () => {
    const path = '{"fhirPathRules":[{"path":"Encounter.actualPer^';
    expect(completed(path, 'R4')[1]).toEqual([]);
    expect(completed(path, 'R5')[1]).toEqual(['actualPeriod']);
  });

  it('is nothing where no value is in quotes, and in texts of no meaning', () => {
    expect(completed('{"fhirPathRules":[{"path":^}]}')[1]).toEqual([]);
    expect(completed('{"comment":"Pati^"}')[1]).toEqual([]);
  });
});
