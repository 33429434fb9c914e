import type { AssociatedData } from './associatedData.js';
import type { RequestedElement } from './elements.js';
import type { GuideVersion } from './guide.js';
import type { TypeFilter } from './typeFilter.js';

/** Whose data an export is of: of the whole source, of all patients, or of the members of a group. */
export type ExportLevel = { kind: 'system' } | { kind: 'patient' } | { kind: 'group'; groupId: string };

/** Which resources, and how much of them, a kick-off asks for. */
export interface ExportScope {
  types: string[] | undefined;
  typeFilters: TypeFilter[];
  elements: RequestedElement[];
  /** Ids of the patients asked for, at the levels of patients and groups; `undefined`: all of them. */
  patients: string[] | undefined;
  since: string | undefined;
  until: string | undefined;
  pageSize: number | undefined;
  /** What is exported with it; absent: nothing is asked for. */
  associatedData?: AssociatedData[];
  /** What the domains of pseudonyms begin with; absent: as the rules say. */
  domainPrefix?: string;
}

/** In which form a job is answered, and its files are written. */
export interface OutputForm {
  /** The version of the guide; absent: STU 2. */
  guide?: GuideVersion;
  /** Whether the HTTP status of a status request says nothing of the job. */
  hasSeparateStatus?: boolean;
  /** Whether a running job may have a manifest of what is ready, and the manifest pages. */
  allowsPartialManifests?: boolean;
  /** Whether files have the resources of one patient after those of another, each block with a header. */
  organizedBy?: 'Patient';
  /** Bytes that each file should have at least; absent: as the settings have it. */
  minFileBytes?: number;
  /** Bytes that no file has more of, unless one resource has; absent: no bound. */
  maxFileBytes?: number;
}
