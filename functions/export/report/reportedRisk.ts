/** How many Patients share each combination of quasi-identifiers. */
export interface ReportedRisk {
  /** FHIRPath expressions. */
  readonly quasiIdentifiers: readonly string[];
  readonly patients: number;
  readonly classes: number;
  /** Patients of the smallest class; absent without Patients. */
  readonly least?: number;
  readonly median?: number;
  /** Patients whose combination no other one has. */
  readonly unique: number;
  /** Classes by size, from the smallest on. */
  readonly histogram: readonly SizeRange[];
}

export interface SizeRange {
  readonly least: number;
  readonly most?: number;
  readonly patients: number;
}
