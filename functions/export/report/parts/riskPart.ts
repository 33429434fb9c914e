import type { Count, CountSheet } from '../countSheet.js';
import type { DraftPart, Fact, ReportedExport } from '../part.js';
import type { ReportedRisk, SizeRange } from '../reportedRisk.js';
import { writtenOf } from '../written.js';

/** How alike the Patients are; nothing where they were not compared. */
export function riskParts({ risk }: ReportedExport, sheet: CountSheet): DraftPart[] {
  if (risk === undefined) return [];
  const ranges = mergedRanges(risk.histogram, sheet.minCount);
  // With the number of classes, that of merged ones could be found.
  const isMerged = ranges.length < risk.histogram.length;
  return [
    {
      id: 'risk',
      title: 'How alike the Patients are',
      notes: [
        'Patients with the same quasi-identifiers are a class. This describes the data and judges nothing: a small class is not an identity, nor a large one a protection from all that others know.',
        ...(isMerged ? ['Sizes that few Patients have are shown together with the next ones.'] : []),
      ],
      facts: [
        {
          name: 'quasiIdentifiers',
          term: 'Quasi-identifiers (FHIRPath)',
          value: risk.quasiIdentifiers.join('; '),
        },
        ...sizeFacts(risk, sheet, isMerged),
      ],
      tables: [
        {
          id: 'classes',
          caption: 'Patients by the size of their class',
          columns: [
            { name: 'size', title: 'Patients of the class' },
            { name: 'patients', title: 'Patients' },
          ],
          rows: ranges.map((range) => ({
            size: sizeOf(range),
            patients:
              ranges.length === 1 ? writtenOf(sheet, 'Patient', range.patients) : sheet.count(range.patients),
          })),
          plot: { title: 'Patients by the size of their class', columns: ['patients'], isInOrder: true },
        },
      ],
    },
  ];
}

function sizeFacts(
  { patients, classes, least, median, unique }: ReportedRisk,
  sheet: CountSheet,
  isMerged: boolean,
): Fact<Count>[] {
  const all = writtenOf(sheet, 'Patient', patients);
  return [
    ...(isMerged ? [] : [{ name: 'classes', term: 'Classes', value: sheet.values(all, classes) }]),
    ...(least === undefined ? [] : [{ name: 'least', term: 'Smallest class', value: sheet.count(least) }]),
    ...(median === undefined
      ? []
      : [{ name: 'median', term: 'Median of the classes', value: sheet.count(median) }]),
    { name: 'unique', term: 'Patients who are alone in their class', value: sheet.within(all, unique) },
  ];
}

/** Ranges of which none has few Patients, unless all of them are few. */
function mergedRanges(histogram: readonly SizeRange[], minCount: number): SizeRange[] {
  const ranges: SizeRange[] = [];
  for (const range of histogram) {
    const last = ranges.at(-1);
    if (last !== undefined && isSmall(last, minCount)) ranges.splice(-1, 1, joined(last, range));
    else ranges.push(range);
  }
  while (ranges.length > 1 && isSmall(ranges.at(-1), minCount)) {
    const [one, other] = ranges.splice(-2, 2);
    if (one !== undefined && other !== undefined) ranges.push(joined(one, other));
  }
  return ranges;
}

function isSmall(range: SizeRange | undefined, minCount: number): boolean {
  return range !== undefined && range.patients > 0 && range.patients < minCount;
}

function joined(one: SizeRange, other: SizeRange): SizeRange {
  const { most } = other;
  return {
    least: one.least,
    ...(most === undefined ? {} : { most }),
    patients: one.patients + other.patients,
  };
}

function sizeOf({ least, most }: SizeRange): string {
  if (most === undefined) return `${least} or more`;
  return least === most ? String(least) : `${least} to ${most}`;
}
