import { LABELS } from './labels.js';
import type { Run } from './methods/method.js';
import { primitiveText, type Primitive } from './primitive.js';

/** Days that dates move by, for the resource a run is at. */
export type ShiftOf = (run: ResourceRun, rule: number) => number | null;

/** What is going on while one outermost resource is processed. Reused from resource to resource. */
export class ResourceRun implements Run {
  /** Operations done since the counts were last taken, by the place of their label. */
  readonly counts: number[] = LABELS.map(() => 0);
  /** The rule being applied, for the report of a failure. */
  rule: number | undefined;
  /** The outermost resource's id, as a rule finds it. */
  idOfRoot: (rule: number) => Primitive | undefined = () => undefined;
  fileName = '';
  folderName = '';
  /** The patient the outermost resource belongs to, as it came; null for none or several. */
  patient: string | null = null;
  private operations = 0;
  private readonly shiftOf: ShiftOf;
  readonly randomBytes: (size: number) => Uint8Array;

  constructor(shiftOf: ShiftOf, randomBytes: (size: number) => Uint8Array) {
    this.shiftOf = shiftOf;
    this.randomBytes = randomBytes;
  }

  did(label: number): void {
    this.operations |= 1 << label;
    (this.counts as number[])[label] = (this.counts[label] ?? 0) + 1;
  }

  dateShiftDays(rule: number): number | null {
    return this.shiftOf(this, rule);
  }

  /** The text of the outermost resource's id; empty without one. */
  rootId(rule: number): string {
    const id = this.idOfRoot(rule);
    return id === undefined ? '' : primitiveText(id);
  }

  /** Begins a resource and gives what must be handed to `endResource`. */
  startResource(): number {
    const outer = this.operations;
    this.operations = 0;
    return outer;
  }

  /** Ends a resource: gives the operations done in it, which also count for the resource around it. */
  endResource(outer: number): number {
    const own = this.operations;
    this.operations = outer | own;
    return own;
  }
}
