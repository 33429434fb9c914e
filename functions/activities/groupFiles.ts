import type { SourceFiles } from '../adapters/storage/sourceFiles.js';
import { ExportError } from '../common/errors.js';
import { type SourceFile, wholeFile } from '../export/plan/filePlan.js';
import { isEarlier } from '../export/selection/groupList.js';
import { LineReader } from '../export/source/fileLines.js';
import type { SearchRow } from '../export/source/resourceRow.js';
import type { Source } from '../export/source/source.js';

/** Files that Groups are looked for in: to read all files for one of them could take hours. */
const GROUP_FILE = /(?:^|\/)Group[^/]*$/;
/** In bytes. */
const MAX_GROUPS = 268_435_456;

type Group = Pick<SearchRow, 'lastUpdated'> & { body: Buffer; date: undefined };

/** The Groups of the files, read once they are asked for. Of one that is there several times, the latest counts. */
export function groupsOf(sourceFiles: SourceFiles, files: readonly SourceFile[]): Pick<Source, 'read'> {
  let groups: Promise<ReadonlyMap<string, Group>> | undefined;
  return { read: async (_type, id) => (await (groups ??= readGroups(sourceFiles, files))).get(id) };
}

async function readGroups(
  sourceFiles: SourceFiles,
  files: readonly SourceFile[],
): Promise<ReadonlyMap<string, Group>> {
  const groups = new Map<string, Group>();
  let bytes = 0;
  for await (const row of groupRows(sourceFiles, files)) {
    const { id, lastUpdated } = row;
    if (id === undefined || isEarlier(lastUpdated, groups.get(id)?.lastUpdated)) continue;
    const body = Buffer.from(JSON.stringify(row.resource()));
    groups.set(id, { body, date: undefined, lastUpdated });
    bytes += body.length;
    if (bytes > MAX_GROUPS) throw tooLarge();
  }
  return groups;
}

/** The Groups of the files, line by line: one may be there several times. */
export async function* groupRows(
  sourceFiles: SourceFiles,
  files: readonly SourceFile[],
): AsyncGenerator<SearchRow> {
  for (const [index, file] of files.entries()) {
    if (!GROUP_FILE.test(file.name)) continue;
    const reader = new LineReader({ number: index + 1 });
    for await (const block of sourceFiles.blocks(wholeFile(file, index + 1), undefined)) {
      for (const { type, row } of reader.lines(block)) if (type === 'Group') yield row;
    }
  }
}

function tooLarge(): ExportError {
  return new ExportError(
    'source-refused',
    `The files of the source whose names begin with Group hold more than ${MAX_GROUPS / 1_048_576} MiB, the most that is read for a Group. Leave Groups out that are not exported.`,
  );
}
