import { CANARY } from './behaviours.js';
import { ExportFile, type Lines } from './exportFile.js';

const EVERY = 10;
const DAY_MS = 86_400_000;

/** How a file differs from what it should be: behaviours (`export-…`) for all of a source, a fault for some requests. */
export type Alteration =
  'duplicate-lines' | 'older-lines' | 'changed-lines' | 'line-no-json' | 'line-other-type' | 'line-cut';

type RowLines = Extract<Lines, { rows: Uint32Array }>;

const ALTER: Readonly<Record<Alteration, (file: ExportFile) => ExportFile>> = {
  'duplicate-lines': (file) => ofRows(file, (lines) => withCopies(lines)),
  'older-lines': (file) =>
    // In turn the copy that comes first, and the one behind.
    ofRows(file, (lines) => withCopies(lines, (copy) => (copy % 2 === 0 ? 0 : 1), olderVersion)),
  'changed-lines': (file) => ofRows(file, (lines) => withCopies(lines, () => 0, changed)),
  'line-no-json': (file) => withLine(file, `{"resourceType":"${file.type}","name":"${CANARY}`),
  'line-other-type': (file) => {
    const type = file.type === 'Basic' ? 'Flag' : 'Basic';
    return withLine(file, `{"resourceType":"${type}","id":"other","author":{"display":"${CANARY}"}}`);
  },
  'line-cut': ({ type, parts }) => new ExportFile(type, parts, true),
};

export const ALTERATIONS = Object.keys(ALTER) as readonly Alteration[];

export function alter(file: ExportFile, alteration: Alteration): ExportFile {
  return ALTER[alteration](file);
}

function ofRows({ type, parts }: ExportFile, change: (lines: RowLines) => RowLines): ExportFile {
  return new ExportFile(
    type,
    parts.map((part) => ('rows' in part ? change(part) : part)),
  );
}

/** Every tenth line twice, one of the two edited: `which` (0 or 1) of the copies, by their number. */
function withCopies(
  { collection, rows, edit }: RowLines,
  which: (copy: number) => number = () => 0,
  editCopy?: (line: string) => string,
): RowLines {
  const copies = Math.ceil(rows.length / EVERY);
  const all = new Uint32Array(rows.length + copies);
  const edited = new Set<number>();
  for (let index = 0, at = 0; index < rows.length; index++) {
    if (index % EVERY === 0) {
      edited.add(at + which(index / EVERY));
      all[at++] = rows[index]!;
    }
    all[at++] = rows[index]!;
  }
  if (editCopy === undefined) return { collection, rows: all, edit };
  return {
    collection,
    rows: all,
    edit: (line, index) => {
      const whole = edit === undefined ? line : edit(line, index);
      return edited.has(index) ? editCopy(whole) : whole;
    },
  };
}

function olderVersion(line: string): string {
  const resource = JSON.parse(line) as { meta?: { lastUpdated?: string } };
  const time = Date.parse(resource.meta?.lastUpdated ?? new Date(DAY_MS).toISOString());
  const meta = { ...resource.meta, versionId: '0', lastUpdated: new Date(time - DAY_MS).toISOString() };
  return JSON.stringify({ ...resource, meta, language: 'x-older' });
}

function changed(line: string): string {
  return JSON.stringify({ ...(JSON.parse(line) as object), language: 'x-earlier' });
}

/** The file with one line more, in the middle of its first part. */
function withLine({ type, parts }: ExportFile, text: string): ExportFile {
  const line = { texts: [text] };
  const [first, ...rest] = parts;
  if (first === undefined || !('rows' in first)) return new ExportFile(type, [line, ...parts]);
  const middle = first.rows.length >> 1;
  const { edit } = first;
  return new ExportFile(type, [
    { ...first, rows: first.rows.subarray(0, middle) },
    line,
    {
      ...first,
      rows: first.rows.subarray(middle),
      edit: edit && ((other, index) => edit(other, index + middle)),
    },
    ...rest,
  ]);
}
