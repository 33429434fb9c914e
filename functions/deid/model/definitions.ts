import { createRequire } from 'node:module';
import type { FhirVersion } from '../engine.js';

/** What the `fhirpath` package's models say of a FHIR version's types: flat tables by element path. */
export interface Definitions {
  /** Type of each element, by JSON path: `Patient.deceasedBoolean` → `boolean`. */
  path2Type: Readonly<Record<string, string>>;
  /** Elements that repeat. */
  path2Repeating: Readonly<Record<string, boolean>>;
  /** Choice elements, without `[x]`, and the capitalized names of their types. */
  choiceTypePaths: Readonly<Record<string, readonly string[]>>;
  /** Content references: elements whose definition is that of another element. */
  pathsDefinedElsewhere: Readonly<Record<string, string>>;
  /** Supertypes. */
  type2Parent: Readonly<Record<string, string>>;
  /** Types a reference may point to. */
  path2RefType: Readonly<Record<string, readonly string[]>>;
}

const requireModel = createRequire(import.meta.url);

/** The definitions of a FHIR version, read on first use: an export needs one version only. */
export function definitionsOf(version: FhirVersion): Definitions {
  switch (version) {
    case 'STU3':
      return requireModel('fhirpath/fhir-context/stu3') as Definitions;
    case 'R4':
    case 'R4B':
      return requireModel('fhirpath/fhir-context/r4') as Definitions;
    case 'R5':
      return requireModel('fhirpath/fhir-context/r5') as Definitions;
  }
}
