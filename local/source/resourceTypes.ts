import r4 from 'fhirpath/fhir-context/r4';
import r5 from 'fhirpath/fhir-context/r5';
import stu3 from 'fhirpath/fhir-context/stu3';
import { definitionsOf } from '../../functions/deid/model/definitions.js';
import type { SourceFhirVersion } from './settings.js';

const PARENTS: Record<SourceFhirVersion, Readonly<Record<string, string>>> = {
  '3.0.2': stu3.type2Parent,
  '4.0.1': r4.type2Parent,
  // The library has no tables of R4B.
  '4.3.0': definitionsOf('R4B').type2Parent,
  '5.0.0': r5.type2Parent,
};

/** The names of all resource types of a FHIR version. */
export function resourceTypesOf(version: SourceFhirVersion): ReadonlySet<string> {
  return new Set(
    Object.entries(PARENTS[version])
      .filter(
        ([type, parent]) =>
          (parent === 'DomainResource' || parent === 'Resource') && type !== 'DomainResource',
      )
      .map(([type]) => type),
  );
}
