import { FHIR_VERSIONS, type FhirVersion } from '../../fhir/fhirVersion.js';
import type { JsonValue } from '../../json/json.js';
import type { IssueList } from '../reading/issues.js';

/** The FHIR versions that `fhirVersion` names, one or a list; none where it is left out; null where one is none. */
export function versionsOf(value: JsonValue | undefined): readonly FhirVersion[] | null {
  if (value === undefined || value === null || value === '') return [];
  const names = Array.isArray(value) ? value : [value];
  const versions = names.flatMap(
    (name) => FHIR_VERSIONS.find((known) => typeof name === 'string' && name.toUpperCase() === known) ?? [],
  );
  return versions.length === names.length && names.length > 0 ? versions : null;
}

/** Adds an error where the data's version is none of those that a configuration is for. */
export function checkVersions(value: JsonValue | undefined, expected: FhirVersion, issues: IssueList): void {
  const versions = versionsOf(value);
  if (versions === null)
    issues.error(
      'fhirVersion',
      `Not a FHIR version, nor a list of some: use ${expected}, or leave it out to use the data's`,
    );
  else if (versions.length > 0 && !versions.includes(expected))
    issues.error(
      'fhirVersion',
      `The configuration is for another FHIR version: the data is ${expected}. Add it to a list (["R4", "R4B"]), or leave fhirVersion out to use the data's`,
    );
}
