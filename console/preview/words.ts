/** A text as one line of bounded length, for a cell or a list. */
export function shortened(text: string, most = 160): string {
  const line = text.length > most * 4 ? text.slice(0, most * 4) : text;
  const one = line.replaceAll(/\s+/g, ' ');
  return one.length > most ? `${one.slice(0, most - 1)}…` : one;
}

/** `1 element`, `2 elements`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}

/** A rule's place in few characters: `[3]`, of `fhirPathRules[3]`; `sample [3]` of one in the sample. */
export function shortPlace(place: string): string {
  const found = /^(.*?)fhirPathRules(After)?(\[\d+\])$/.exec(place);
  if (found === null) return place;
  const [, sample = '', after = '', number = ''] = found;
  return `${sample === '' ? '' : 'sample '}${after === '' ? '' : 'after '}${number}`;
}
