import type { DatePrecision } from '../../fhir/datePrecision.js';

/** What the resources of one type that an engine has written contain: names of FHIR definitions and counts, no values. */
export interface TypeReport {
  resources: number;
  /** Resources that are not valid FHIR; with `validation: off`, none is looked at. */
  notValid: number;
  /** What is not valid, by path of the definition and reason (`Observation.status required`): occurrences. */
  readonly problems: Map<string, number>;
  /**
   * Root elements by their names in JSON, the `_` siblings of primitives under their own; without `resourceType`:
   * resources that have them.
   */
  readonly elements: Map<string, number>;
  /** Values of type `date`, `dateTime` and `instant` anywhere in the resources, by precision. */
  readonly dates: Record<DatePrecision, number>;
  /** Values of `Reference.reference` anywhere in the resources, by what `targetTypeOf` returns. */
  readonly references: Map<string, number>;
  /** Values of `Extension.url` anywhere in the resources, as `reportedUri` names them. */
  readonly extensions: Map<string, number>;
  /** Values of `system` of codings and quantities anywhere in the resources, as `reportedUri` names them. */
  readonly systems: Map<string, number>;
}

/** A report of no resources. */
export function emptyTypeReport(): TypeReport {
  return {
    resources: 0,
    notValid: 0,
    problems: new Map(),
    elements: new Map(),
    dates: { year: 0, month: 0, day: 0, time: 0, timeWithOffset: 0 },
    references: new Map(),
    extensions: new Map(),
    systems: new Map(),
  };
}
