import { addTo, remembered } from '../../common/maps.js';
import type { Configuration } from '../configuration/configuration.js';
import { namedRule, type Rule } from '../configuration/rule.js';
import type { ConfigurationIssue } from '../reading/issues.js';
import type { CoverageCategory } from '../methods/effect.js';
import { reachOf, type Leaf, type Reach } from './reach.js';

export type { CoverageCategory } from '../methods/effect.js';

/** Whether a configuration clears all that may be an identity, and what it leaves. */
export interface Coverage {
  /** Whether no identity can be left: there are no gaps. */
  readonly isComplete: boolean;
  /** By category and data type, in the order of `CATEGORIES`. */
  readonly gaps: readonly CoverageGap[];
}

/** Elements of one category and data type that no rule clears (`none`), or that only some rules clear (`partial`). */
export interface CoverageGap {
  readonly category: CoverageCategory;
  /** A data type, or the types of the primitives: `HumanName`, `date, dateTime`. */
  readonly dataType: string;
  readonly reach: 'none' | 'partial';
  /** The elements, by the paths of their definitions: `HumanName.family`, `Patient.contact.name.family`. */
  readonly paths: readonly string[];
  /** The one rule that would clear all of them, if no earlier rule decides them. */
  readonly suggestion: { readonly path: string; readonly method: string };
  /** Parameters that the rule needs; none in most cases. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Whether `keep` is enough: no element says anything of a person, unless a source misuses it. */
  readonly mayBeKept: boolean;
  /** The rule that decides all of them without clearing them; absent where there are several, or none. */
  readonly by?: number;
}

/** What each category is called in messages, in the order of the list. */
export const CATEGORIES: Readonly<Record<CoverageCategory, string>> = {
  names: 'names',
  places: 'places',
  dates: 'dates and times',
  ages: 'ages over 89',
  contacts: 'telephone numbers and e-mail addresses',
  identifiers: 'identifiers',
  references: 'references',
  devices: 'device identifiers',
  accounts: 'account numbers',
  networkAddresses: 'IP addresses',
  urls: 'URLs',
  media: 'images and binaries',
  extensions: 'extensions',
  numbers: 'numbers as answers and values of any type',
  freeText: 'free text',
};

/** Most lines of findings, and most elements that one of them names; the command line's `--verbose` has no limits. */
const MAX_ISSUES = 25;
const MAX_NAMED = 6;

/** What a configuration's rules leave that may be an identity, whatever resources of its FHIR version it meets. */
export function coverageOf(configuration: Configuration): Coverage {
  return coverageIn(reachOf(configuration));
}

/** A gap while its elements are gathered. */
type OpenGap = Omit<CoverageGap, 'paths' | 'mayBeKept' | 'by'> & { paths: string[]; mayBeKept: boolean };
type Group = { gap: OpenGap; dataTypes: Set<string>; rules: Set<string>; by: Set<number | undefined> };

/** The coverage that a walk over a configuration found. */
export function coverageIn({ leaves, isCutShort }: Reach): Coverage {
  const groups = new Map<string, Group>();
  for (const leaf of leaves) {
    for (const { reach, paths, by } of pathsLeft(leaf)) {
      const { category, dataType, path, method, needs, parameters = {} } = leaf.identity;
      const shown = isCutShort ? 'partial' : reach;
      const key = `${category} ${familyOf(leaf.identity)} ${shown}`;
      const group = remembered<string, Group>(groups, key, () => {
        const suggestion = { path, method };
        const gap = { category, dataType, reach: shown, paths: [], suggestion, parameters, mayBeKept: true };
        return { gap, dataTypes: new Set(), rules: new Set(), by: new Set() };
      });
      group.gap.paths.push(...paths);
      group.gap.mayBeKept &&= needs === 'decision';
      for (const rule of by) group.by.add(rule);
      group.dataTypes.add(dataType);
      for (const rule of path.split(' | ')) group.rules.add(rule);
    }
  }
  const order = Object.keys(CATEGORIES);
  const gaps = [...groups.values()]
    .map(({ gap, dataTypes, rules, by }) => ({
      ...gap,
      ...onlyRule(by),
      paths: inOrder(gap),
      dataType: [...dataTypes].join(', '),
      suggestion: { ...gap.suggestion, path: [...rules].join(' | ') },
    }))
    .sort((one, two) => {
      const categories = order.indexOf(one.category) - order.indexOf(two.category);
      return categories === 0 ? (one.dataType < two.dataType ? -1 : 1) : categories;
    });
  return { isComplete: gaps.length === 0, gaps };
}

/** Data types that one rule reaches together: primitives of one category, and all that may be an age. */
function familyOf({ category, dataType }: Pick<CoverageGap, 'category' | 'dataType'>): string {
  return category === 'ages' || /^[a-z]/.test(dataType) ? '' : dataType;
}

/** The rule that decides all that is left, where it is one. */
function onlyRule(by: ReadonlySet<number | undefined>): Pick<CoverageGap, 'by'> {
  const [rule] = by;
  return by.size === 1 && rule !== undefined ? { by: rule } : {};
}

/** Places where an element is left in one way, and the rules that decide it there. */
interface LeftPaths {
  reach: CoverageGap['reach'];
  paths: string[];
  by: ReadonlyArray<number | undefined>;
}

/** The places where an element is left, by how; its definition alone where it is left everywhere. */
function pathsLeft({ definition, surroundings, left }: Leaf): LeftPaths[] {
  const name = definition.slice(definition.lastIndexOf('.') + 1);
  return (['none', 'partial'] as const).flatMap((reach): LeftPaths[] => {
    const of = left.filter(({ clears }) => clears === reach);
    if (of.length === 0) return [];
    const by = of.map((one) => one.by);
    if (of.length === surroundings) return [{ reach, paths: [definition], by }];
    const paths = new Set(of.flatMap(({ places }) => [...places].map((place) => `${place}.${name}`)));
    return [{ reach, paths: [...paths], by }];
  });
}

/** Types whose elements are named first: they say most to a reader. */
const FIRST = [
  'Patient', 'Practitioner', 'Organization', 'Location', 'Encounter', 'Observation', 'Condition', 'DiagnosticReport',
  'Device', 'Coverage', 'Bundle', 'AuditEvent',
]; // prettier-ignore

function inOrder({ category, paths }: OpenGap): string[] {
  const first = category === 'urls' ? ['Bundle', ...FIRST] : FIRST;
  const rank = (path: string): number => {
    const root = path.slice(0, path.indexOf('.'));
    const known = first.indexOf(root);
    if (known >= 0) return known;
    // Elements of primitives and of extensions come last: all elements have them.
    return /^[a-z]/.test(root) || root === 'Extension' ? first.length + 1 : first.length;
  };
  const ranks = new Map(paths.map((path) => [path, rank(path)]));
  return [...paths].sort((one, two) => {
    const order = (ranks.get(one) ?? 0) - (ranks.get(two) ?? 0);
    return order === 0 ? (one < two ? -1 : 1) : order;
  });
}

/**
 * What to say of a coverage: an issue for each category and data type, at most 25. With `isVerbose` each names all
 * its elements, and there is no limit.
 */
export function coverageIssues(
  { gaps }: Coverage,
  rules: readonly Rule[],
  severity: ConfigurationIssue['severity'],
  isVerbose = false,
): ConfigurationIssue[] {
  const families = new Map<string, CoverageGap[]>();
  for (const gap of gaps) {
    addTo(families, `${gap.category} ${familyOf(gap)}`, gap);
  }
  const most = isVerbose || families.size <= MAX_ISSUES ? families.size : MAX_ISSUES - 1;
  const messages = [...families.values()]
    .slice(0, most)
    .map((family) => textOf(family, rules, isVerbose ? Infinity : MAX_NAMED));
  if (most < families.size)
    messages.push(
      `Coverage: ${families.size - most} more kinds of identities are left; --verbose lists them`,
    );
  return messages.map((message) => ({ severity, path: 'fhirPathRules', message }));
}

function textOf(family: readonly CoverageGap[], rules: readonly Rule[], most: number): string {
  const [{ category, suggestion, parameters }] = family as [CoverageGap];
  const types = new Set(family.flatMap(({ dataType }) => dataType.split(', ')));
  const paths = new Set(family.flatMap((gap) => gap.suggestion.path.split(' | ')));
  const found = family.map((gap) => {
    const named = gap.paths.slice(0, most).join(', ');
    const more = gap.paths.length > most ? ` and ${gap.paths.length - most} more` : '';
    const by =
      gap.by === undefined
        ? ''
        : `, since ${namedRule(rules, gap.by)} decides what they are in and leaves them`;
    return `${gap.reach === 'none' ? 'no rule clears' : 'cleared only in part, or on a condition:'} ${named}${more}${by}`;
  });
  const rule = JSON.stringify({ ...suggestion, path: [...paths].join(' | ') });
  const needed =
    Object.keys(parameters).length > 0 ? `, with the parameters ${JSON.stringify(parameters)}` : '';
  const keep = family.every(({ mayBeKept }) => mayBeKept)
    ? '; "keep" is enough where your sources do not misuse them'
    : '';
  const first = Math.min(...family.flatMap(({ by }) => by ?? []));
  const where = first === Infinity ? '' : `, before ${namedRule(rules, first)}`;
  return `Coverage, ${CATEGORIES[category]} (${[...types].join(', ')}): ${found.join('; ')}. One rule for all${where}: ${rule}${needed}${keep}`;
}
