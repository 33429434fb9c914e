import type { UriKind } from '../../fhir/publishedUris.js';
import type { FhirElement } from './types.js';

/** By the paths of their definitions: elements whose URIs a report counts. */
const KINDS: ReadonlyMap<string, UriKind> = new Map([
  ['Extension.url', 'extensions'],
  ['Coding.system', 'systems'],
  ...['Quantity', 'Age', 'Count', 'Distance', 'Duration', 'Money'].map((type): [string, UriKind] => [
    `${type}.system`,
    'systems',
  ]),
]);

/** What the URI in an element is of; `undefined` where it is not counted. */
export function uriKindOf(element: Pick<FhirElement, 'path'>): UriKind | undefined {
  return KINDS.get(element.path);
}
