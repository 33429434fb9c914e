import type { JsonObject } from '../../json/json.js';
import { readReference, referencesAt } from '../../fhir/reference.js';
import type { CompartmentSelection } from './compartment.js';
import type { Selection } from './selection.js';
import type { SearchRow } from '../source/resourceRow.js';
import type { Companions } from './companions.js';
import type { SearchParameters, Source } from '../source/source.js';
import { isInWindow, type Window } from '../walk/window.js';

export const PROVENANCE = 'Provenance';
/** https://hl7.org/fhir/R4/search.html#revinclude */
export const PROVENANCE_OF_MATCHES = ['_revinclude', 'Provenance:target'] as const;

export interface ProvenanceInput {
  /** The window of the whole job, of the type of the pages with which they come. */
  window: Window;
  /** FHIR bases of the source. */
  bases: readonly string[];
  source: Source;
  /** How each type that the job exports is chosen; `undefined` for other types. */
  selectionOf: (type: string) => Selection | undefined;
  /** Those in a member's compartment, which are exported as the compartment's other types are. */
  own: CompartmentSelection;
}

/**
 * Provenance resources of exported resources, which the source sends along with the pages of their targets. One with
 * several exported targets comes with the first of these, in the order of their types and ids: whether an earlier one
 * is exported, too, is asked of the source, so that no list of what was exported is kept.
 */
export class ProvenanceCompanions implements Companions {
  readonly type = PROVENANCE;
  readonly parameters: SearchParameters = [PROVENANCE_OF_MATCHES];
  readonly #input: ProvenanceInput;

  constructor(input: ProvenanceInput) {
    this.#input = input;
  }

  async exportedWith(ids: readonly string[], included: readonly SearchRow[]): Promise<readonly SearchRow[]> {
    const { own, window } = this.#input;
    const { type } = window;
    const exported = new Set(ids.map((id) => `${type}/${id}`));
    const candidates = new Map<string, { row: SearchRow; earlier: readonly string[] }>();
    for (const row of included) {
      if (row.id === undefined || candidates.has(row.id)) continue;
      if (!isInWindow(row.lastUpdated, window)) continue;
      const resource = row.resource();
      if (own.isInCompartment(resource) || own.isOfOthers(resource)) continue;
      const targets = this.#targets(resource);
      const first = targets.findIndex((target) => exported.has(target));
      if (first >= 0) candidates.set(row.id, { row, earlier: targets.slice(0, first) });
    }
    const others = await this.#exportedOf([...candidates.values()].flatMap(({ earlier }) => earlier));
    return [...candidates.values()]
      .filter(({ earlier }) => !earlier.some((target) => others.has(target)))
      .map(({ row }) => row);
  }

  /** What a Provenance is about, of the source's own, in a fixed order. */
  #targets(resource: JsonObject): string[] {
    const targets = new Set<string>();
    for (const { reference } of referencesAt(resource, ['target'])) {
      const target = readReference(reference, this.#input.bases);
      if (target !== undefined) targets.add(`${target.type}/${target.id}`);
    }
    return [...targets].sort();
  }

  /** Of some resources, those that the job exports. */
  async #exportedOf(references: readonly string[]): Promise<ReadonlySet<string>> {
    const { selectionOf, source, window } = this.#input;
    const idsOf = new Map<string, Set<string>>();
    for (const reference of references) {
      const [type = '', id = ''] = reference.split('/');
      idsOf.set(type, (idsOf.get(type) ?? new Set()).add(id));
    }
    const exported = new Set<string>();
    for (const [type, ids] of idsOf) {
      const found = await selectionOf(type)?.exportedOf([...ids], { ...window, type }, source);
      for (const id of found ?? []) exported.add(`${type}/${id}`);
    }
    return exported;
  }
}
