import type { Companions } from '../selection/companions.js';
import type { Unproven } from '../records/job.js';
import type { Selection, SliceCursor } from '../selection/selection.js';
import { proveHonored } from '../source/honored.js';
import type { SearchRow } from '../source/resourceRow.js';
import type { PageWithIncludes } from '../source/searchPage.js';
import type { SearchParameters, Source } from '../source/source.js';
import type { Cursor } from '../walk/cursor.js';
import { Walk } from '../walk/walk.js';
import type { Window } from '../walk/window.js';
import { type FetchedPage, fetchPage } from './fetchPage.js';
import { isComplete } from './proof.js';

/** A page that was read, and the search that gave it. */
export interface ReadPage {
  page: PageWithIncludes;
  /** Its rows that belong to the search. */
  rows: readonly SearchRow[];
  search: number;
  /** In bytes. */
  size: number;
}

export interface ReadingInput {
  window: Window;
  selection: Selection;
  pageSize: number;
  source: Source;
  companions: Companions | undefined;
}

/** Reads a partition page by page, by the walks of its searches, one after the other. */
export class Reading {
  /** What the source did not let be shown. */
  readonly unproven = new Set<Unproven>();
  /** Resources of the window that the source gave, once all are read by the only search. */
  walked: number | undefined;
  readonly #input: ReadingInput;
  /** The kinds of searches by which the source has shown that it sorts, and whether these went as forms. */
  readonly #sorted = new Map<string, boolean>();
  #search: number;
  #walk: Walk;
  /** Whether a page of the search has shown that the source honors it. */
  #isProven: boolean;
  /** Whether the walk relies on an order that another search has shown. */
  #isOrderAssumed = false;
  #answer: Promise<FetchedPage>;

  /** Asks for the first page. */
  constructor(input: ReadingInput, cursor: SliceCursor | undefined) {
    this.#input = input;
    this.#search = cursor?.search ?? 0;
    this.#walk = this.#begin(cursor?.walk);
    this.#isProven = cursor?.walk !== undefined;
    this.#answer = this.#fetch(cursor?.walk === undefined);
  }

  /** The page that was asked for. */
  get answer(): Promise<unknown> {
    return this.#answer;
  }

  get isDone(): boolean {
    return this.#walk.isDone;
  }

  /** Where to go on; `undefined` at the end. A search of which no page was seen begins anew, with what has to be made sure of first. */
  get cursor(): SliceCursor | undefined {
    if (this.isDone) return undefined;
    return { search: this.#search, walk: this.#isProven ? this.#walk.checkpoint() : undefined };
  }

  /** Asks for the next page. */
  ask(): void {
    this.#answer = this.#fetch(true);
    this.#answer.catch(() => undefined);
  }

  /** Takes the page that was asked for. */
  async take(): Promise<ReadPage> {
    const { source, window, selection } = this.#input;
    const search = this.#search;
    let { page, size, isForm } = await this.#answer;
    if (this.#isOrderAssumed && isForm !== this.#sorted.get(this.#kind())) {
      this.#walk = this.#begin(undefined);
      ({ page, size, isForm } = await this.#fetch(true));
    }
    this.#isOrderAssumed = false;
    if (!this.#isProven && page.self === undefined) {
      const parameters = selection.sourceOnly?.(search) ?? [];
      await proveHonored(source, window.type, selection.parameters(search), parameters);
    }
    this.#isProven = true;
    // A count may have shown that the page before was the last one.
    const rows = this.#walk.isDone ? [] : this.#walk.acceptPage(page);
    if (this.#walk.isDone) {
      await this.#prove();
      if (search + 1 < selection.searches) this.#beginNext(isForm);
    }
    return { page, rows, search, size };
  }

  /** Shows that the walk has read all that there is, as far as the source lets it be shown. */
  async #prove(): Promise<void> {
    const { source, window, selection } = this.#input;
    const { claim, isLinked, read } = this.#walk;
    if (selection.searches === 1) this.walked = read;
    if (isLinked) this.unproven.add('order');
    if (claim !== undefined && !(await isComplete(source, window.type, claim))) this.unproven.add('counts');
  }

  #beginNext(isForm: boolean): void {
    if (this.#walk.isOrderProven) this.#sorted.set(this.#kind(), isForm);
    this.#search++;
    this.#isOrderAssumed = this.#sorted.has(this.#kind());
    this.#walk = this.#begin(undefined, this.#isOrderAssumed);
    this.#isProven = false;
  }

  #begin(cursor: Cursor | undefined, isOrderProven = false): Walk {
    const { window, selection, pageSize } = this.#input;
    const parameters = selection.parameters(this.#search);
    const walk = new Walk(window, cursor ?? { pageSize, isOrderProven }, parameters);
    walk.growPage(pageSize);
    return walk;
  }

  #fetch(isLinkOurs: boolean): Promise<FetchedPage> {
    const { window, source, companions } = this.#input;
    return fetchPage(this.#walk, window.type, source, companions, isLinkOurs);
  }

  #kind(): string {
    return kindOf(this.#input.selection.parameters(this.#search));
  }
}

/** Searches by the same parameters are answered in one way; a named query is an operation of its own. */
function kindOf(parameters: SearchParameters): string {
  return JSON.stringify(parameters.map(([name, value]) => (name === '_query' ? [name, value] : name)));
}
