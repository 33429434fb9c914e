import { errorIssue, type OutcomeIssue } from '../../fhir/operationOutcome.js';
import type { AssociatedData } from './associatedData.js';
import { REFERENCED_TYPES } from './associatedData.js';
import type { ExportLevel } from './scope.js';
import type { TypeFilter } from './typeFilter.js';

/** What a kick-off of patients asks for. */
interface Asked {
  level: ExportLevel;
  types: readonly string[] | undefined;
  typeFilters: readonly TypeFilter[];
  associatedData: readonly AssociatedData[];
}

/**
 * The types of which an export of patients has what exported resources refer to: of those outside of the Patient
 * compartment only where the request names them, or asks for all. Reports what cannot be had.
 * https://hl7.org/fhir/uv/bulkdata/STU2/export.html#query-parameters `_type`, `includeAssociatedData`
 */
export function readReferencedTypes(
  { level, types, typeFilters, associatedData }: Asked,
  {
    isResourceType,
    isInCompartment,
  }: { isResourceType: (type: string) => boolean; isInCompartment: (type: string) => boolean },
  issues: OutcomeIssue[],
): string[] {
  if (level.kind === 'system') return [];
  const asked = types ?? (associatedData.includes('_referenced') ? REFERENCED_TYPES : []);
  const referenced = asked.filter((type) => REFERENCED_TYPES.includes(type));
  // What is no type at all is reported as that.
  const isOfOthers = (type: string): boolean => isResourceType(type) && !isInCompartment(type);
  if (types !== undefined && types.length > 0 && types.every(isOfOthers)) {
    const text =
      '_type names only types that are in no Patient compartment, of which an export of patients has nothing by itself. Name types of the compartment with them, such as Patient or Observation, or export with [base]/$export.';
    issues.push(errorIssue('not-supported', text, '_type'));
  }
  const filtered = [...new Set(typeFilters.map(({ type }) => type))].filter((type) =>
    referenced.includes(type),
  );
  if (filtered.length > 0) {
    const text = `_typeFilter: of ${filtered.join(', ')}, an export of patients has what exported resources refer to, which cannot be filtered. Leave the filter out.`;
    issues.push(errorIssue('not-supported', text, '_typeFilter'));
  }
  return referenced;
}
