import { remembered } from '../../common/maps.js';
import { BLOCKS } from './blocks.js';
import { CharSet } from './charSet.js';

/**
 * The sets of code units behind .NET's classes. Categories and letter case are those of the Unicode data of the
 * JavaScript engine, on UTF-16 code units: a half of a surrogate pair is in category Cs.
 */

const CATEGORIES = new Set(
  'L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm Sc Sk So Z Zs Zl Zp C Cc Cf Cs Co Cn'.split(
    ' ',
  ),
);
/** Categories that are one where case is ignored. */
const CASED = new Set(['Lu', 'Ll', 'Lt']);

const sets = new Map<string, CharSet>();

function matching(name: string, pattern: RegExp): CharSet {
  return remembered(sets, name, () => CharSet.where((code) => pattern.test(String.fromCharCode(code))));
}

/** .NET's `\w` (letters, non-spacing marks, decimal digits and connecting punctuation), `\d` of every script, and `\s`. */
const SHORTHANDS: Readonly<Record<string, RegExp>> = {
  w: /[\p{L}\p{Mn}\p{Nd}\p{Pc}]/u,
  d: /\p{Nd}/u,
  s: /[\t-\r\x85\p{Z}]/u,
};

/** The set of `\d \D \s \S \w \W`; null for any other letter. */
export function shorthandSet(letter: string): CharSet | null {
  const lower = letter.toLowerCase();
  const pattern = SHORTHANDS[lower];
  if (pattern === undefined) return null;
  const set = matching(`\\${lower}`, pattern);
  return letter === lower ? set : remembered(sets, `\\${letter}`, () => set.complement());
}

/** What `\b` and names of groups count as a word: `\w`, the zero width joiner and non-joiner. */
export function boundaryWordSet(): CharSet {
  return remembered(sets, '\\b', () => (shorthandSet('w') as CharSet).union(CharSet.of(0x200c, 0x200d)));
}

/** The code units of a category or block: `Lu`, `IsGreek`. Null for a name that .NET does not know. */
export function propertySet(name: string, ignoreCase: boolean): CharSet | null {
  if (CATEGORIES.has(name)) {
    if (ignoreCase && CASED.has(name)) return matching('cased', /[\p{Lu}\p{Ll}\p{Lt}]/u);
    return matching(name, new RegExp(`\\p{${name}}`, 'u'));
  }
  const block = name.startsWith('Is') ? BLOCKS.get(name.slice(2)) : undefined;
  return block === undefined ? null : remembered(sets, name, () => CharSet.ofRanges(block));
}

/** The lower case of a code unit, as in .NET's invariant culture: where it is a single code unit. */
export function lowerCase(code: number): number {
  const lower = String.fromCharCode(code).toLowerCase();
  return lower.length === 1 ? lower.charCodeAt(0) : code;
}

let equivalents: ReadonlyMap<number, readonly number[]> | null = null;

/** The code units that are one where case is ignored, by each of them; those that are alone are left out. */
function caseGroups(): ReadonlyMap<number, readonly number[]> {
  if (equivalents !== null) return equivalents;
  const groups = new Map<number, number[]>();
  for (let code = 0; code <= 0xffff; code++) {
    const lower = lowerCase(code);
    if (lower === code) continue;
    const group = groups.get(lower) ?? [lower];
    group.push(code);
    groups.set(lower, group);
    groups.set(code, group);
  }
  equivalents = groups;
  return groups;
}

/** Sets larger than this are compared with all that has case, smaller ones character by character. */
const SMALL_SET = 100;

/** A set with whatever is the same as one of its members where case is ignored. */
export function ignoringCase(set: CharSet): CharSet {
  const groups = caseGroups();
  const added: number[] = [];
  const add = (code: number): void => {
    for (const same of groups.get(code) ?? []) added.push(same, same);
  };
  if (set.size > SMALL_SET) {
    for (const code of groups.keys()) if (set.has(code)) add(code);
  } else {
    for (let at = 0; at < set.ranges.length; at += 2)
      for (let code = set.ranges[at] as number; code <= (set.ranges[at + 1] as number); code++) add(code);
  }
  return added.length === 0 ? set : set.union(CharSet.ofRanges(added));
}
