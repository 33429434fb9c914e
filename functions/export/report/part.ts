import type { Count, CountSheet, ShownCount } from './countSheet.js';
import type { ReportedRisk } from './reportedRisk.js';
import type { ExportReport } from '../output/report.js';

/** A column of a table: its name in JSON, and its head for people. */
export interface Column {
  readonly name: string;
  readonly title: string;
}

/** A table of a report: rows have texts and counts by the names of the columns. */
export interface Table<C = ShownCount> {
  readonly id: string;
  readonly caption: string;
  readonly columns: readonly Column[];
  readonly rows: readonly Readonly<Record<string, string | C>>[];
  /** The sums of the rows. */
  readonly total?: Readonly<Record<string, string | C>>;
  /** What a plot of it shows: a row of bars each, labelled by the first column. */
  readonly plot?: Plot;
}

export interface Plot {
  readonly title: string;
  /** Names of the columns whose counts are drawn, beside each other. */
  readonly columns: readonly string[];
  /** Whether the rows stay in their order; else those with the most come first. */
  readonly isInOrder?: true;
}

/** What is one value: its name in JSON, the term for people, and the value. */
export interface Fact<V = string> {
  readonly name: string;
  readonly term: string;
  readonly value: V;
}

/** A part of a report, which has a heading of its own. */
export interface Part<C = ShownCount, V = string> {
  readonly id: string;
  readonly title: string;
  readonly notes: readonly string[];
  readonly facts: readonly Fact<V>[];
  readonly tables: readonly Table<C>[];
}

/** A part whose counts are on a sheet: what of them is shown is known when all are. */
export type DraftPart = Part<Count, string | Count>;

/** Makes a part of a report. */
export type PartMaker = (report: ReportedExport, sheet: CountSheet) => DraftPart | readonly DraftPart[];

/** What a report is made of: of an export that others made, or whose report was not kept, less is known. */
export type ReportedExport = Pick<ExportReport, 'types' | 'files'> &
  Partial<Omit<ExportReport, 'risk'>> & {
    /** Absent where the Patients were not compared. */
    readonly risk?: ReportedRisk;
  };
