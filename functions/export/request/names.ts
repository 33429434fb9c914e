/** Names that a parameter may have at most, also where it is repeated: far more than there are types and elements. */
export const MAX_NAMES = 1000;

/** The names in values that separate them by commas; `undefined` where there are more than `most`. */
export function namesIn(values: readonly string[], most: number): string[] | undefined {
  let count = values.length;
  for (const value of values) {
    for (let at = value.indexOf(','); at >= 0 && count <= most; at = value.indexOf(',', at + 1)) count++;
    if (count > most) return undefined;
  }
  return values.flatMap((value) => value.split(',')).map((name) => name.trim());
}

/** A caller's own text as part of an answer to that caller: bounded, one line. */
export function printable(text: string): string {
  return text.slice(0, 64).replaceAll(/[^\x20-\x7e]/g, '?');
}

export function quoted(text: string): string {
  return `"${printable(text)}"`;
}

/** The host's keys, in lower case: they are not parameters of the operation. */
export const HOST_PARAMETERS: ReadonlySet<string> = new Set(['code', 'clientid']);
/** Of an answer: a request can be wrong in as many ways as it has parameters. */
export const MAX_ISSUES = 100;
