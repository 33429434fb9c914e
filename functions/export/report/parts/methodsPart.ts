import { crossTable, type CountsOfRow } from '../crossTable.js';
import type { Count, CountSheet } from '../countSheet.js';
import { writtenOf } from '../written.js';
import type { DraftPart, PartMaker, ReportedExport, Table } from '../part.js';

/** The operations, as security labels name them, in words. */
const OPERATIONS: Readonly<Record<string, string>> = {
  REDACTED: 'redacted',
  ABSTRED: 'shortened',
  CRYTOHASH: 'hashed',
  MASKED: 'encrypted',
  PERTURBED: 'shifted or perturbed',
  SUBSTITUTED: 'substituted',
  GENERALIZED: 'generalized',
  PSEUDED: 'pseudonymized',
};

/** What was done to the elements, and how often; and what stays of them. */
export const methodsPart: PartMaker = (report, sheet): DraftPart => {
  const hasOperations = (report.configuration ?? null) !== null;
  return {
    id: 'methods',
    title: 'What was done',
    notes: hasOperations
      ? [
          'An operation is counted for each value that a rule was applied to. "Redacted" is of values that were taken away, and of dates of which the year was kept.',
          'An element of a data type has the name of that type: HumanName.family is the family name in Patient.name and in Patient.contact.name.',
        ]
      : ['What was done to the data is not known here: it is in the report.json of the export.'],
    facts: [],
    tables: [...(hasOperations ? operationTables(report, sheet) : []), elementTable(report, sheet)],
  };
};

function operationTables({ types }: ReportedExport, sheet: CountSheet): Table<Count>[] {
  const used = Object.keys(OPERATIONS).filter((label) =>
    types.some(({ labels }) => (labels[label] ?? 0) > 0),
  );
  const elements: Table<Count>['rows'][number][] = [];
  const rows = types.map(({ type, written, labels, operations = {} }): CountsOfRow => {
    const resources = writtenOf(sheet, type, written);
    const ofLabels = used.map((label): [string, Count] => {
      const total = labels[label] ?? 0;
      const parts = Object.entries(operations).flatMap(([element, counts]) => {
        const value = counts[label] ?? 0;
        if (value === 0) return [];
        const count = sheet.values(resources, value);
        elements.push({ type, element, operation: wordOf(label), count });
        return [count];
      });
      return [label, parts.length > 0 ? sheet.sumOfValues(parts) : sheet.values(resources, total)];
    });
    return [type, Object.fromEntries(ofLabels)];
  });
  const cross = crossTable(
    {
      id: 'operations',
      caption: 'Operations, by type',
      rowTitle: 'Type',
      columns: used.map((name) => ({ name, title: wordOf(name) })),
    },
    rows,
    sheet,
    (parts) => sheet.sumOfValues(parts),
  );
  return [
    {
      id: 'methods',
      caption: 'Operations, in all',
      columns: [
        { name: 'operation', title: 'Operation' },
        { name: 'count', title: 'Values' },
      ],
      rows: used.map((label) => ({
        operation: wordOf(label),
        count: cross.total?.[label] ?? sheet.count(0),
      })),
      plot: { title: 'Values by operation', columns: ['count'] },
    },
    cross,
    {
      id: 'elements',
      caption: 'Operations, by type and element',
      columns: [
        { name: 'type', title: 'Type' },
        { name: 'element', title: 'Element' },
        { name: 'operation', title: 'Operation' },
        { name: 'count', title: 'Values' },
      ],
      rows: elements,
    },
  ];
}

function elementTable({ types }: ReportedExport, sheet: CountSheet): Table<Count> {
  return {
    id: 'kept',
    caption: 'Elements that the files have, by type: resources that have them',
    columns: [
      { name: 'type', title: 'Type' },
      { name: 'element', title: 'Element' },
      { name: 'resources', title: 'Resources' },
    ],
    rows: types.flatMap(({ type, content }) => {
      if (content === undefined) return [];
      const all = writtenOf(sheet, type, content.resources);
      return Object.entries(content.elements).map(([element, value]) => ({
        type,
        element: `${type}.${element}`,
        resources: sheet.within(all, value),
      }));
    }),
  };
}

function wordOf(label: string): string {
  return OPERATIONS[label] ?? label;
}
