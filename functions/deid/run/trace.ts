import type { Rule } from '../configuration/rule.js';
import { DepthError, type FhirNode } from '../model/node.js';
import type { Primitive } from '../model/primitive.js';

/** An element as it came: rules take some of its children away, and put others in their place. */
interface Original {
  readonly children: readonly FhirNode[];
  readonly value: Primitive | undefined;
}

/**
 * What becomes of each element of one outermost resource: which rule decides it, and where it is written. The tree engine
 * fills it (`ResourceContext.trace`); without one it does the same work.
 */
export class Trace {
  #root: FhirNode | undefined;
  /** The elements of the input as they came. */
  readonly #original = new Map<FhirNode, Original>();
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
    const { children, value } = node;
    this.#original.set(node, { children, value });
    for (const child of children) this.#remember(child);
  }

  /** A rule has decided an element, and with it all below that no other rule had. */
  decide(node: FhirNode, rule: Rule): void {
    if (this.#rules.has(node)) return;
    this.#rules.set(node, rule);
    for (const child of this.originalChildren(node)) if (child.decided) this.decide(child, rule);
  }

  /** A rule has taken an element away, with all that is in it, whatever other rules had decided of that. */
  remove(node: FhirNode, rule: Rule): void {
    this.#rules.set(node, rule);
    for (const child of this.originalChildren(node)) this.remove(child, rule);
  }

  /** An element was written, at a place among its repeats. */
  write(node: FhirNode, place: number | undefined): void {
    this.#written.set(node, place);
  }

  /** What was written of a member was taken out again. */
  takeOut(node: FhirNode, key: string): void {
    for (const child of node.children) if (child.key === key) this.#written.delete(child);
  }

  /** Whether an element was written in the one around it. */
  isWritten(node: FhirNode): boolean {
    return node === this.#root || this.#written.has(node);
  }

  /** The outermost resource; undefined where the input is none. */
  get root(): FhirNode | undefined {
    return this.#root;
  }

  /** The elements that were in an element of the input; none of one that a rule put in. */
  originalChildren(node: FhirNode): readonly FhirNode[] {
    return this.#original.get(node)?.children ?? [];
  }

  /** The value of a primitive of the input. */
  originalValue(node: FhirNode): Primitive | undefined {
    return this.#original.get(node)?.value;
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

  /** Where an element is in the JSON of the result; undefined where it is not, or one around it is not. */
  outputPath(node: FhirNode): string | undefined {
    for (let at: FhirNode | null = node; at !== null; at = at.parent)
      if (!this.isWritten(at)) return undefined;
    return pathOf(node, (one) => this.#written.get(one));
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
