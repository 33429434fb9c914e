import type { ClassSizes } from './classSizes.js';

/** Over what Patients are compared, and what that has to come to. */
export interface RiskOfJob {
  /** FHIRPath expressions. */
  quasiIdentifiers: readonly string[];
  /** Fewest Patients of a class; 0: any number. */
  minClassSize: number;
}

/**
 * How many Patients of an export share each combination of quasi-identifiers: Patients that do are a class. Sizes only, as
 * they are: nothing is left out for being small.
 */
export interface Risk {
  /** FHIRPath expressions over which they were compared. */
  quasiIdentifiers: readonly string[];
  /** There where they were compared as they are before `_elements` cuts them; else as they were written. */
  beforeElements?: true;
  /** Patients of the export; 0: it has none, and nothing can be said of others. */
  patients: number;
  /** Of them, those of which an expression could not be evaluated: each is a class of its own. */
  notEvaluated: number;
  classes: number;
  /** Patients of the smallest class; absent without Patients. */
  least?: number;
  /** Half of the classes are no larger, half no smaller; between two sizes, their mean; absent without Patients. */
  median?: number;
  /** Patients whose combination no other one has. */
  unique: number;
  /** By size, up to that of the largest class. */
  histogram: SizeRange[];
}

/** Classes of similar size. */
export interface SizeRange {
  /** Fewest and most Patients of a class; of the last range, `most` is absent. */
  least: number;
  most?: number;
  classes: number;
  /** In all of these. */
  patients: number;
}

/** Where the ranges of sizes begin. */
const RANGES = [1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000];

/** Describes the sizes of classes. */
export function riskOf(
  sizes: ClassSizes,
  {
    quasiIdentifiers,
    beforeElements,
    notEvaluated,
  }: Pick<Risk, 'quasiIdentifiers' | 'beforeElements' | 'notEvaluated'>,
): Risk {
  const sorted = [...sizes].sort(([one], [other]) => one - other);
  const classes = sorted.reduce((sum, [, count]) => sum + count, 0);
  const patients = sorted.reduce((sum, [size, count]) => sum + size * count, 0);
  const [first] = sorted;
  return {
    quasiIdentifiers,
    ...(beforeElements && { beforeElements }),
    patients,
    notEvaluated,
    classes,
    ...(first === undefined
      ? {}
      : {
          least: first[0],
          median: (sizeAt(sorted, (classes - 1) >> 1) + sizeAt(sorted, classes >> 1)) / 2,
        }),
    unique: sizes.get(1) ?? 0,
    histogram: histogramOf(sorted),
  };
}

type Sorted = ReadonlyArray<readonly [size: number, classes: number]>;

/** The size of a class by its place in their order. */
function sizeAt(sorted: Sorted, place: number): number {
  let passed = 0;
  for (const [size, count] of sorted) {
    passed += count;
    if (place < passed) return size;
  }
  return 0;
}

function histogramOf(sorted: Sorted): SizeRange[] {
  const largest = sorted.at(-1)?.[0] ?? 0;
  return RANGES.filter((least) => least <= largest).map((least) => {
    const next = RANGES.find((begin) => begin > least);
    const own = sorted.filter(([size]) => size >= least && (next === undefined || size < next));
    return {
      least,
      ...(next === undefined ? {} : { most: next - 1 }),
      classes: own.reduce((sum, [, count]) => sum + count, 0),
      patients: own.reduce((sum, [size, count]) => sum + size * count, 0),
    };
  });
}
