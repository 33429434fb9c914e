import type { Query } from '../query.js';

/** What is exported: everything, the compartments of all patients, or those of a group's members. */
export type ExportLevel = { kind: 'system' } | { kind: 'patient' } | { kind: 'group'; id: string };

/** A kick-off request as the source understood it. */
export interface ExportRequest {
  level: ExportLevel;
  types: readonly string[] | undefined;
  /** Microseconds since the epoch; infinite without a bound. From inclusive to exclusive. */
  time: { from: number; to: number };
  /** By type: searches of which one has to find a resource. */
  filters: ReadonlyMap<string, readonly Query[]>;
  /** Ids. */
  patients: readonly string[] | undefined;
  /** `Type.element` or `element`. */
  elements: readonly string[];
  allowsPartialManifests: boolean;
  /** Names of parameters that had no effect, as the client is to learn. */
  ignored: readonly string[];
}
