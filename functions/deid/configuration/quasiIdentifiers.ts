import type { JsonValue } from '../../json/json.js';
import type { FhirModel } from '../model/fhirModel.js';
import { checkedExpression, readExpression } from '../reading/expressions.js';
import { IssueList } from '../reading/issues.js';
import type { Setting } from '../reading/settings.js';
import { checkPath } from './pathChecks.js';
import { isOfType, splitPath } from './rulePath.js';

const US_CORE = 'http://hl7.org/fhir/us/core/StructureDefinition/us-core';

/** All codes of an extension of US Core with parts, or its text where a part has none. */
function codesOf(name: string): string {
  return `Patient.extension('${US_CORE}-${name}').extension.value.select(iif(code.exists(), code, $this))`;
}

/**
 * What an outsider may know of a patient: year of birth, gender, the first three characters of the postal code, region, race
 * and ethnicity, and year of death, or that there was one.
 */
export const DEFAULT_QUASI_IDENTIFIERS: readonly string[] = [
  'Patient.birthDate.toString().substring(0, 4)',
  'Patient.gender',
  'Patient.address.postalCode.select(substring(0, 3))',
  'Patient.address.state',
  codesOf('race'),
  codesOf('ethnicity'),
  "Patient.deceased.where($this.toString() != 'false').toString().substring(0, 4)",
];

/** Each is evaluated on every Patient that is written. */
const MAX_QUASI_IDENTIFIERS = 20;
const MAX_CLASS_SIZE = 1_000_000;

/** A list of FHIRPath expressions on Patient. */
export const quasiIdentifiers: Setting<readonly string[]> = (value, site) => {
  if (value === undefined || value === null) return DEFAULT_QUASI_IDENTIFIERS;
  if (!isList(value)) {
    site.error(
      `Must be a list of 1 to ${MAX_QUASI_IDENTIFIERS} FHIRPath expressions on Patient: ["Patient.gender", …]`,
    );
    return DEFAULT_QUASI_IDENTIFIERS;
  }
  for (const [nth, text] of value.entries()) {
    readExpression(
      () => checkedExpression(text, site.budget),
      'Not a FHIRPath expression',
      (problem) => site.error(problem, `[${nth}]`),
    );
  }
  return value;
};

function isList(value: JsonValue): value is string[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.length <= MAX_QUASI_IDENTIFIERS &&
    value.every((item) => typeof item === 'string' && item.trim() !== '')
  );
}

/** How many Patients at least have to share each combination of these; 0: any number. */
export const minClassSize: Setting<number> = (value, site) => {
  if (value === undefined || value === null) return 0;
  const number = typeof value === 'number' ? value : Number.NaN;
  if (Number.isInteger(number) && number >= 0 && number <= MAX_CLASS_SIZE) return number;
  site.error(`Must be a whole number of patients, 0 to ${MAX_CLASS_SIZE}`);
  return 0;
};

/** Reports expressions that find nothing on any Patient: with these, all would be alike. */
export function checkQuasiIdentifiers(
  expressions: readonly string[],
  model: FhirModel,
  issues: IssueList,
): void {
  if (expressions === DEFAULT_QUASI_IDENTIFIERS || issues.hasErrors) return;
  for (const [nth, text] of expressions.entries()) {
    const at = `parameters.quasiIdentifiers[${nth}]`;
    const path = splitPath(text.trim());
    const { resourceType } = path;
    if (resourceType !== null && !isOfType(resourceType, 'Patient')) {
      issues.error(at, `Must be about Patient, and begins with ${resourceType}`);
      continue;
    }
    const found = new IssueList();
    checkPath({ ...path, resourceType: 'Patient' }, model, found);
    for (const { message } of found.list) issues.warn(at, message);
  }
}
