import { errorIssue, type OutcomeIssue } from '../../fhir/operationOutcome.js';
import type { GivenParameter, RawKickOff } from './given.js';
import { STU_4 } from './guide.js';
import { HOST_PARAMETERS } from './names.js';
import { PARAMETERS } from './parameters.js';
import { VERSION_PREFERENCE } from './preferences.js';
import { separatedFilters } from './typeFilter.js';

/**
 * Checks what STU 4 permits of the form of a request: a POST of a `Parameters` resource alone, one value in each parameter.
 * https://hl7.org/fhir/uv/bulkdata/4.0.0-202609-ballot/export.html#kick-off-request
 */
export function checkStu4Form(
  { method }: Pick<RawKickOff, 'method'>,
  given: ReadonlyMap<string, GivenParameter>,
  issues: OutcomeIssue[],
): void {
  const says = `Bulk Data ${STU_4}`;
  if (method !== 'POST') {
    const text = `${says} takes a POST with a FHIR Parameters resource alone. Send one, or ask for another version with Prefer: ${VERSION_PREFERENCE}2.0.0.`;
    issues.push(errorIssue('not-supported', text));
    return;
  }
  const inUrl = [...given].filter(([name, { isInUrl }]) => isInUrl && !HOST_PARAMETERS.has(name));
  if (inUrl.length > 0) {
    const text = `${says} takes no parameters in the URL. Send them in the FHIR Parameters resource of the body.`;
    issues.push(errorIssue('not-supported', text));
  }
  for (const parameter of Object.values(PARAMETERS)) {
    if (parameter.takes !== 'several') continue;
    const { name } = parameter;
    const values = given.get(name.toLowerCase())?.values ?? [];
    const holdsSeveral =
      name === '_typeFilter'
        ? (value: string) => separatedFilters(value).length > 1
        : (value: string) => value.includes(',');
    if (!values.some(holdsSeveral)) continue;
    const text = `${name}: ${says} takes one value in each parameter, not several separated by commas. Repeat the parameter.`;
    issues.push(errorIssue('value', text, name));
  }
}
