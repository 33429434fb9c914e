import type { DraftPart, PartMaker } from '../part.js';
import { writtenOf } from '../written.js';
import { crossTable, type CountsOfRow } from '../crossTable.js';

/** How many resources are not valid FHIR, and what is wrong with them. */
export const validityPart: PartMaker = (report, sheet): DraftPart => {
  const isValidated = report.notValid !== undefined;
  const types = isValidated ? report.types : [];
  return {
    id: 'validity',
    title: 'Validity',
    notes: [
      isValidated
        ? 'Looked at: elements, cardinality, formats of primitives, required value sets, and the constraints that the documentation lists. Profiles and terminologies are not looked at.'
        : 'Whether the resources are valid FHIR was not looked at.',
    ],
    facts: [],
    tables: isValidated
      ? [
          crossTable(
            {
              id: 'validity',
              caption: 'Resources that are not valid FHIR',
              rowTitle: 'Type',
              columns: [
                { name: 'resources', title: 'Resources' },
                { name: 'notValid', title: 'Not valid' },
              ],
            },
            types.flatMap(({ type, content }): CountsOfRow[] => {
              if (content === undefined) return [];
              const resources = writtenOf(sheet, type, content.resources);
              return [[type, { resources, notValid: sheet.within(resources, content.notValid) }]];
            }),
            sheet,
          ),
          {
            id: 'problems',
            caption: 'What is not valid, by type, element and reason',
            columns: [
              { name: 'type', title: 'Type' },
              { name: 'problem', title: 'Element and reason' },
              { name: 'count', title: 'Times' },
            ],
            rows: types.flatMap(({ type, content }) => {
              if (content === undefined) return [];
              const resources = writtenOf(sheet, type, content.resources);
              return Object.entries(content.problems).map(([problem, count]) => ({
                type,
                problem,
                count: sheet.values(resources, count),
              }));
            }),
          },
        ]
      : [],
  };
};
