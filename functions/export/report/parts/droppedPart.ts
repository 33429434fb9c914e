import { failuresOf, writtenOf } from '../written.js';
import type { PartMaker, Table } from '../part.js';
import type { Count, CountSheet } from '../countSheet.js';
import type { ReportOfType } from '../../output/report.js';

/** What was dropped although no rule says so, and why. */
export const droppedPart: PartMaker = ({ types }, sheet) => ({
  id: 'dropped',
  title: 'What was dropped, and why',
  notes: [
    'Elements are dropped where the FHIR version does not define them, or where their values have another type than it says: nobody knows then what they hold.',
    ...types.flatMap(({ type, failures }) =>
      failures
        .filter(({ isType }) => isType === true)
        .map(({ message }) => `All ${type} resources are left out: ${message}`),
    ),
  ],
  facts: [],
  tables: [elementTable(types, sheet), resourceTable(types, sheet), conditionTable(types, sheet)],
});

function elementTable(types: readonly ReportOfType[], sheet: CountSheet): Table<Count> {
  return {
    id: 'droppedElements',
    caption: 'Elements that were dropped',
    columns: [
      { name: 'type', title: 'Type' },
      { name: 'element', title: 'Element' },
      { name: 'count', title: 'Values' },
    ],
    rows: types.flatMap(({ type, written, dropped }) =>
      Object.entries(dropped).map(([element, count]) => ({
        type,
        element,
        count: sheet.values(writtenOf(sheet, type, written), count),
      })),
    ),
  };
}

function resourceTable(types: readonly ReportOfType[], sheet: CountSheet): Table<Count> {
  return {
    id: 'droppedResources',
    caption: 'Resources that were left out, since they could not be processed',
    columns: [
      { name: 'type', title: 'Type' },
      { name: 'code', title: 'Code' },
      { name: 'reason', title: 'Reason' },
      { name: 'count', title: 'Resources' },
    ],
    rows: types.flatMap((ofType) =>
      failuresOf(sheet, ofType).map(({ code, message, count }) => ({
        type: ofType.type,
        code,
        reason: message,
        count,
      })),
    ),
  };
}

function conditionTable(types: readonly ReportOfType[], sheet: CountSheet): Table<Count> {
  return {
    id: 'undecided',
    caption: 'Conditions of rules that could not be decided',
    columns: [
      { name: 'type', title: 'Type' },
      { name: 'rule', title: 'Rule' },
      { name: 'count', title: 'Times' },
    ],
    rows: types.flatMap(({ type, written, undecided = {} }) =>
      Object.entries(undecided).map(([rule, count]) => ({
        type,
        rule,
        count: sheet.values(writtenOf(sheet, type, written), count),
      })),
    ),
  };
}
