/** The resources of one partition of what exported resources refer to. */
export interface ReferencedPart {
  type: string;
  /** Sorted. */
  ids: string[];
}

/** Names that are in memory at a time, about, in characters: some 50 MB. */
const MAX_COMPARED = 16_777_216;

/**
 * What is referred to and was not read before, each once, in parts of one type. The same names give the same parts, in
 * whatever order and however often they come. Memory does not grow with their number: they are compared by portions of
 * their hashes.
 * @param found lists of what is referred to, `Type/id` a line; called several times
 * @param known lists of what was read before; called several times
 * @param most resources of a part
 */
export async function* referencedParts(
  found: () => AsyncIterable<string>,
  known: () => AsyncIterable<string>,
  most: number,
  mostCompared = MAX_COMPARED,
): AsyncGenerator<ReferencedPart> {
  let characters = 0;
  for await (const { length } of found()) characters += length;
  const passes = Math.max(1, Math.ceil(characters / mostCompared));
  for (let pass = 0; pass < passes; pass++) {
    const isInPass = (name: string): boolean => passes === 1 || hashOf(name) % passes === pass;
    const names = new Set<string>();
    for await (const lines of found()) for (const name of namesIn(lines)) if (isInPass(name)) names.add(name);
    if (names.size === 0) continue;
    for await (const lines of known()) for (const name of namesIn(lines)) names.delete(name);
    yield* partsOf([...names].sort(), most);
  }
}

function* partsOf(names: readonly string[], most: number): Generator<ReferencedPart> {
  let part: ReferencedPart | undefined;
  for (const name of names) {
    const slash = name.indexOf('/');
    const type = name.slice(0, slash);
    if (part !== undefined && (part.type !== type || part.ids.length >= most)) {
      yield part;
      part = undefined;
    }
    part ??= { type, ids: [] };
    part.ids.push(name.slice(slash + 1));
  }
  if (part !== undefined) yield part;
}

function namesIn(lines: string): string[] {
  return lines === '' ? [] : lines.split('\n');
}

/** Spreads names evenly: FNV-1a. */
function hashOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
