import type { IssueType } from '../../fhir/operationOutcome.js';
import { namesIn } from './names.js';

/** A set of resources that `includeAssociatedData` can name. */
interface AssociatedDataSet {
  /** What it gives, for the table in `docs/export-api.md`. */
  readonly meaning: string;
  /** Types that are exported beside those that `_type` names. */
  readonly types: readonly string[];
}

/** Types outside of the Patient compartment of which exports of patients can have what exported resources refer to. */
export const REFERENCED_TYPES: readonly string[] = [
  'Practitioner',
  'PractitionerRole',
  'Organization',
  'Location',
  'Medication',
];

/** The sets that are supported. A new one is a row. */
export const ASSOCIATED_DATA = {
  RelevantProvenanceResources: {
    meaning:
      'all Provenance of what is exported, also where `_type` does not name Provenance (at the system level, all Provenance of the source)',
    types: ['Provenance'],
  },
  _referenced: {
    meaning: `the ${REFERENCED_TYPES.join(', ')} resources that exported ones refer to, and those that these refer to (at the system level, all of these types)`,
    types: REFERENCED_TYPES,
  },
} as const satisfies Readonly<Record<string, AssociatedDataSet>>;

export type AssociatedData = keyof typeof ASSOCIATED_DATA;

/** Of the guide, and not supported: it is a part of what another set gives. */
const PART_OF: Readonly<Record<string, AssociatedData>> = {
  LatestProvenanceResources: 'RelevantProvenanceResources',
};
const MAX_GIVEN = 100;

/**
 * Reads `includeAssociatedData`: codes, repeated or separated by commas. Of values that contradict each other, the one
 * that gives more counts. https://hl7.org/fhir/uv/bulkdata/STU2/export.html#query-parameters
 */
export function readAssociatedData(
  values: readonly string[],
  {
    problem,
    unsupported,
  }: { problem: (code: IssueType, text: string) => void; unsupported: (text: string) => void },
): AssociatedData[] {
  const names = namesIn(values, MAX_GIVEN);
  if (names === undefined) {
    problem('too-long', `includeAssociatedData has more than ${MAX_GIVEN} values.`);
    return [];
  }
  const given = new Set(names);
  const found = [...given].filter(isAssociatedData);
  const supported = Object.keys(ASSOCIATED_DATA).join(', ');
  for (const name of given) {
    const whole = Object.hasOwn(PART_OF, name) ? PART_OF[name] : undefined;
    if (isAssociatedData(name) || (whole !== undefined && found.includes(whole))) continue;
    unsupported(
      `includeAssociatedData: ${whole === undefined ? 'a value' : name} is not supported. Supported: ${supported}.`,
    );
  }
  return found;
}

function isAssociatedData(name: string): name is AssociatedData {
  return Object.hasOwn(ASSOCIATED_DATA, name);
}

/** The types of an export, `undefined`: all, and those of the sets that are exported with them. */
export function withAssociatedTypes(
  types: readonly string[] | undefined,
  associated: readonly AssociatedData[],
): string[] | undefined {
  if (types === undefined) return undefined;
  return [...new Set([...types, ...associated.flatMap((name) => ASSOCIATED_DATA[name].types)])];
}
