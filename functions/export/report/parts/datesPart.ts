import { crossTable, type CountsOfRow } from '../crossTable.js';
import type { Column, PartMaker } from '../part.js';
import { writtenOf } from '../written.js';

const PRECISIONS: readonly Column[] = [
  { name: 'year', title: 'Year' },
  { name: 'month', title: 'Month' },
  { name: 'day', title: 'Day' },
  { name: 'time', title: 'Time without offset' },
  { name: 'timeWithOffset', title: 'Time with offset' },
];

/** How precise the dates are that the files have. */
export const datesPart: PartMaker = ({ types }, sheet) => ({
  id: 'dates',
  title: 'Dates',
  notes: [],
  facts: [],
  tables: [
    crossTable(
      {
        id: 'dates',
        caption: 'Dates that the files have, by type and precision: values',
        rowTitle: 'Type',
        columns: PRECISIONS,
        plot: {
          title: 'Dates by precision, by type',
          columns: PRECISIONS.map(({ name }) => name),
        },
      },
      types.flatMap(({ type, content }): CountsOfRow[] => {
        const dates = Object.entries(content?.dates ?? {});
        if (content === undefined || dates.every(([, count]) => count === 0)) return [];
        const resources = writtenOf(sheet, type, content.resources);
        const counts = dates.map(
          ([precision, count]) => [precision, sheet.values(resources, count)] as const,
        );
        return [[type, Object.fromEntries(counts)]];
      }),
      sheet,
      (parts) => sheet.sumOfValues(parts),
    ),
  ],
});
