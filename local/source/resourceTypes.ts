import r4 from 'fhirpath/fhir-context/r4';
import stu3 from 'fhirpath/fhir-context/stu3';
import type { SourceFhirVersion } from './settings.js';

/** The names of all resource types of a FHIR version. */
export function resourceTypesOf(version: SourceFhirVersion): ReadonlySet<string> {
  const parents = (version === '3.0.2' ? stu3 : r4).type2Parent;
  return new Set(
    Object.entries(parents)
      .filter(
        ([type, parent]) =>
          (parent === 'DomainResource' || parent === 'Resource') && type !== 'DomainResource',
      )
      .map(([type]) => type),
  );
}
