import { count } from '../source/count.js';
import type { Source } from '../source/source.js';
import type { Claim } from '../walk/walk.js';
import { endsEarly } from '../walk/walkErrors.js';

/**
 * Whether the source counts no more in a window than were read. An estimate is told from a count by what is known: the
 * rows of a page.
 * @returns false where the source does not count, or estimates
 * @throws ExportError where it counts more
 */
export async function isComplete(
  source: Source,
  type: string,
  { read, parameters, known }: Claim,
): Promise<boolean> {
  if (parameters === undefined) return false;
  const counted = await count(source, type, parameters, 'exact');
  if (counted === undefined) return false;
  if (counted <= read) return true;
  if (known === undefined || known.rows === 0) return false;
  const again = await count(source, type, known.parameters, 'exact');
  if (again === undefined || again > known.rows) return false;
  throw endsEarly(type);
}
