import type { FHIR_VERSION_NUMBERS, FhirVersion } from '../../functions/fhir/fhirVersion.js';
import type { SourceBehaviour } from './behaviours.js';
import type { BulkOptions } from './bulk/options.js';
import type { Fault } from './faults.js';

/** FHIR versions the source can say it speaks. */
export type SourceFhirVersion = (typeof FHIR_VERSION_NUMBERS)[FhirVersion];

/** What a request looked like to the source. */
export interface SourceRequest {
  method: string;
  /** Path below the base, without the leading slash: `Patient`, `Patient/1`, `metadata`, `$export`. */
  path: string;
  /** Raw query text without the question mark; of a POST search, the body's parameters. */
  query: string;
  /** Text of a POST that is no form. */
  body: string;
  headers: NodeJS.Dict<string | string[]>;
}

export interface SourceOptions {
  /** Folder with the data: one NDJSON file per resource type, named after it (`Patient.ndjson`). */
  directory: string;
  /** Port on 127.0.0.1; 0 takes a free one. Default 0. */
  port?: number;
  /** What the CapabilityStatement says; the known resource types follow it. Default 4.0.1. */
  fhirVersion?: SourceFhirVersion;
  /** Most resources in a page, whatever `_count` asks for. 1 to 100,000; default 1000. */
  maxCount?: number;
  /** Resources in a page without `_count`. Default 100. */
  defaultCount?: number;
  /** How far the source's clock is ahead (or behind, when negative), in milliseconds. Default 0. */
  clockOffsetMs?: number;
  /**
   * How pages follow each other. `cursor` (default): a next link continues behind the last resource of its
   * page, whatever changed meanwhile. `offset`: it continues at a position, and resources that moved up
   * because another one was changed are not seen.
   */
  paging?: 'cursor' | 'offset';
  /** Age at which a next link answers 410, in milliseconds. Default: never. */
  cursorLifetimeMs?: number;
  /** Parameters that the source is to know nothing of: `_sort`, `_lastUpdated`, `_summary`, …, or `_history`. */
  unsupported?: readonly string[];
  /** Compress for clients that accept gzip. Default false. */
  gzip?: boolean;
  /** In what it differs from a server that does everything right. Default nothing. */
  behaviours?: readonly SourceBehaviour[];
  /** The source's own `$export`. */
  bulk?: BulkOptions;
  /** Requests that are answered in a second, and as many at once; more get 429 with `Retry-After: 1`. Default: any number. */
  requestsPerSecond?: number;
  /** What goes wrong, and when. Default nothing. */
  faults?: readonly Fault[];
  /** Seed of the faults that come with a probability. Default 1. */
  faultSeed?: number;
  /** Called for every request before it is answered. */
  onRequest?: (request: SourceRequest) => void;
}
