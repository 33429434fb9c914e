import { errorIssue, type OutcomeIssue } from '../../fhir/operationOutcome.js';
import type { RawKickOff } from './given.js';
import { GUIDE_VERSIONS, type GuideVersion } from './guide.js';

/** What `Prefer` asks for beside `respond-async` and `handling`. */
interface Preferences {
  guide: GuideVersion;
  /** What `Preference-Applied` lists beside `respond-async`: what was asked for and is done. */
  applied: string[];
  /** Whether the HTTP status of a status request says nothing of the job. */
  hasSeparateStatus: boolean;
}

export const VERSION_PREFERENCE = 'bulk-data-version=';
const SEPARATE_STATUS = 'separate-export-status';

/**
 * Reads the preferences that versions of the guide have.
 * https://hl7.org/fhir/uv/bulkdata/STU3/export.html#headers
 * @param preferences of `Prefer`, in lower case and without blanks and quotes
 * @param context has the version of a request that names none; absent: STU 2
 */
export function readGuidePreferences(
  preferences: readonly string[],
  { guide }: Pick<RawKickOff, 'guide'>,
  { guide: standard = '2.0.0' }: { guide?: GuideVersion },
  issues: OutcomeIssue[],
): Preferences {
  const applied: string[] = [];
  const asked = preferences.filter((preference) => preference.startsWith(VERSION_PREFERENCE));
  const versions = new Set(asked.map((preference) => versionOf(preference.slice(VERSION_PREFERENCE.length))));
  if (guide !== undefined) versions.add(guide);
  const [version = standard] = versions;
  if (versions.has(undefined) || versions.size > 1) {
    const text = `Prefer: ${VERSION_PREFERENCE} must be one of ${GUIDE_VERSIONS.join(', ')}${guide === undefined ? '' : `; $export-v4 is ${guide}`}.`;
    issues.push(errorIssue('value', text, 'Prefer'));
  } else if (asked.length > 0) applied.push(`${VERSION_PREFERENCE}${version}`);
  const hasSeparateStatus = preferences.includes(SEPARATE_STATUS);
  if (hasSeparateStatus) applied.push(SEPARATE_STATUS);
  return { guide: version, applied, hasSeparateStatus };
}

/** `4`, `4.0`, `4.0.0` and `4.0.0-ballot` are the same. */
function versionOf(text: string): GuideVersion | undefined {
  const whole = /^\d(\.0){0,2}$/.test(text) ? `${text}.0.0`.slice(0, 5) : text;
  return GUIDE_VERSIONS.find((version) => version === whole || version.replace(/-.*/, '') === whole);
}
