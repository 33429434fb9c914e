import { increase } from '../../common/counts.js';
import { ClassTable, countOf, ENTRY_BYTES, startOf } from './classTable.js';

/** How many classes there are of each size. Of n Patients, there are fewer than 2 √n sizes. */
export type ClassSizes = ReadonlyMap<number, number>;

/** Classes that are counted at a time: 10 MiB, and twice as much for a moment where there are more. */
const MAX_COUNTED = 393_000;
/** Digests begin with 16 bits that are spread evenly. */
const STARTS = 65_536;

/**
 * The sizes of all classes, from tables of parts of the Patients: a class may be in several. Where there are more classes
 * than are counted at a time, the tables are read again for the others.
 * @param read all tables, as `ClassTable` stores them; called several times
 * @param mostCounted classes that are counted at a time
 */
export async function classSizes(
  read: () => AsyncIterable<Buffer>,
  mostCounted = MAX_COUNTED,
): Promise<ClassSizes> {
  const sizes = new Map<number, number>();
  let width = STARTS;
  const table = new ClassTable();
  for (let first = 0; first < STARTS; first += width) {
    for await (const bytes of read()) {
      for (let at = 0; at < bytes.length; at += ENTRY_BYTES) {
        const start = startOf(bytes, at) - first;
        if (start < 0 || start >= width) continue;
        table.add(bytes, at, countOf(bytes, at));
        while (table.size > mostCounted && width > 1) {
          width = Math.ceil(width / 2);
          const end = first + width;
          table.keep((kept) => kept < end);
        }
      }
    }
    addSizes(sizes, table);
    table.clear();
  }
  return sizes;
}

/** Adds the classes of a table. */
export function addSizes(sizes: Map<number, number>, table: ClassTable): void {
  for (const size of table.counts()) increase(sizes, size);
}
