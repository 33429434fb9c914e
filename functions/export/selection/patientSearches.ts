import type { JsonObject } from '../../json/json.js';
import type { TypeFilter } from '../request/typeFilter.js';
import type { SearchParameters } from '../source/source.js';
import type { CompartmentSelection } from './compartment.js';

/** A search for resources of one patient. */
export interface PatientSearch {
  parameters: SearchParameters;
  /** Those of them that are of a filter, which only the source can judge a resource by. */
  filter: SearchParameters;
  /** Which of the type's filters it is of. */
  alternative: number;
}

/** The searches for the resources of a type of some patients, patient by patient. */
export interface PatientSearches {
  readonly patients: number;
  /** Searches for each patient. */
  readonly each: number;
  search(nth: number): PatientSearch;
  /**
   * Whether a resource that the search gave is exported with this patient: with the first of those whom it names.
   * @throws ExportError where it names none of them
   */
  isExported(nth: number, resource: () => JsonObject): boolean;
}

/** By each of the type's filters, all linking parameters that the source has; `nth` counts through all patients. */
export function patientSearches(
  compartment: CompartmentSelection,
  filters: readonly TypeFilter[],
): PatientSearches {
  const searches = filters.length === 0 ? [[]] : filters.map(({ search }) => search);
  const links = compartment.searchesOf(0).length;
  const each = searches.length * links;
  return {
    patients: compartment.searches,
    each,
    search(nth) {
      const within = nth % each;
      const alternative = Math.floor(within / links);
      const filter = searches[alternative] ?? [];
      const patient = compartment.searchesOf(Math.floor(nth / each))[within % links] ?? [];
      return { parameters: [...patient, ...filter], filter, alternative };
    },
    isExported: (nth, resource) => compartment.isExported(Math.floor(nth / each), resource),
  };
}
