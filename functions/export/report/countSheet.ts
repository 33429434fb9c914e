import { remembered } from '../../common/maps.js';

/** A count of a report, before it is known whether it is shown. */
export interface Count {
  readonly value: number;
}

/** A count as a report shows it: itself, that it is below or above a bound, rounded down, or that it is not shown. */
export type ShownCount = number | `<${number}` | `>${number}` | `≥${number}` | typeof HIDDEN;

/** In place of a count that would reveal a smaller one by subtraction. */
export const HIDDEN = 'hidden';

/** Fewer would reveal what they hide: below 2 there is 1 alone. */
const LEAST_MIN_COUNT = 3;
const MAX_MIN_COUNT = 1000;

/** The bound below which counts are not shown, as people write it; 0: all are shown. */
export function readMinCount(text: string): number | undefined {
  const value = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  return value === 0 || (value >= LEAST_MIN_COUNT && value <= MAX_MIN_COUNT) ? value : undefined;
}

/** A count is the sum of others, or they are what is known to be in it. */
interface Sum {
  readonly whole: Count;
  readonly parts: readonly Count[];
}

/**
 * The counts of a report, and which of them are sums of others. Counts from 1 to `minCount` - 1 are not shown, nor what
 * would reveal one by subtraction:
 *
 * - A sum is hidden where one of its parts is.
 * - Where a sum is hidden, so is one of its parts at least: the smallest.
 * - A part is shown as more than its whole less `minCount` where fewer than that are not in it; of a whole below twice
 *   `minCount`, which of both it is would show it.
 *
 * Counts of values can be sums of counts of resources, in a way that the report does not say: none of them is exact.
 */
export class CountSheet {
  readonly minCount: number;
  readonly #sums: Sum[] = [];
  readonly #within = new Map<Count, Count>();
  readonly #counts: Count[] = [];
  readonly #resourcesOf = new Map<Count, Count>();
  readonly #sumsOfValues = new Map<Count, readonly Count[]>();
  readonly #ofAll = new Set<Count>();
  readonly #named = new Map<string, Count>();
  #hidden: Set<Count> | undefined;

  /** @param minCount with 0, every count is shown */
  constructor(minCount: number) {
    this.minCount = minCount;
  }

  /** Adds a count. */
  count(value: number): Count {
    const count = { value };
    this.#counts.push(count);
    this.#hidden = undefined;
    return count;
  }

  /** The count of a name: several parts of a report may have it. It is added where it is not there. */
  named(name: string, value: number): Count {
    return remembered(this.#named, name, () => this.count(value));
  }

  /** Adds a count that is the sum of others; without a value, it is that of the others. */
  sum(parts: readonly Count[], value = parts.reduce((sum, part) => sum + part.value, 0)): Count {
    const whole = this.count(value);
    this.isSum(whole, parts);
    return whole;
  }

  /** Notes that a count is the sum of others. */
  isSum(whole: Count, parts: readonly Count[]): void {
    this.#hidden = undefined;
    if (parts.length > 0) this.#sums.push({ whole, parts });
  }

  /** Adds a count of what is in the whole. */
  within(whole: Count, value: number): Count {
    const part = this.count(value);
    this.#within.set(part, whole);
    return part;
  }

  /** Adds a count of values in resources, of which there may be several or none in each. */
  values(resources: Count, value: number): Count {
    const count = { value };
    this.#resourcesOf.set(count, resources);
    return count;
  }

  /** Adds a count that is the sum of counts of values: it is shown as the sum of what is shown of them. */
  sumOfValues(parts: readonly Count[]): Count {
    const count = { value: parts.reduce((sum, part) => sum + part.value, 0) };
    this.#sumsOfValues.set(count, parts);
    return count;
  }

  /** Adds a count that follows from those of all resources, in a way that the report does not say: of requests for them. */
  ofAll(value: number): Count {
    const count = { value };
    this.#ofAll.add(count);
    return count;
  }

  /** How a count is shown. All counts have to be there by then. */
  shown(count: Count): ShownCount {
    if (this.minCount === 0 || count.value === 0) return count.value;
    const parts = this.#sumsOfValues.get(count);
    if (parts !== undefined) return this.#shownSumOfValues(parts);
    const hidden = (this.#hidden ??= this.#allHidden());
    if (this.#ofAll.has(count)) return hidden.size > 0 ? HIDDEN : count.value;
    const resources = this.#resourcesOf.get(count);
    if (resources !== undefined) return hidden.has(resources) ? HIDDEN : this.#rounded(count, resources);
    return this.#shownOf(count, hidden);
  }

  #shownSumOfValues(parts: readonly Count[]): ShownCount {
    const shown = parts.map((part) => this.shown(part)).filter((part) => part !== 0);
    const [first = 0] = shown;
    if (shown.length <= 1) return first;
    const least = shown.reduce<number>((sum, part) => sum + (leastOf(part) ?? 0), 0);
    return least > 0 ? `≥${least}` : HIDDEN;
  }

  /**
   * A count of values, rounded down to a multiple of the bound. Around each multiple of the count of the resources, all
   * are rounded to the same: elements that all of them have, and one that few have or lack, give such a count.
   */
  #rounded({ value }: Count, resources: Count): ShownCount {
    if (this.#areFew(resources)) return HIDDEN;
    if (value < this.minCount) return `<${this.minCount}`;
    const near = Math.max(1, Math.round(value / resources.value)) * resources.value;
    const least = Math.abs(value - near) < this.minCount ? near - this.minCount + 1 : value;
    return `≥${Math.floor(least / this.minCount) * this.minCount}`;
  }

  /** Whether a part of a whole that is shown can be few of it and lack few of it. */
  #areFew(whole: Count): boolean {
    return whole.value < 2 * this.minCount;
  }

  #shownOf(count: Count, hidden: ReadonlySet<Count>): ShownCount {
    if (!hidden.has(count)) return count.value;
    const container = this.#within.get(count);
    if (container !== undefined && !hidden.has(container) && this.#areFew(container)) return HIDDEN;
    if (this.#isSmall(count)) return this.#isSumOfHidden(count, hidden) ? HIDDEN : `<${this.minCount}`;
    const least =
      container !== undefined && !hidden.has(container) && this.#lacksFew(count)
        ? container.value - this.minCount
        : this.#sumOfShown(count, hidden);
    return least > 0 ? `>${least}` : HIDDEN;
  }

  /** What a reader adds up of a sum that is hidden, the parts of which are shown. */
  #sumOfShown(count: Count, hidden: ReadonlySet<Count>): number {
    const sums = this.#sums
      .filter(({ whole }) => whole === count)
      .map(({ parts }) => parts.reduce((sum, part) => sum + (hidden.has(part) ? 0 : part.value), 0));
    return Math.max(0, ...sums);
  }

  #isSmall({ value }: Count): boolean {
    return value > 0 && value < this.minCount;
  }

  /** Whether few of the whole are not in a part. */
  #lacksFew(part: Count): boolean {
    const whole = this.#within.get(part);
    return whole !== undefined && part.value > 0 && this.#isSmall({ value: whole.value - part.value });
  }

  /** That it is small would say that its parts are smaller still. */
  #isSumOfHidden(count: Count, hidden: ReadonlySet<Count>): boolean {
    return this.#sums.some(
      ({ whole, parts }) => whole === count && parts.filter((part) => hidden.has(part)).length > 1,
    );
  }

  #allHidden(): Set<Count> {
    const hidden = new Set(this.#counts.filter((count) => this.#isSmall(count) || this.#lacksFew(count)));
    for (let size = -1; size !== hidden.size;) {
      size = hidden.size;
      for (const { whole, parts } of this.#sums) {
        if (parts.some((part) => hidden.has(part))) hidden.add(whole);
        else if (hidden.has(whole)) {
          const counted = parts.filter(({ value }) => value > 0);
          const [smallest] = counted.sort((one, other) => one.value - other.value);
          if (smallest !== undefined) hidden.add(smallest);
        }
      }
    }
    return hidden;
  }
}

/** What a count is at least, where it is shown exactly or rounded down. */
export function leastOf(shown: ShownCount): number | undefined {
  if (typeof shown === 'number') return shown;
  return shown.startsWith('≥') ? Number(shown.slice(1)) : undefined;
}
