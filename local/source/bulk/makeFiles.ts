import type { SourceContext } from '../context.js';
import { operationOutcome } from '../outcome.js';
import { alter, ALTERATIONS } from './alterations.js';
import { CANARY } from './behaviours.js';
import { ExportFile, type EditLine } from './exportFile.js';
import type { ExportRequest } from './exportRequest.js';
import type { JobFiles } from './jobFiles.js';
import { selectDeleted, selectRows, type SelectedRows } from './selection.js';

/** Parts of a file that comes again in another one. */
const REPEATED_PART = 10;
const SUBSETTED = { system: 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue', code: 'SUBSETTED' };

/** What a request is answered with, as of now. @throws OutcomeError */
export function makeFiles(context: SourceContext, request: ExportRequest): JobFiles {
  const { behaviours } = context.settings;
  const ofTypes = selectRows(context, request).map((selected) => filesOfType(context, request, selected));
  const deleted = selectDeleted(context, request).map((url) => deletion(url, context.now()));
  const errors = request.ignored.map((name) =>
    operationOutcome('not-supported', `The parameter ${name} had no effect`, 'warning'),
  );
  if (behaviours.includes('export-error-file')) {
    errors.push(
      operationOutcome('exception', `Patient/1 (${CANARY}, born 1951-02-03) could not be read`),
      operationOutcome('informational', `${CANARY} is left out by a consent`, 'information'),
    );
  }
  return {
    output: behaviours.includes('export-mixed-order') ? inTurn(ofTypes) : ofTypes.flat(),
    deleted: deleted.length === 0 ? [] : [new ExportFile('Bundle', [{ texts: deleted }])],
    errors: errors.length === 0 ? [] : [new ExportFile('OperationOutcome', [{ texts: errors }])],
  };
}

function filesOfType(
  { settings: { behaviours, bulk } }: SourceContext,
  request: ExportRequest,
  { collection, rows }: SelectedRows,
): ExportFile[] {
  const { type } = collection;
  const isHidden = behaviours.includes('times-hidden') && type !== 'Patient';
  const edit = editOf(type, request.elements, isHidden);
  const files: ExportFile[] = [];
  for (let first = 0; first < rows.length; first += bulk.linesPerFile) {
    const lines = { collection, rows: rows.subarray(first, first + bulk.linesPerFile), edit };
    files.push(new ExportFile(type, [lines]));
  }
  if (behaviours.includes('export-repeated-lines')) {
    const again = rows.subarray(0, Math.ceil(Math.min(rows.length, bulk.linesPerFile) / REPEATED_PART));
    const last = files.pop();
    files.push(new ExportFile(type, [...(last?.parts ?? []), { collection, rows: again, edit }]));
  }
  const alterations = ALTERATIONS.filter((name) => behaviours.includes(`export-${name}`));
  const altered = files.map((file) => alterations.reduce(alter, file));
  return behaviours.includes('export-empty-files') ? [new ExportFile(type, []), ...altered] : altered;
}

/** What `_elements` and hidden times do to a line; `undefined` where it stays as it is. */
function editOf(type: string, elements: readonly string[], isHidden: boolean): EditLine | undefined {
  const kept = elements
    .map((element) => element.split('.'))
    .flatMap((names) => (names.length === 1 ? names : names[0] === type ? names.slice(1, 2) : []));
  if (kept.length === 0 && !isHidden) return undefined;
  return (line) => {
    const resource = JSON.parse(line) as Record<string, unknown>;
    const meta = { ...(resource['meta'] as { lastUpdated?: string; tag?: object[] } | undefined) };
    if (isHidden) delete meta.lastUpdated;
    if (kept.length > 0) meta.tag = [...(meta.tag ?? []), SUBSETTED];
    const names = new Set(['resourceType', 'id', ...kept]);
    const entries = Object.entries({ ...resource, meta }).filter(
      ([name]) => name === 'meta' || kept.length === 0 || names.has(name),
    );
    return JSON.stringify(Object.fromEntries(entries));
  };
}

/** The first files of all types, then the second ones, and so on. */
function inTurn(ofTypes: readonly (readonly ExportFile[])[]): ExportFile[] {
  const most = Math.max(0, ...ofTypes.map((files) => files.length));
  return Array.from({ length: most }, (_, index) => ofTypes.flatMap((files) => files[index] ?? [])).flat();
}

/** A line of a file of deletions (Bulk Data Access 2.0, "deleted"). */
function deletion(url: string, now: number): string {
  return JSON.stringify({
    resourceType: 'Bundle',
    meta: { lastUpdated: new Date(now).toISOString() },
    type: 'transaction',
    entry: [{ request: { method: 'DELETE', url } }],
  });
}
