import { CharSet } from './charSet.js';
import { partsOf, type Anchor, type LoopNode, type RegexNode } from './syntax.js';

/**
 * What a backtracking matcher that counts nothing, such as JavaScript's, may spend on one try of a pattern from one
 * place on. Bounds, never estimates: what is not known is null.
 */

/** Most steps of a try besides the characters of one run through the text. */
const MAX_STEPS = 500;

/** What a rest of a pattern does from some place on. */
interface Rest {
  /** Characters one of which must come next, unless the rest is `open`. */
  readonly first: CharSet;
  /** Whether the rest may go on without looking at the next character. */
  readonly open: boolean;
  /** Whether the rest may go on at the end of the text. */
  readonly atEnd: boolean;
  /** Whether the rest always matches, without going back. */
  readonly sure: boolean;
  /** Steps that ways through the rest take together. */
  readonly steps: number;
  /** Whether it may run through the text once: never, only if it then matches, or even if it fails. */
  readonly run: 'never' | 'matching' | 'always';
}

const END: Rest = { first: CharSet.NONE, open: true, atEnd: true, sure: true, steps: 1, run: 'never' };

/**
 * Whether matching takes at most a number of steps for each character of the text, wherever a match begins. From every
 * place on a try takes some steps; or it runs through the text, and then either matches or is the only one.
 */
export function isLinear(root: RegexNode, isAnchoredAtStart: boolean): boolean {
  const rest = before(root, END);
  return rest !== null && (isAnchoredAtStart || rest.run !== 'always');
}

/** What a node and the rest after it do. Null if that may take more than a bounded number of runs, or is not known. */
function before(node: RegexNode, rest: Rest): Rest | null {
  switch (node.kind) {
    case 'empty':
      return rest;
    case 'char':
      return bounded({
        first: node.set,
        open: false,
        atEnd: false,
        sure: false,
        steps: rest.steps + 1,
        run: rest.run,
      });
    case 'sequence':
      return node.items.reduceRight<Rest | null>(
        (after, item) => (after === null ? null : before(item, after)),
        rest,
      );
    case 'alternatives':
      return node.options
        .map((option) => before(option, rest))
        .reduce((one, other) => (one === null || other === null ? null : either(one, other)));
    case 'capture':
      return node.balance === null ? before(node.body, rest) : null;
    case 'loop':
      return beforeLoop(node, rest);
    case 'anchor':
      return beforeAnchor(node.at, rest);
    case 'look': {
      const inner = capturesAnything(node.body) ? null : before(node.body, END);
      if (inner === null || inner.run !== 'never') return null;
      return bounded({ ...rest, sure: false, steps: rest.steps + inner.steps });
    }
    case 'backreference':
    case 'atomic':
    case 'ifCaptured':
    case 'ifMatches':
      return null;
  }
}

function bounded(rest: Rest): Rest | null {
  return rest.steps > MAX_STEPS ? null : rest;
}

/** Two ways, the second tried where the first fails. */
function either(one: Rest, other: Rest): Rest | null {
  const isDecided =
    !one.open && !other.open && !(one.atEnd && other.atEnd) && one.first.isDisjoint(other.first);
  // Where the next character decides, only one of the two continues.
  if (!isDecided && one.run === 'always' && other.run !== 'never') return null;
  return bounded({
    first: one.first.union(other.first),
    open: one.open || other.open,
    atEnd: one.atEnd || other.atEnd,
    sure: one.sure || (other.sure && one.run !== 'always'),
    steps: 1 + (isDecided ? Math.max(one.steps, other.steps) : one.steps + other.steps),
    run: RUNS[Math.max(RUNS.indexOf(one.run), RUNS.indexOf(other.run))] as Rest['run'],
  });
}

const RUNS: readonly Rest['run'][] = ['never', 'matching', 'always'];

function beforeLoop({ body, min, max, lazy }: LoopNode, rest: Rest): Rest | null {
  // JavaScript forgets captures of earlier iterations, and takes no empty ones.
  if (max > 1 && capturesAnything(body)) return null;
  if (mayBeEmpty(body)) return null;
  let after: Rest | null = rest;
  if (max === Infinity) after = body.kind === 'char' ? beforeRun(body.set, rest) : null;
  const copies = max === Infinity ? min : max;
  if (copies > MAX_STEPS) return null;
  for (let copy = copies; copy > 0 && after !== null; copy--) {
    const iteration = before(body, after);
    if (iteration === null) return null;
    if (copy <= min) after = iteration;
    else after = lazy ? either(rest, iteration) : either(iteration, rest);
  }
  return after;
}

/** A set repeated without bound: one run, if its end is decided by the next character or costs little to try. */
function beforeRun(set: CharSet, rest: Rest): Rest | null {
  const first = set.union(rest.first);
  const result = { first, open: rest.open, atEnd: rest.atEnd, steps: rest.steps + 1 };
  if (rest.sure) return rest.run === 'always' ? null : { ...result, sure: true, run: 'matching' };
  const isDecided = !rest.open && rest.first.isDisjoint(set);
  if (!isDecided && rest.run !== 'never') return null;
  return { ...result, sure: false, run: 'always' };
}

/** What an anchor lets come next. */
function beforeAnchor(anchor: Anchor, rest: Rest): Rest | null {
  const result = { ...rest, sure: false, steps: rest.steps + 1 };
  switch (anchor) {
    case 'end':
      return bounded({ ...result, first: CharSet.NONE, open: false });
    case 'lastLineEnd':
    case 'lineEnd':
      return bounded({ ...result, first: CharSet.of(0x0a), open: false });
    case 'start':
    case 'lineStart':
      return bounded(result);
    // What a word is would be in the expression four times, in hundreds of ranges.
    case 'boundary':
    case 'noBoundary':
    case 'previousEnd':
      return null;
  }
}

/** What captures, and what is not translated. */
const CAPTURING: ReadonlySet<RegexNode['kind']> = new Set([
  'capture', 'backreference', 'atomic', 'ifCaptured', 'ifMatches',
]); // prettier-ignore

function capturesAnything(node: RegexNode): boolean {
  return CAPTURING.has(node.kind) || partsOf(node).some(capturesAnything);
}

function mayBeEmpty(node: RegexNode): boolean {
  switch (node.kind) {
    case 'char':
      return false;
    case 'sequence':
      return node.items.every(mayBeEmpty);
    case 'alternatives':
      return node.options.some(mayBeEmpty);
    case 'capture':
      return mayBeEmpty(node.body);
    case 'loop':
      return node.min === 0 || mayBeEmpty(node.body);
    default:
      return true;
  }
}
