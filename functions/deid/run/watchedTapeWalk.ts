import { NULL, type TapeValue } from '../../json/jsonTape.js';
import type { LineBuffer } from '../../json/lineBuffer.js';
import type { Constant } from '../methods/method.js';
import type { Entry, Plan, PlanNode } from '../plan/plan.js';
import { TapeWalk } from './tapeWalk.js';
import { AS_IT_CAME, NO_VALUE } from './valueLook.js';

/** What became of a value. */
export type Decision = 'same' | 'changed' | 'removed';

/** Gets what the tape's walk does with the values of one resource after the other. */
export interface DecisionWatch {
  /**
   * A primitive's value, or an element that `substitute` replaced whole.
   * @param entry the element, with the rule that decided it; null for none
   */
  decided(entry: Entry, decision: Decision): void;
  /** What was decided since the resource began does not count: it begins anew, or is left to the tree engine. */
  restart(): void;
}

/** The same walk, watched: `EngineOptions.watch`. It costs nothing where nobody watches. */
export class WatchedTapeWalk extends TapeWalk {
  #calls = 0;

  constructor(
    private readonly watch: DecisionWatch,
    ...rest: ConstructorParameters<typeof TapeWalk>
  ) {
    super(...rest);
  }

  override resource(resource: TapeValue, plan: Plan, line: LineBuffer): void {
    this.watch.restart();
    super.resource(resource, plan, line);
  }

  /** What WebAssembly does is not seen. */
  protected override quickly(): boolean {
    return false;
  }

  protected override decide(entry: Entry, node: number): number {
    const became = super.decide(entry, node);
    this.#calls++;
    const { tape } = this;
    if (tape.kind(node) !== NULL && !tape.isEmptyString(node)) this.watch.decided(entry, decisionOf(became));
    return became;
  }

  protected override constantOf(entry: Entry): Constant {
    const constant = super.constantOf(entry);
    this.watch.decided(entry, constant.json === undefined ? 'removed' : 'changed');
    return constant;
  }

  /** The id of the outermost resource, which may be hashed without a decision of its own. */
  protected override rootId(node: PlanNode, root: number, isQuick: boolean): void {
    const calls = this.#calls;
    super.rootId(node, root, isQuick);
    if (this.#calls === calls && this.rootIdEntry !== undefined && this.rootIdBecame !== NO_VALUE)
      this.watch.decided(this.rootIdEntry, decisionOf(this.rootIdBecame));
  }
}

function decisionOf(became: number): Decision {
  if (became === NO_VALUE) return 'removed';
  return became === AS_IT_CAME ? 'same' : 'changed';
}
