import { remembered } from '../../common/maps.js';
import { readReference } from '../../fhir/reference.js';
import type { TapeValue } from '../../json/jsonTape.js';
import { nameNumber } from '../../json/keyNames.js';

const REFERENCE = nameNumber('reference');

/**
 * What exported resources refer to, of types that are exported for that: `Type/id`, each once for each type that refers to
 * it. These are ids of the source, so they are for the job's private state alone.
 */
export class ReferenceCollector {
  readonly #types: ReadonlySet<string>;
  readonly #bases: readonly string[];
  /** By the type that refers to them. */
  readonly #names = new Map<string, Set<string>>();

  /** @param bases FHIR bases of the source, without trailing slash */
  constructor(types: readonly string[], bases: readonly string[]) {
    this.#types = new Set(types);
    this.#bases = bases;
  }

  /** Looks at a resource of a type as it came: in any element, extensions and contained resources too. */
  add(referring: string, { tape, node }: TapeValue): void {
    for (const text of tape.textsOf(node, REFERENCE)) {
      const target = readReference(text, this.#bases);
      if (target !== undefined && this.#types.has(target.type))
        remembered(this.#names, referring, () => new Set()).add(`${target.type}/${target.id}`);
    }
  }

  /** What was found, a name a line, behind the type that refers to it. */
  get lines(): string {
    return [...this.#names]
      .flatMap(([referring, names]) => [...names].map((name) => `${referring} ${name}`))
      .sort()
      .join('\n');
  }
}

/** The names in such lines, a name a line. @param isLeftOut of which types the references do not count */
export function namesReferredTo(lines: string, isLeftOut: (referring: string) => boolean): string {
  const names: string[] = [];
  for (const line of lines === '' ? [] : lines.split('\n')) {
    const end = line.indexOf(' ');
    if (!isLeftOut(line.slice(0, end))) names.push(line.slice(end + 1));
  }
  return names.join('\n');
}
