import { errorIssue, type OutcomeIssue } from './operationOutcome.js';

/** A root element that `_elements` asks for, of one type or (`undefined`) of every type. */
export interface RequestedElement {
  type: string | undefined;
  element: string;
}

/**
 * Reads `_elements`: `element` or `Type.element`, repeated or separated by commas.
 * https://hl7.org/fhir/uv/bulkdata/STU2/export.html#query-parameters
 */
export function readElements(
  values: readonly string[],
  isResourceType: (name: string) => boolean,
  issues: OutcomeIssue[],
): RequestedElement[] {
  const elements: RequestedElement[] = [];
  for (const text of values.flatMap((value) => value.split(',')).map((part) => part.trim())) {
    const [, type, element] = /^(?:([A-Z][A-Za-z]*)\.)?([a-z][A-Za-z0-9]*)$/.exec(text) ?? [];
    if (element === undefined || (type !== undefined && !isResourceType(type))) {
      issues.push(
        errorIssue(
          'value',
          '_elements must be names of root elements, of every type or of one: birthDate, Observation.value.',
          '_elements',
        ),
      );
      return [];
    }
    elements.push({ type, element });
  }
  return elements;
}
