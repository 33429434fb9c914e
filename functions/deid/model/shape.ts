import { remembered } from '../../common/maps.js';
import { CONSTRAINTS, type Constraint } from './constraints.js';
import type { FhirType } from './types.js';

interface Rule {
  readonly constraint: Constraint;
  /** Bit of the element beside which it holds; 0 for always. */
  readonly beside: number;
  readonly oneOf: number;
}

/** An object that has to go as a whole. */
export const REMOVED = -1;
/** A bit for each element that is asked for, in an integer of 32 bits. */
const MAX_BITS = 31;

/** Which elements an object of a type needs to be valid, and which exclude each other. */
export class Shape {
  /** Bits by the name without a choice's type. */
  readonly #bits = new Map<string, number>();
  /** Bits of the elements that have to be there. */
  readonly required: number;
  /** What else it asks for. */
  readonly asked: readonly Rule[];
  /** Bits of choices: only one of their elements may be there. */
  readonly choices: number;
  /** Whether it asks for anything. */
  readonly isAsking: boolean;
  /** Whether its objects may have to go as a whole. */
  readonly mayBeRemoved: boolean;

  constructor(type: FhirType, constraints: readonly Constraint[]) {
    const elements = [...type.elements.values()];
    const asked = constraints.flatMap(({ beside, oneOf }) => [
      ...oneOf,
      ...(beside === undefined ? [] : [beside]),
    ]);
    let required = 0;
    let choices = 0;
    for (const { key, name, isRequired } of elements) {
      if (!isRequired && key === name && !asked.includes(name)) continue;
      const bit = this.#bits.get(name) ?? 1 << this.#bits.size;
      this.#bits.set(name, bit);
      if (isRequired) required |= bit;
      if (key !== name) choices |= bit;
    }
    if (this.#bits.size > MAX_BITS)
      throw new RangeError(`${type.path} has too many elements that are asked for`);
    this.required = required;
    this.choices = choices;
    this.asked = constraints
      .map((constraint) => ({
        constraint,
        beside: constraint.beside === undefined ? 0 : this.bit(constraint.beside),
        oneOf: constraint.oneOf.reduce((bits, name) => bits | this.bit(name), 0),
      }))
      // A version whose type has none of the elements does not have the constraint.
      .filter(({ oneOf }) => oneOf !== 0);
    this.isAsking = this.#bits.size > 0;
    this.mayBeRemoved = constraints.some(({ without }) => without === 'removed');
  }

  /** The bit of an element, by its name without a choice's type; 0 for one that is not asked for. */
  bit(name: string): number {
    return this.#bits.get(name) ?? 0;
  }

  /**
   * Bits of the elements that have to be marked as masked, since they were taken away; or `REMOVED`.
   * @param had bits of the elements that an object had
   * @param left bits of those of which something is left
   */
  missing(had: number, left: number): number {
    let missing = this.required & had & ~left;
    let there = left;
    // What is marked is there, too, and may ask for something beside it.
    for (let before = -1; missing !== before; there = left | missing) {
      before = missing;
      for (const { constraint, beside, oneOf } of this.asked) {
        if (isMet(beside, oneOf, there)) continue;
        const taken = had & oneOf;
        // The lowest bit: the first element of the definition.
        if (constraint.without === 'masked') missing |= taken & -taken;
        else if (constraint.isOwn !== true || taken !== 0) return REMOVED;
      }
    }
    return missing;
  }

  /** Whether an object has all that is asked for. @param left bits of the elements that it has */
  isComplete(left: number): boolean {
    if ((this.required & ~left) !== 0) return false;
    for (const { beside, oneOf } of this.asked) if (!isMet(beside, oneOf, left)) return false;
    return true;
  }

  /** What an object lacks: names of elements that are required, keys of constraints. */
  problems(left: number): readonly { readonly element: string; readonly reason: string }[] {
    const problems: { element: string; reason: string }[] = [];
    for (const [name, bit] of this.#bits)
      if ((this.required & bit & ~left) !== 0) problems.push({ element: name, reason: 'required' });
    for (const { constraint, beside, oneOf } of this.asked) {
      if (constraint.isOwn === true || isMet(beside, oneOf, left)) continue;
      const [element = ''] = constraint.oneOf;
      problems.push({ element, reason: constraint.key });
    }
    return problems;
  }
}

function isMet(beside: number, oneOf: number, left: number): boolean {
  return (beside !== 0 && (left & beside) === 0) || (left & oneOf) !== 0;
}

const shapes = new WeakMap<FhirType, Shape>();

/** The shape of a type's objects. */
export function shapeOf(type: FhirType): Shape {
  const constraints = () => CONSTRAINTS.filter(({ types }) => types.includes(type.path));
  return remembered(shapes, type, () => new Shape(type, constraints()));
}
