import { LABELS } from '../methods/labels.js';
import { pathOfSite } from '../model/sites.js';

/** Labels that there is room for. */
const MAX_LABELS = 8;
if (LABELS.length > MAX_LABELS) throw new Error(`There are more than ${MAX_LABELS} labels.`);

/** The number of an operation at an element. @param site as `siteOf` numbers it, @param label its place */
export function operationOf(site: number, label: number): number {
  return site * MAX_LABELS + label;
}

/** The place of an operation's label. */
export function labelPlaceOf(operation: number): number {
  return operation % MAX_LABELS;
}

/** Path and label of an operation's number. */
export function operationAt(operation: number): { readonly path: string; readonly label: string } {
  const label = labelPlaceOf(operation);
  return { path: pathOfSite((operation - label) / MAX_LABELS), label: LABELS[label] as string };
}
