import type { EngineReport } from '../../deid/run/report.js';
import type { TypeReport } from '../../deid/run/typeReport.js';

/** Counts by name: paths, elements and types of FHIR definitions. */
type Counts = Record<string, number>;

/**
 * What the written resources of one type contain, as records and `report.json` have it. Names of FHIR definitions and
 * counts, so its size is bounded by the definitions, not by the data: some kB.
 */
export interface ContentCounts {
  resources: number;
  notValid: number;
  problems: Counts;
  elements: Counts;
  dates: Counts;
  references: Counts;
  /** Absent in what earlier versions counted. */
  extensions?: Counts;
  systems?: Counts;
}

/** The counts of what an engine reports of a type. */
export function contentOf(report: TypeReport): ContentCounts {
  const { resources, notValid, problems, elements, dates, references, extensions, systems } = report;
  return {
    resources,
    notValid,
    problems: Object.fromEntries(problems),
    elements: Object.fromEntries(elements),
    dates: { ...dates },
    references: Object.fromEntries(references),
    extensions: Object.fromEntries(extensions),
    systems: Object.fromEntries(systems),
  };
}

/** What an engine reports of operations, by element and label. */
export function operationsOf({ operations }: Pick<EngineReport, 'operations'>): [string, Counts][] {
  return [...operations].map(([element, counts]) => [element, Object.fromEntries(counts)]);
}

/** The counts of both together, their names in alphabetical order. @param one absent: those of `other` alone */
export function addedContent(one: ContentCounts | undefined, other: ContentCounts): ContentCounts {
  return {
    resources: (one?.resources ?? 0) + other.resources,
    notValid: (one?.notValid ?? 0) + other.notValid,
    problems: added(one?.problems, other.problems),
    elements: added(one?.elements, other.elements),
    // Precisions in their own order.
    dates: Object.fromEntries(
      Object.entries(other.dates).map(([precision, count]) => [
        precision,
        count + (one?.dates[precision] ?? 0),
      ]),
    ),
    references: added(one?.references, other.references),
    extensions: added(one?.extensions, other.extensions),
    systems: added(one?.systems, other.systems),
  };
}

function added(one: Counts = {}, other: Counts = {}): Counts {
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])].sort();
  return Object.fromEntries(names.map((name) => [name, (one[name] ?? 0) + (other[name] ?? 0)]));
}
