type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Elements whose texts identify: names, addresses below the state, telecom, identifiers. */
const IDENTIFYING: Record<string, readonly string[]> = {
  name: ['family', 'given', 'text'],
  address: ['line', 'city', 'district', 'text'],
  telecom: ['value'],
  identifier: ['value'],
};
const SHORTEST = 4;

/** Every value of a name, address, telecom or identifier in resources, and every id and birth date. */
export function identitiesOf(lines: Iterable<string>): Set<string> {
  const values = new Set<string>();
  const add = (value: Json | undefined): void => {
    if (Array.isArray(value)) value.forEach(add);
    else if (typeof value === 'string' && value.length >= SHORTEST) values.add(value);
  };
  const visit = (value: Json): void => {
    if (Array.isArray(value)) return value.forEach(visit);
    if (typeof value !== 'object' || value === null) return;
    for (const [key, child] of Object.entries(value)) {
      for (const part of Array.isArray(child) ? child : [child]) {
        if (typeof part !== 'object' || part === null || Array.isArray(part)) continue;
        for (const name of IDENTIFYING[key] ?? []) add(part[name]);
      }
      visit(child);
    }
  };
  for (const line of lines) {
    const resource = JSON.parse(line) as { [key: string]: Json };
    visit(resource);
    add(resource['id']);
    add(resource['birthDate']);
  }
  return values;
}

/** Those of the values that are in a text as whole words. */
export function foundIn(text: string, values: Iterable<string>): string[] {
  // Words first, since most values share none with the text.
  const words = new Set(text.split(/[^\p{L}\p{N}]+/u));
  return [...values].filter((value) => {
    if (!value.split(/[^\p{L}\p{N}]+/u).every((word) => word === '' || words.has(word))) return false;
    for (let at = text.indexOf(value); at >= 0; at = text.indexOf(value, at + 1)) {
      const around = `${text[at - 1] ?? ' '}${text[at + value.length] ?? ' '}`;
      if (!/[\p{L}\p{N}]/u.test(around)) return true;
    }
    return false;
  });
}
