import type { Jobs } from './bulk/jobs.js';
import type { BulkOptions } from './bulk/options.js';
import type { FileServer } from './bulk/signature.js';
import type { Collection } from './collection.js';
import type { FaultPlan } from './faults.js';
import type { SourceFhirVersion, SourceOptions } from './settings.js';

/** What requests are answered with. */
export interface SourceContext {
  settings: SourceOptions &
    Required<
      Pick<SourceOptions, 'maxCount' | 'defaultCount' | 'paging' | 'unsupported' | 'gzip' | 'behaviours'>
    > & {
      fhirVersion: SourceFhirVersion;
      bulk: Required<BulkOptions>;
    };
  types: ReadonlySet<string>;
  collections: Map<string, Collection>;
  /** The source's clock, in milliseconds since the epoch. */
  now: () => number;
  state: {
    faults: FaultPlan;
    /** Next links given out before this time answer 410. */
    cursorsValidFrom: number;
    /** Requests that may be made now, and since when, where their rate is limited. */
    permits: { left: number; at: number };
    jobs: Jobs;
    /** Where files are, if not at the FHIR base. */
    fileServer: FileServer | undefined;
    /** Values of `Authorization` that are no longer good. */
    refusedTokens: Set<string>;
  };
}
