import type { Rule } from '../configuration/rule.js';
import { DepthError, type FhirNode } from '../model/node.js';

/**
 * What becomes of each element of one outermost resource: which rule decides it, and where it is written. The tree engine
 * fills it (`ResourceContext.trace`); without one it does the same work.
 */
export class Trace {
  #root: FhirNode | undefined;
  /** The elements of the input, each with those in it. Rules take some away, and put others in their place. */
  readonly #original = new Map<FhirNode, readonly FhirNode[]>();
  readonly #rules = new Map<FhirNode, Rule>();
  /** Places among the repeats of a result; undefined where it is no list. */
  readonly #written = new Map<FhirNode, number | undefined>();

  /** Begins with a resource on which no rule has acted. */
  begin(root: FhirNode): void {
    this.#root = root;
    try {
      this.#remember(root);
    } catch (error) {
      // The engine meets it again where it would without a trace.
      if (!(error instanceof DepthError)) throw error;
    }
  }

  #remember(node: FhirNode): void {
    const { children } = node;
    this.#original.set(node, children);
    for (const child of children) this.#remember(child);
  }

  /** A rule has decided an element, and with it all below that no other rule had. */
  decide(node: FhirNode, rule: Rule): void {
    if (this.#rules.has(node)) return;
    this.#rules.set(node, rule);
    for (const child of this.#original.get(node) ?? []) if (child.decided) this.decide(child, rule);
  }

  /** A rule has taken an element away, with all that is in it, whatever other rules had decided of that. */
  remove(node: FhirNode, rule: Rule): void {
    this.#rules.set(node, rule);
    for (const child of this.#original.get(node) ?? []) this.remove(child, rule);
  }

  /** An element was written, at a place among its repeats. */
  write(node: FhirNode, place: number | undefined): void {
    this.#written.set(node, place);
  }

  /** The outermost resource; undefined where the input is none. */
  get root(): FhirNode | undefined {
    return this.#root;
  }

  /** The elements that are in an element of the input; undefined for one that is not of the input. */
  originalChildren(node: FhirNode): readonly FhirNode[] | undefined {
    return this.#original.get(node);
  }

  /** The rule that decided an element; undefined where none did, and for what a rule put in. */
  ruleOf(node: FhirNode): Rule | undefined {
    return this.#rules.get(node);
  }

  /**
   * Where an element is in the JSON of the input: `name[0].given[1]`, `_birthDate.extension[0]`; a primitive where its value
   * is, or would be; empty for the resource; undefined for what was put in.
   */
  inputPath(node: FhirNode): string | undefined {
    return this.#original.has(node) ? pathOf(node, (one) => one.place) : undefined;
  }

  /** Where an element was written, if the elements around it were. */
  outputPath(node: FhirNode): string | undefined {
    return this.#written.has(node) || node === this.#root
      ? pathOf(node, (one) => this.#written.get(one))
      : undefined;
  }
}

function pathOf(node: FhirNode, placeOf: (node: FhirNode) => number | undefined): string {
  let path = '';
  for (let at = node; at.parent !== null; at = at.parent) {
    const place = placeOf(at);
    // What is in a primitive is in its sibling.
    const key = path !== '' && at.type.primitive !== null ? `_${at.key}` : at.key;
    path = `.${key}${place === undefined ? '' : `[${place}]`}${path}`;
  }
  return path.slice(1);
}
