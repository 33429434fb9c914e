/** A number with the words for one, or for another number: "1 file was", "2 files were". */
export function quantity(count: number, one: string, more: string): string {
  return `${count} ${count === 1 ? one : more}`;
}

/** Adds to the count of a name. */
export function increase<K>(counts: Map<K, number>, name: K, by = 1): void {
  counts.set(name, (counts.get(name) ?? 0) + by);
}

/** Adds all counts of others. */
export function increaseAll(counts: Map<string, number>, more: Iterable<readonly [string, number]>): void {
  for (const [name, count] of more) increase(counts, name, count);
}
