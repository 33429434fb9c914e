import { readReference } from '../../fhir/reference.js';
import type { TapeValue } from '../../json/jsonTape.js';
import { nameNumber } from '../../json/keyNames.js';

const REFERENCE = nameNumber('reference');

/**
 * What exported resources refer to, of types that are exported for that: `Type/id`, each once. These are ids of the source,
 * so they are for the job's private state alone.
 */
export class ReferenceCollector {
  readonly #types: ReadonlySet<string>;
  readonly #bases: readonly string[];
  readonly #names = new Set<string>();

  /** @param bases FHIR bases of the source, without trailing slash */
  constructor(types: readonly string[], bases: readonly string[]) {
    this.#types = new Set(types);
    this.#bases = bases;
  }

  /** Looks at a resource as it came: in any element, extensions and contained resources too. */
  add({ tape, node }: TapeValue): void {
    for (const text of tape.textsOf(node, REFERENCE)) {
      const target = readReference(text, this.#bases);
      if (target !== undefined && this.#types.has(target.type))
        this.#names.add(`${target.type}/${target.id}`);
    }
  }

  /** What was found, sorted, a name a line. */
  get lines(): string {
    return [...this.#names].sort().join('\n');
  }
}
