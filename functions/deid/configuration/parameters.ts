import { ExpressionBudget } from '../expression/expressionBudget.js';
import { isJsonObject, type JsonValue } from '../../json/json.js';
import type { Method } from '../methods/method.js';
import { dialect } from '../methods/dialect.js';
import type { METHODS } from '../methods/methods.js';
import { minClassSize, quasiIdentifiers } from './quasiIdentifiers.js';
import { caseInsensitive, didYouMean, type IssueList } from '../reading/issues.js';
import { choice, flag, readSettings, unlessOff, type Settings, type ValuesOf } from '../reading/settings.js';

/** The parameters that are no method's. */
export const GENERAL = {
  /** What happens to an element that no rule reaches. */
  unmatched: choice('keep', 'redact'),
  /** What a condition in the path of a redacting rule counts as where it cannot be decided: not met, or met. */
  undecidedConditions: choice('ignore', 'apply'),
  /** Whether results are valid FHIR: what has to be there, and was taken away, is marked as masked. */
  validOutput: flag,
  /** Whether an identifying element that no rule reaches is an error. */
  requireCoverage: flag,
  /** Whether results have labels that say what was done. */
  shouldAddSecurityTag: unlessOff,
  /** Whose results hold where tools differ; null as long as it is not known. */
  dialect,
  /** Elements of Patients over which the report counts how many are alike: FHIRPath. */
  quasiIdentifiers,
  /** How many Patients at least have to be alike in these, or an export ends without data. */
  minClassSize,
};

type OfMethods<P> = P extends Settings ? (of: ValuesOf<P>) => void : never;
type Together<P> = OfMethods<P> extends (of: infer All) => void ? All : never;

/** The `parameters` of a configuration: those of all methods, and the general ones. */
export type Parameters = ValuesOf<typeof GENERAL> & Together<(typeof METHODS)[number]['parameters']>;

/** Reads `parameters`, adding what is wrong to the issues; absent settings get their defaults. */
export function readParameters(
  value: JsonValue | undefined,
  methods: readonly Method[],
  issues: IssueList,
): Parameters {
  if (value !== undefined && value !== null && !isJsonObject(value))
    issues.error('parameters', 'Must be an object');
  const json = isJsonObject(value) ? value : {};
  const known: Settings = Object.assign(
    {},
    ...methods.map(({ parameters }) => parameters),
    GENERAL,
  ) as Settings;
  const names = Object.keys(known);
  for (const key of Object.keys(json)) {
    if (names.some((name) => name.toLowerCase() === key.toLowerCase())) continue;
    const meant = issues.isLong ? '' : didYouMean(key, names);
    issues.warn(`parameters.${key}`, `Unknown parameter, ignored${meant}`);
  }
  const given = caseInsensitive(json, names, 'parameters.', issues);
  return readSettings(known, given, 'parameters.', issues, new ExpressionBudget()) as Parameters;
}
