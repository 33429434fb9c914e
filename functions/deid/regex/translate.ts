import { remembered } from '../../common/maps.js';
import type { CharSet } from './charSet.js';
import { isLinear } from './cost.js';
import { partsOf, type Anchor, type ParsedRegex, type RegexNode } from './syntax.js';

/** Ranges of sets in an expression: `\\w` has some 700. */
const MAX_RANGES = 2000;

/** A pattern as JavaScript's, where that is linear in time and means the same. */
export class Translation {
  /** Groups of .NET by the number that JavaScript gives them; 0 is the whole match. */
  readonly groups: readonly number[];
  readonly #root: RegexNode;
  readonly #flag: 'y' | 'g';
  #expression: RegExp | null = null;

  private constructor(root: RegexNode, groups: readonly number[], flag: 'y' | 'g') {
    this.#root = root;
    this.groups = groups;
    this.#flag = flag;
  }

  /** Null for a pattern that could take more than linear time in JavaScript, or means something else there. */
  static of({ root, groups }: ParsedRegex, isAnchoredAtStart: boolean): Translation | null {
    if (!isLinear(root, isAnchoredAtStart)) return null;
    const content = { groups: [0], ranges: 0 };
    collect(root, content);
    // .NET may give several parentheses one group, or none.
    const isOneToOne = content.groups.length === groups.numbers.length;
    if (!isOneToOne || new Set(content.groups).size < content.groups.length) return null;
    return content.ranges > MAX_RANGES
      ? null
      : new Translation(root, content.groups, isAnchoredAtStart ? 'y' : 'g');
  }

  /**
   * The expression. Of what one would mean by itself nothing is used but sets, choices, repetitions and lookaround: no
   * flag that changes a meaning, no escape but of code units.
   */
  get expression(): RegExp {
    return (this.#expression ??= new RegExp(sourceOf(this.#root), this.#flag));
  }
}

/** Adds a node's groups, in the order of their parentheses, and counts the ranges of its sets. */
function collect(node: RegexNode, content: { groups: number[]; ranges: number }): void {
  if (node.kind === 'char') content.ranges += node.set.ranges.length / 2;
  if (node.kind === 'capture') content.groups.push(node.capture as number);
  for (const part of partsOf(node)) collect(part, content);
}

function sourceOf(node: RegexNode): string {
  switch (node.kind) {
    case 'empty':
      return '';
    case 'char':
      return setSource(node.set);
    case 'sequence':
      return node.items.map((item) => within(item)).join('');
    case 'alternatives':
      return node.options.map((option) => sourceOf(option)).join('|');
    case 'capture':
      return `(${sourceOf(node.body)})`;
    case 'loop': {
      const max = node.max === Infinity ? '' : node.max;
      const body = within(node.body);
      return `${body}{${node.min},${max}}${node.lazy ? '?' : ''}`;
    }
    case 'anchor':
      return anchorSource(node.at);
    case 'look':
      return `(?${node.behind ? '<' : ''}${node.negative ? '!' : '='}${sourceOf(node.body)})`;
    default:
      throw new TypeError(`${node.kind} is not translated`);
  }
}

/** A node as a part of a sequence or the body of a loop. */
function within(node: RegexNode): string {
  const source = sourceOf(node);
  return node.kind === 'char' || node.kind === 'capture' || node.kind === 'anchor' || node.kind === 'look'
    ? source
    : `(?:${source})`;
}

const ANCHORS: Partial<Record<Anchor, string>> = {
  start: '^',
  end: '$',
  lastLineEnd: '(?=\\n?$)',
  lineStart: '(?<![^\\n])',
  lineEnd: '(?![^\\n])',
};

function anchorSource(anchor: Anchor): string {
  const source = ANCHORS[anchor];
  if (source === undefined) throw new TypeError(`${anchor} is not translated`);
  return source;
}

const sources = new WeakMap<CharSet, string>();

function setSource(set: CharSet): string {
  return remembered(sources, set, () => {
    const { ranges } = set;
    const inverse = set.complement().ranges;
    return inverse.length < ranges.length ? `[^${rangesSource(inverse)}]` : `[${rangesSource(ranges)}]`;
  });
}

function rangesSource(ranges: readonly number[]): string {
  let source = '';
  for (let at = 0; at < ranges.length; at += 2) {
    source += codeSource(ranges[at] as number);
    if (ranges[at] !== ranges[at + 1]) source += `-${codeSource(ranges[at + 1] as number)}`;
  }
  return source;
}

function codeSource(code: number): string {
  return `\\u${code.toString(16).padStart(4, '0')}`;
}
