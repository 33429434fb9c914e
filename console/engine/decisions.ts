import type { FhirNode } from '../../functions/deid/model/node.js';
import type { Entry } from '../../functions/deid/plan/plan.js';
import type { Trace } from '../../functions/deid/run/trace.js';
import type { Decision, DecisionWatch } from '../../functions/deid/run/watchedTapeWalk.js';
import { increase } from '../../functions/common/counts.js';
import { definitionOf } from './traceElements.js';

/** What was decided in one resource: primitive elements with a value, and elements that were substituted whole. */
export class Decisions implements DecisionWatch {
  readonly counts = { unreached: 0, same: 0, changed: 0, removed: 0 };
  /** Elements that each rule decided, by its index. */
  readonly byRule = new Map<number, number>();
  /** What no rule reached and is left, by path of the definition. */
  readonly unreached = new Map<string, number>();

  restart(): void {
    Object.assign(this.counts, { unreached: 0, same: 0, changed: 0, removed: 0 });
    this.byRule.clear();
    this.unreached.clear();
  }

  decided({ rule, element }: Entry, decision: Decision): void {
    this.#add(rule?.index, decision, () => element?.path ?? '');
  }

  #add(rule: number | undefined, decision: Decision, path: () => string): void {
    if (rule !== undefined) this.byRule.set(rule, (this.byRule.get(rule) ?? 0) + 1);
    if (rule !== undefined || decision !== 'same') this.counts[decision]++;
    else {
      this.counts.unreached++;
      increase(this.unreached, path());
    }
  }

  /** Counts what the tree engine did. */
  readTrace(trace: Trace, root: FhirNode): void {
    this.restart();
    this.#read(trace, root, true);
  }

  #read(trace: Trace, node: FhirNode, isAround: boolean): void {
    const isThere = isAround && trace.isWritten(node);
    const value = trace.originalValue(node);
    if (value !== undefined) {
      const isLeft = isThere && node.value !== undefined;
      const decision = !isLeft ? 'removed' : node.value === value ? 'same' : 'changed';
      this.#add(trace.ruleOf(node)?.index, decision, () => definitionOf(node));
    }
    for (const child of trace.originalChildren(node)) this.#read(trace, child, isThere);
  }
}
