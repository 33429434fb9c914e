import { CountSheet, type Count } from './countSheet.js';
import { grouped } from './grouped.js';
import type { DraftPart, Part, PartMaker, ReportedExport, Table } from './part.js';
import { configurationPart } from './parts/configurationPart.js';
import { contentPart } from './parts/contentPart.js';
import { costPart } from './parts/costPart.js';
import { datesPart } from './parts/datesPart.js';
import { droppedPart } from './parts/droppedPart.js';
import { methodsPart } from './parts/methodsPart.js';
import { riskParts } from './parts/riskPart.js';
import { typesPart } from './parts/typesPart.js';
import { validityPart } from './parts/validityPart.js';

/**
 * The report of an export as it may be handed on: element paths, codes, published URIs, and counts of which small ones
 * are not shown. `report-shared.json` is this, and `report.html` shows it.
 */
export interface SharedReport {
  readonly title: string;
  /** Of the form of this report. */
  readonly version: 1;
  /** Counts from 1 to below it are not shown. */
  readonly minCount: number;
  readonly parts: readonly Part[];
}

export interface SharedOptions {
  /** Counts from 1 to below it are not shown; 0: all are. */
  readonly minCount: number;
}

/** Makes the report that may be handed on. */
export function sharedReport(report: ReportedExport, { minCount }: SharedOptions): SharedReport {
  const sheet = new CountSheet(minCount);
  const makers: readonly PartMaker[] = [
    configurationPart,
    typesPart,
    methodsPart,
    droppedPart,
    datesPart,
    contentPart,
    validityPart,
    riskParts,
    costPart,
  ];
  const drafts = makers.flatMap((make) => make(report, sheet));
  return {
    title: 'Release report',
    version: 1,
    minCount,
    parts: drafts.map((draft) => shownPart(draft, sheet)),
  };
}

function shownPart(draft: DraftPart, sheet: CountSheet): Part {
  const textOf = (value: string | Count): string => {
    if (typeof value === 'string') return value;
    const shown = sheet.shown(value);
    return typeof shown === 'number' ? grouped(shown) : shown;
  };
  const facts = draft.facts.map(({ value, ...fact }) => ({ ...fact, value: textOf(value) }));
  return { ...draft, facts, tables: draft.tables.map((table) => shownTable(table, sheet)) };
}

function shownTable({ rows, total, ...table }: Table<Count>, sheet: CountSheet): Table {
  const shown = (row: Readonly<Record<string, string | Count>>): Record<string, string | number> =>
    Object.fromEntries(
      Object.entries(row).map(([name, cell]) => [name, typeof cell === 'string' ? cell : sheet.shown(cell)]),
    );
  return { ...table, rows: rows.map(shown), ...(total === undefined ? {} : { total: shown(total) }) };
}
