import { crossTable, type CountsOfRow } from '../crossTable.js';
import type { PartMaker } from '../part.js';
import { failuresOf, writtenOf } from '../written.js';

/** How many resources were read, kept and left out. */
export const typesPart: PartMaker = ({ types }, sheet) => {
  const rows = types.map((ofType): CountsOfRow => {
    const written = writtenOf(sheet, ofType.type, ofType.written);
    const failed = sheet.sum(failuresOf(sheet, ofType).map(({ count }) => count));
    const read = sheet.sum([written, failed], ofType.read);
    return [ofType.type, { read, written, failed, ofOthers: sheet.count(ofType.ofOthers) }];
  });
  return {
    id: 'types',
    title: 'Resources',
    notes: [],
    facts: [],
    tables: [
      crossTable(
        {
          id: 'resources',
          caption: 'Resources read, kept and left out, by type',
          rowTitle: 'Type',
          columns: [
            { name: 'read', title: 'Read' },
            { name: 'written', title: 'Kept' },
            { name: 'failed', title: 'Left out: not processed' },
            { name: 'ofOthers', title: "Left out: of others' too" },
          ],
          plot: {
            title: 'Resources kept and left out, by type',
            columns: ['written', 'failed', 'ofOthers'],
          },
        },
        rows,
        sheet,
      ),
    ],
  };
};
