import type { Count, CountSheet } from './countSheet.js';
import type { Column, Plot, Table } from './part.js';

export interface CrossTable {
  readonly id: string;
  readonly caption: string;
  /** Head of the first column, whose cells are the names of the rows. */
  readonly rowTitle: string;
  readonly columns: readonly Column[];
  readonly plot?: Plot;
}

/** The counts of a row by the names of the columns; a column that it lacks counts 0. */
export type CountsOfRow = readonly [row: string, counts: Readonly<Record<string, Count | undefined>>];

/** A table of counts by two names, with a row of sums: those of counts of values are added up as such. */
export function crossTable(
  { id, caption, rowTitle, columns, plot }: CrossTable,
  rows: readonly CountsOfRow[],
  sheet: CountSheet,
  sumOf = (parts: readonly Count[]): Count => sheet.sum(parts),
): Table<Count> {
  const first: Column = { name: 'type', title: rowTitle };
  const filled = rows.map(
    ([row, counts]) =>
      [row, Object.fromEntries(columns.map(({ name }) => [name, counts[name] ?? sheet.count(0)]))] as const,
  );
  const total = Object.fromEntries(
    columns.map(({ name }) => [name, sumOf(filled.map(([, counts]) => counts[name] as Count))]),
  );
  return {
    id,
    caption,
    columns: [first, ...columns],
    rows: filled.map(([row, counts]) => ({ type: row, ...counts })),
    ...(rows.length > 0 ? { total: { type: 'All', ...total } } : {}),
    ...(plot === undefined ? {} : { plot }),
  };
}
