import { describe, expect, it } from 'vitest';
import { FHIR_VERSIONS, type FhirVersion } from '../../functions/fhir/fhirVersion.js';
import { definitionsOf } from '../../functions/deid/model/definitions.js';
import { outsideCompartment, patientCompartment } from '../../functions/fhir/patientCompartment.js';
import { searchParametersOf } from '../../local/source/searchParameters.js';

/** How many types the CompartmentDefinition of a version links to patients, and Device, before R5. */
const TYPES: Record<FhirVersion, number> = { STU3: 65, R4: 67, R4B: 67, R5: 73 };

/** The types that an element's references may have; `undefined` where it is no reference. */
function targetsOf(
  version: FhirVersion,
  type: string,
  path: readonly string[],
): readonly string[] | undefined {
  const { path2Type, path2RefType, choiceTypePaths, pathsDefinedElsewhere } = definitionsOf(version);
  let at = type;
  for (const name of path) {
    at = `${pathsDefinedElsewhere[at] ?? at}.${name}`;
    // What a CodeableReference holds is one of its own elements.
    if (path2Type[at.slice(0, -name.length - 1)] === 'CodeableReference' && name === 'reference') {
      return path2RefType[at.slice(0, -name.length - 1)] ?? [];
    }
    const choice = at.replace(/Reference$/, '');
    if (path2Type[at] === undefined && choiceTypePaths[choice]?.includes('Reference') === true) {
      return path2RefType[choice] ?? [];
    }
  }
  return path2Type[at] === 'Reference' ? (path2RefType[at] ?? []) : undefined;
}

describe.each(FHIR_VERSIONS)('the Patient compartment of %s', (version) => {
  const compartment = patientCompartment(version);

  it('has every type of the definition, and only types of the version', () => {
    expect(compartment.size).toBe(TYPES[version]);
    const { type2Parent } = definitionsOf(version);
    expect([...compartment.keys()].filter((type) => type2Parent[type] === undefined)).toEqual([]);
  });

  it('looks at elements that are references to patients in the model of the version', () => {
    const wrong: string[] = [];
    for (const [type, links] of compartment) {
      for (const { parameter, paths } of links) {
        const targets = paths.flatMap((path) => targetsOf(version, type, path) ?? ['no reference']);
        // Of STU3's targets, the model has one only.
        const hasPatient =
          version === 'STU3' || targets.some((target) => ['Patient', 'Resource', 'Any'].includes(target));
        if (targets.includes('no reference') || (targets.length > 0 && !hasPatient)) {
          wrong.push(`${type} ${parameter}: ${targets.join(' ')}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it('leaves out no type whose element patient or subject is a reference to patients, but those named as outside', () => {
    const { path2Type, path2RefType } = definitionsOf(version);
    const missing = Object.keys(path2Type)
      .filter((path) => /^[A-Za-z]+\.(patient|subject)$/.test(path) && path2Type[path] === 'Reference')
      .filter((path) => path2RefType[path]?.includes('Patient') === true)
      .map((path) => path.split('.') as [string, string])
      .filter(
        ([type, element]) =>
          compartment.get(type)?.some(({ paths }) => paths.some((path) => path.join('.') === element)) !==
          true,
      )
      .map(([type, element]) => `${type}.${element}`);
    const outside = outsideCompartment(version).flatMap(([type, links]) =>
      links.flatMap(({ paths }) => paths.map((path) => [type, ...path].join('.'))),
    );
    // A Contract may be about anything; the patient of a Task is in an element of another name.
    const others = ['Contract.subject', 'Task.for'];
    expect(missing.sort()).toEqual(outside.filter((path) => !others.includes(path)).sort());
  });
});

it('the sample source knows every linking parameter of R4', () => {
  const missing: string[] = [];
  for (const [type, links] of patientCompartment('R4')) {
    for (const { parameter, paths } of links) {
      const known = searchParametersOf(type)
        .get(parameter)
        ?.paths.map((path) => path.join('.'));
      for (const path of paths) {
        if (known?.includes(path.join('.')) !== true) missing.push(`${type} ${parameter} ${path.join('.')}`);
      }
    }
  }
  expect(missing).toEqual([]);
});
