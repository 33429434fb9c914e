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
  /** What members who joined after `_since` had before; absent where there are none of whom it is exported. */
  earlier?: {
    window: Window;
    /** How their resources of each type are chosen. */
    selectionOf: ProvenanceInput['selectionOf'];
    /** Whether the pages are of their resources alone. */
    isOfPages: boolean;
  };
}

/** Provenance of a window, and which of its targets make it come along. */
interface Kind {
  window: Window;
  /** Whether those that are exported of a page do. */
  isOfPages: boolean;
  /** Where others are looked for. */
  targets: ReadonlyArray<Pick<ProvenanceInput, 'window' | 'selectionOf'>>;
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
  readonly #kinds: readonly Kind[];

  constructor(input: ProvenanceInput) {
    const { window, selectionOf, earlier } = input;
    this.#input = input;
    const targets = [{ window, selectionOf }, ...(earlier === undefined ? [] : [earlier])];
    this.#kinds = [{ window, isOfPages: true, targets }];
    if (earlier === undefined) return;
    const all = { ...window, from: undefined, untilAsked: true };
    const ofJoined = { window: all, selectionOf: earlier.selectionOf };
    this.#kinds = [...this.#kinds, { ...earlier, targets: [ofJoined] }];
  }

  async exportedWith(ids: readonly string[], included: readonly SearchRow[]): Promise<readonly SearchRow[]> {
    const exported = new Set(ids.map((id) => `${this.#input.window.type}/${id}`));
    const rows: SearchRow[] = [];
    for (const kind of this.#kinds) rows.push(...(await this.#ofKind(kind, exported, included)));
    return rows;
  }

  async #ofKind(
    { window, isOfPages, targets: places }: Kind,
    exported: ReadonlySet<string>,
    included: readonly SearchRow[],
  ): Promise<SearchRow[]> {
    const { own } = this.#input;
    const candidates = new Map<
      string,
      { row: SearchRow; targets: readonly string[]; asked: readonly string[] }
    >();
    for (const row of included) {
      if (row.id === undefined || candidates.has(row.id)) continue;
      if (!isInWindow(row.lastUpdated, window)) continue;
      const resource = row.resource();
      if (own.isInCompartment(resource) || own.isOfOthers(resource)) continue;
      const targets = this.#targets(resource);
      const first = targets.findIndex((target) => exported.has(target));
      if (first < 0) continue;
      candidates.set(row.id, { row, targets, asked: isOfPages ? targets.slice(0, first) : targets });
    }
    const asked = [...candidates.values()].flatMap((candidate) => candidate.asked);
    const others = await this.#exportedOf(asked, places);
    return [...candidates.values()]
      .filter(({ targets }) => {
        const first = targets.find((target) => others.has(target) || (isOfPages && exported.has(target)));
        return first !== undefined && exported.has(first);
      })
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

  /** Of some resources, those that the job exports of some windows. */
  async #exportedOf(references: readonly string[], places: Kind['targets']): Promise<ReadonlySet<string>> {
    const { source } = this.#input;
    const idsOf = new Map<string, Set<string>>();
    for (const reference of references) {
      const [type = '', id = ''] = reference.split('/');
      idsOf.set(type, (idsOf.get(type) ?? new Set()).add(id));
    }
    const exported = new Set<string>();
    for (const { window, selectionOf } of places) {
      for (const [type, ids] of idsOf) {
        const found = await selectionOf(type)?.exportedOf([...ids], { ...window, type }, source);
        for (const id of found ?? []) exported.add(`${type}/${id}`);
      }
    }
    return exported;
  }
}
