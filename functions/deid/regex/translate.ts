import type { CharSet } from './charSet.js';
import { isLinear } from './cost.js';
import type { Anchor, ParsedRegex, RegexNode } from './syntax.js';
import { boundaryWordSet } from './unicode.js';

/** A pattern as JavaScript's, where that is linear in time and means the same. */
export interface Translation {
  readonly expression: RegExp;
  /** Groups of .NET by the number that JavaScript gives them; 0 is the whole match. */
  readonly groups: readonly number[];
}

/**
 * Translates a pattern to JavaScript. Null for one that could take more than linear time there, or means something else.
 * Of what an expression would mean by itself nothing is used but sets, choices and repetitions: no flag, no escape.
 */
export function translate({ root, groups }: ParsedRegex, isAnchoredAtStart: boolean): Translation | null {
  // A group of one name may stand in several places, which JavaScript does not have.
  const captured: number[] = [0];
  if (!isLinear(root, isAnchoredAtStart)) return null;
  const source = sourceOf(root, captured);
  if (new Set(captured).size < captured.length || captured.length < groups.numbers.length) return null;
  return { expression: new RegExp(source, isAnchoredAtStart ? 'y' : 'g'), groups: captured };
}

function sourceOf(node: RegexNode, captured: number[]): string {
  switch (node.kind) {
    case 'empty':
      return '';
    case 'char':
      return setSource(node.set);
    case 'sequence':
      return node.items.map((item) => within(item, captured)).join('');
    case 'alternatives':
      return node.options.map((option) => sourceOf(option, captured)).join('|');
    case 'capture':
      captured.push(node.capture as number);
      return `(${sourceOf(node.body, captured)})`;
    case 'loop': {
      const max = node.max === Infinity ? '' : node.max;
      const body = within(node.body, captured);
      return `${body}{${node.min},${max}}${node.lazy ? '?' : ''}`;
    }
    case 'anchor':
      return ANCHOR_SOURCES[node.at]();
    case 'look':
      return `(?${node.behind ? '<' : ''}${node.negative ? '!' : '='}${sourceOf(node.body, captured)})`;
    default:
      throw new TypeError(`${node.kind} is not translated`);
  }
}

/** A node as a part of a sequence or the body of a loop. */
function within(node: RegexNode, captured: number[]): string {
  const source = sourceOf(node, captured);
  return node.kind === 'char' || node.kind === 'capture' || node.kind === 'anchor' || node.kind === 'look'
    ? source
    : `(?:${source})`;
}

const ANCHOR_SOURCES: Readonly<Record<Anchor, () => string>> = {
  start: () => '^',
  end: () => '$',
  lastLineEnd: () => '(?=\\n?$)',
  lineStart: () => '(?<![^\\n])',
  lineEnd: () => '(?![^\\n])',
  boundary: () => boundarySource(true),
  noBoundary: () => boundarySource(false),
  previousEnd: () => {
    throw new TypeError('\\G is not translated');
  },
};

function boundarySource(isBoundary: boolean): string {
  const word = setSource(boundaryWordSet());
  const after = isBoundary ? '!' : '=';
  const other = isBoundary ? '=' : '!';
  return `(?:(?<=${word})(?${after}${word})|(?<!${word})(?${other}${word}))`;
}

const sources = new WeakMap<CharSet, string>();

function setSource(set: CharSet): string {
  let source = sources.get(set);
  if (source === undefined) {
    const { ranges } = set;
    const inverse = set.complement().ranges;
    source = inverse.length < ranges.length ? `[^${rangesSource(inverse)}]` : `[${rangesSource(ranges)}]`;
    sources.set(set, source);
  }
  return source;
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
