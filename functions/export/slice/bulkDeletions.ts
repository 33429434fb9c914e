import { readReference } from '../../fhir/reference.js';
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../../json/json.js';
import { decodeUtf8 } from '../../json/utf8.js';
import type { LineSink } from '../output/lineMaker.js';
import type { DeletionNote } from '../records/job.js';
import type { LineBlock } from '../source/fileLines.js';
import { MAX_REPORTED, writeDeletions } from './deletions.js';

/** What the deletions of a file of the source's own export need of the outside world. */
export interface BulkDeletionDependencies {
  blocks: AsyncIterable<LineBlock>;
  /** FHIR bases of the source. */
  bases: readonly string[];
  /** Whether FHIR has a type. */
  isKnown: (type: string) => boolean;
  /** Whether a type is exported. */
  isAsked: (type: string) => boolean;
  /** Why deletions of a type are not reported; `undefined`: they are. */
  reasonAgainst: (type: string) => string | undefined;
  /** The ids of resources as the export has them. */
  deletedIds: (type: string, ids: readonly string[]) => Promise<string[]>;
  openFile: () => Promise<LineSink>;
}

/**
 * Writes the deletions that a file of the source's own export lists, with the ids that the export gives the resources.
 * https://hl7.org/fhir/uv/bulkdata/STU2/export.html#response---complete-status
 */
export async function runBulkDeletions(dependencies: BulkDeletionDependencies): Promise<{
  lines: number;
  bytes: number;
  types: string[];
  notes: DeletionNote[];
}> {
  const { blocks, bases, isKnown, isAsked, reasonAgainst, deletedIds, openFile } = dependencies;
  const byType = new Map<string, Set<string>>();
  const notes = new Map<string, DeletionNote>();
  const note = (type: string, reason: string): unknown => notes.set(`${type} ${reason}`, { type, reason });
  let count = 0;
  for await (const { bytes } of blocks) {
    for (const deleted of deletionsIn(bytes, bases)) {
      // What the source writes in the place of a type may be anything, a name included.
      if (deleted === undefined || !isKnown(deleted.type)) {
        note('resources', 'the source names some of them in a way that cannot be read');
        continue;
      }
      const { type, id } = deleted;
      if (!isAsked(type)) continue;
      const reason =
        reasonAgainst(type) ??
        (count >= MAX_REPORTED ? `more than ${MAX_REPORTED} were deleted; export all anew` : undefined);
      if (reason !== undefined) {
        note(type, reason);
        continue;
      }
      const ids = byType.get(type) ?? new Set();
      byType.set(type, ids.add(id));
      count++;
    }
  }
  let file: LineSink | undefined;
  for (const [type, ids] of byType)
    await writeDeletions(type, await deletedIds(type, [...ids]), async () => (file ??= await openFile()));
  await file?.close();
  return {
    lines: file?.lines ?? 0,
    bytes: file?.bytes ?? 0,
    types: [...byType.keys()],
    notes: [...notes.values()],
  };
}

/** What lines of Bundles say is deleted; `undefined` for what cannot be read. */
function* deletionsIn(
  lines: Buffer,
  bases: readonly string[],
): Generator<{ type: string; id: string } | undefined> {
  for (const line of decodeUtf8(lines).split('\n')) {
    if (line.trim() === '') continue;
    for (const entry of entriesIn(line)) {
      const request = isJsonObject(entry) ? entry['request'] : undefined;
      const { method, url }: JsonObject = isJsonObject(request) ? request : {};
      yield method === 'DELETE' ? readReference(url, bases) : undefined;
    }
  }
}

function entriesIn(line: string): JsonValue[] {
  try {
    const bundle = parseJson(line);
    const entries = isJsonObject(bundle) ? bundle['entry'] : undefined;
    return Array.isArray(entries) ? entries : [null];
  } catch {
    return [null];
  }
}
