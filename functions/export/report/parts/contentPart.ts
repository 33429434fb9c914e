import { remembered } from '../../../common/maps.js';
import { EXTENSION_PART, OTHER_URI, type UriKind } from '../../../fhir/publishedUris.js';
import type { Count, CountSheet } from '../countSheet.js';
import { writtenOf } from '../written.js';
import type { PartMaker, ReportedExport, Table } from '../part.js';

const WORDS: Readonly<Record<string, string>> = {
  [OTHER_URI]: 'other: not in the list of published ones',
  [EXTENSION_PART]: 'parts of extensions',
};

/** Which extensions and code systems the files have. */
export const contentPart: PartMaker = (report, sheet) => {
  const isCounted = report.types.some(({ content }) => content?.systems !== undefined);
  return {
    id: 'content',
    title: 'Extensions and code systems',
    notes: [
      ...(isCounted ? [] : ['They were not counted: fhir-deid report counts those of a folder.']),
      'A URL or URI is shown where it is in the published list of HL7 or of a well-known registry. All others are counted as other, since a URL may hold anything.',
    ],
    facts: [],
    tables: [
      uriTable(report, 'extensions', 'Extensions by URL: values', sheet),
      uriTable(report, 'systems', 'Code systems of codings and units, by URI: values', sheet),
    ],
  };
};

function uriTable(
  { types }: ReportedExport,
  kind: UriKind,
  caption: string,
  sheet: CountSheet,
): Table<Count> {
  const counts = new Map<string, Count[]>();
  for (const { type, content } of types) {
    if (content === undefined) continue;
    const resources = writtenOf(sheet, type, content.resources);
    for (const [uri, count] of Object.entries(content[kind] ?? {}))
      remembered(counts, uri, () => []).push(sheet.values(resources, count));
  }
  const rows = [...counts].sort(
    ([one], [other]) => Number(one in WORDS) - Number(other in WORDS) || (one < other ? -1 : 1),
  );
  return {
    id: kind,
    caption,
    columns: [
      { name: 'uri', title: kind === 'extensions' ? 'URL' : 'URI' },
      { name: 'count', title: 'Values' },
    ],
    rows: rows.map(([uri, parts]) => ({ uri: WORDS[uri] ?? uri, count: sheet.sumOfValues(parts) })),
  };
}
