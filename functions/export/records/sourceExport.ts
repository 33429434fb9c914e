import type { ExportLevel } from '../request/scope.js';

/** How far the source's own bulk export is, in the private state of the job. Times are milliseconds since the epoch. */
export interface SourceExport {
  /** Which export of the source it is, from 1 on: another one is begun where one fails, or its files are gone. */
  start: number;
  /** The number of the first partition of this one: those of the ones before are not counted. */
  first: number;
  /** When the source was asked for the first of them. */
  askedAt: number;
  /** When it answered last. */
  answeredAt: number;
  /** `at` of the failure for which it was begun in place of another one. */
  lostAt?: string | undefined;
  /** This one, once the source has taken it. */
  taken?: TakenExport;
  /** Status URLs of others, which are to be deleted. Private. */
  formerUrls: string[];
  /** Whether it is known what the source gives. */
  isComplete: boolean;
  /** Which types are read in this way, where that was tried; absent: all that the job is of. */
  choice?: SourceChoice;
}

/** An export that the source has taken. */
export interface TakenExport {
  /** Where the source says how far it is. Private: it may open the files. */
  statusUrl: string;
  /** The level it is of, which may be wider than that of the job. */
  level: ExportLevel['kind'];
  at: number;
  /** The same by the clock of the source, where it says. */
  date?: number;
}

/** How the types of a job are read. */
export interface SourceChoice {
  /** By the source's own export; `undefined`: all that it gives. */
  bulk: string[] | undefined;
  /** By search. */
  search: string[];
}
