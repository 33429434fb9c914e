/** The places whose tokens are in a text, whatever their case. */
export function leaksIn(text: string, tokens: ReadonlyMap<string, string>): string[] {
  const found = new Set<string>();
  const lower = text.toLowerCase();
  for (const [candidate] of lower.matchAll(/canary[0-9a-f]{18}|\d{4}-\d\d-\d\d/g)) {
    const token = candidate.replace(/^canary/, 'Canary');
    const place = tokens.get(token);
    if (place !== undefined) found.add(`${place} (${token})`);
  }
  return [...found].slice(0, 50);
}
