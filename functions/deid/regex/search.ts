import { CharSet } from './charSet.js';
import { partsOf, type RegexNode } from './syntax.js';

/** Where a pattern can match at all. */
export interface SearchStart {
  /** Matches begin at the start of the text, or where the last match ended. */
  readonly anchor: 'start' | 'previousEnd' | null;
  /** What a match's first character is in; null where a match may be empty or that is not known. */
  readonly first: CharSet | null;
  /**
   * The set of a loop without a bound that the pattern begins with. If it fails at one place, it fails at every place
   * up to the end of the run: each tries no more than the first one did.
   */
  readonly leadingLoop: CharSet | null;
}

export function startOf(root: RegexNode): SearchStart {
  return {
    anchor: anchorOf(root),
    first: firstOf(root),
    leadingLoop: dependsOnStart(root) ? null : leadingLoopOf(root),
  };
}

function anchorOf(node: RegexNode): 'start' | 'previousEnd' | null {
  switch (node.kind) {
    case 'anchor':
      return node.at === 'start' || node.at === 'previousEnd' ? node.at : null;
    case 'sequence':
      return node.items[0] === undefined ? null : anchorOf(node.items[0]);
    case 'capture':
    case 'atomic':
      return anchorOf(node.body);
    case 'alternatives': {
      const anchors = new Set(node.options.map(anchorOf));
      return anchors.size === 1 ? ([...anchors][0] ?? null) : null;
    }
    default:
      return null;
  }
}

/** The first characters of what a node matches; null where it may match nothing, or that is not known. */
function firstOf(node: RegexNode): CharSet | null {
  switch (node.kind) {
    case 'char':
      return node.set;
    case 'sequence':
      for (const item of node.items) {
        // What takes no place leaves the first character to what follows it.
        if (item.kind === 'anchor' || item.kind === 'look' || item.kind === 'empty') continue;
        return firstOf(item);
      }
      return null;
    case 'alternatives':
      return node.options.reduce<CharSet | null>((union, option) => {
        const first = firstOf(option);
        return union === null || first === null ? null : union.union(first);
      }, CharSet.NONE);
    case 'capture':
    case 'atomic':
      return firstOf(node.body);
    case 'loop':
      return node.min > 0 ? firstOf(node.body) : null;
    default:
      return null;
  }
}

function leadingLoopOf(node: RegexNode): CharSet | null {
  switch (node.kind) {
    case 'loop':
      return node.max === Infinity && node.body.kind === 'char' ? node.body.set : null;
    case 'sequence':
      return node.items[0] === undefined ? null : leadingLoopOf(node.items[0]);
    case 'capture':
      return node.balance === null ? leadingLoopOf(node.body) : null;
    default:
      return null;
  }
}

/** Whether what follows the start of a match may look back at what was captured, or at where the match began. */
function dependsOnStart(node: RegexNode): boolean {
  switch (node.kind) {
    case 'backreference':
    case 'ifCaptured':
      return true;
    case 'anchor':
      return node.at === 'previousEnd';
    case 'capture':
      return node.balance !== null || dependsOnStart(node.body);
    default:
      return partsOf(node).some(dependsOnStart);
  }
}
