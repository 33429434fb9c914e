import type { Configuration } from '../configuration.js';
import type { ConfigurationIssue } from '../engine.js';
import type { CoverageCategory } from './identities.js';
import { reachOf, type Leaf, type Reach } from './reach.js';

export type { CoverageCategory } from './identities.js';

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
}

/** What each category is called in messages, in the order of the list. */
const CATEGORIES: Readonly<Record<CoverageCategory, string>> = {
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
const MOST_ISSUES = 25;
const MOST_NAMED = 4;

/** What a configuration's rules leave that may be an identity, whatever resources of its FHIR version it meets. */
export function coverageOf(configuration: Configuration): Coverage {
  return coverageIn(reachOf(configuration));
}

/** The coverage that a walk over a configuration found. */
export function coverageIn({ leaves, isCutShort }: Reach): Coverage {
  const groups = new Map<string, { gap: CoverageGap; dataTypes: Set<string>; rules: Set<string> }>();
  for (const leaf of leaves) {
    for (const [reach, paths] of pathsLeft(leaf)) {
      const { category, dataType, path, method } = leaf.identity;
      const shown = isCutShort ? 'partial' : reach;
      const key = `${category} ${familyOf(leaf)} ${shown}`;
      let group = groups.get(key);
      if (group === undefined) {
        const gap = { category, dataType, reach: shown, paths: [], suggestion: { path, method } };
        group = { gap, dataTypes: new Set(), rules: new Set() };
        groups.set(key, group);
      }
      (group.gap.paths as string[]).push(...paths);
      group.dataTypes.add(dataType);
      for (const rule of path.split(' | ')) group.rules.add(rule);
    }
  }
  const order = Object.keys(CATEGORIES);
  const gaps = [...groups.values()]
    .map(({ gap, dataTypes, rules }) => ({
      ...gap,
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
function familyOf({ identity: { category, dataType } }: Leaf): string {
  return category === 'ages' || /^[a-z]/.test(dataType) ? '' : dataType;
}

/** The places where an element is left, by how; its definition alone where it is left everywhere. */
function pathsLeft({ definition, surroundings, left }: Leaf): [CoverageGap['reach'], string[]][] {
  const name = definition.slice(definition.lastIndexOf('.') + 1);
  return (['none', 'partial'] as const).flatMap((reach): [CoverageGap['reach'], string[]][] => {
    const of = left.filter(({ clears }) => clears === reach);
    if (of.length === 0) return [];
    if (of.length === surroundings) return [[reach, [definition]]];
    const paths = new Set(of.flatMap(({ places }) => [...places].map((place) => `${place}.${name}`)));
    return [[reach, [...paths]]];
  });
}

/**
 * What to say of a coverage: one issue for each gap, at most 25. With `isVerbose` each names all its elements, and
 * there are as many as there are gaps.
 */
export function coverageIssues(
  { gaps }: Coverage,
  severity: ConfigurationIssue['severity'],
  isVerbose = false,
): ConfigurationIssue[] {
  const most = isVerbose || gaps.length <= MOST_ISSUES ? gaps.length : MOST_ISSUES - 1;
  const issues = gaps.slice(0, most).map(
    (gap): ConfigurationIssue => ({
      severity,
      path: 'fhirPathRules',
      message: gapText(gap, isVerbose ? Infinity : MOST_NAMED),
    }),
  );
  if (most < gaps.length) {
    const message = `${gaps.length - most} more kinds of identities are left: the command line's --verbose lists all`;
    issues.push({ severity, path: 'fhirPathRules', message });
  }
  return issues;
}

function gapText({ category, dataType, reach, paths, suggestion }: CoverageGap, most: number): string {
  const named = paths.slice(0, most).join(', ');
  const more = paths.length > most ? ` and ${paths.length - most} more` : '';
  const found = reach === 'none' ? 'no rule clears' : 'cleared only in part or on a condition:';
  const rule = JSON.stringify(suggestion);
  return `Coverage, ${CATEGORIES[category]} (${dataType}): ${found} ${named}${more}. One rule for all: ${rule}`;
}
