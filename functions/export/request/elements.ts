import { remembered } from '../../common/maps.js';
import type { FhirModel } from '../../deid/model/fhirModel.js';
import { MAX_NAMES, namesIn } from './names.js';
import { errorIssue, type OutcomeIssue } from '../../fhir/operationOutcome.js';

/** A root element that `_elements` asks for, of one type or (`undefined`) of every type. */
export interface RequestedElement {
  type: string | undefined;
  element: string;
}

/** Which names `_elements` may have. */
export interface ElementNames {
  isResourceType: (name: string) => boolean;
  /** Whether any of these types, `undefined`: of all types, has a root element of this name. */
  hasElement: (types: readonly string[] | undefined, element: string) => boolean;
}

/** Looks root elements up in a FHIR version: by their keys, choice elements also by their name without the type. */
export function elementNames(model: FhirModel): ElementNames['hasElement'] {
  const names = new Map<string, ReadonlySet<string>>();
  const namesOf = (type: string): ReadonlySet<string> =>
    remembered(names, type, () => {
      const elements = [...(model.resource(type)?.elements.values() ?? [])];
      return new Set(elements.flatMap(({ key, name }) => [key, name]));
    });
  const all = model.resourceNames();
  const inAny = new Set(all.flatMap((type) => [...namesOf(type)]));
  return (types, element) =>
    inAny.has(element) &&
    // What is no type has no elements, and is not remembered.
    (types ?? all).some((type) => model.resource(type) !== undefined && namesOf(type).has(element));
}

const MAX_SHOWN = 10;
const MAX_SHOWN_CHARACTERS = 100;

/**
 * Reads `_elements`: `element` or `Type.element`, repeated or separated by commas.
 * https://hl7.org/fhir/uv/bulkdata/STU2/export.html#query-parameters
 * @param types those that are exported; `undefined`: all
 */
export function readElements(
  values: readonly string[],
  types: readonly string[] | undefined,
  { isResourceType, hasElement }: ElementNames,
  issues: OutcomeIssue[],
): RequestedElement[] {
  const names = namesIn(values, MAX_NAMES);
  if (names === undefined) {
    issues.push(errorIssue('too-long', `_elements has more than ${MAX_NAMES} names.`, '_elements'));
    return [];
  }
  const elements: RequestedElement[] = [];
  for (const text of new Set(names)) {
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
  const unknown = elements.filter(
    ({ type, element }) => !hasElement(type === undefined ? types : [type], element),
  );
  if (unknown.length > 0) {
    const texts = unknown.map(({ type, element }) => (type === undefined ? element : `${type}.${element}`));
    const some = [...new Set(texts)]
      .slice(0, MAX_SHOWN)
      .map((text) => `"${text.slice(0, MAX_SHOWN_CHARACTERS)}"`);
    issues.push(
      errorIssue(
        'value',
        `_elements: no root element of the type, or of any type that is exported, in this FHIR version: ${some.join(', ')}. Names are case-sensitive.`,
        '_elements',
      ),
    );
  }
  return elements;
}
