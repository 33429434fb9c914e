import type { FhirVersion } from '../../fhir/fhirVersion.js';
import type { Parameters } from './parameters.js';
import type { Rule } from './rule.js';

/** A configuration that was read and checked. Holds keys: never logged, never part of a status. */
export interface Configuration {
  readonly fhirVersion: FhirVersion;
  readonly processingErrors: 'raise' | 'skip';
  readonly rules: readonly Rule[];
  readonly parameters: Parameters;
}
