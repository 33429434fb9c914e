import type { KickOff } from './kickOff.js';
import { errorIssue, type OutcomeIssue } from '../../fhir/operationOutcome.js';

/** What keeps a caller without the permission for raw exports from asking about a person whom it knows by name. */
export interface SearchLimits {
  /** Names that `_typeFilter` may use; `undefined`: all. */
  filterParameters: ReadonlySet<string> | undefined;
  /** Whether single patients may be asked for. */
  allowsPatients: boolean;
  /** Types that `_typeFilter` may narrow; `undefined`: all. Those of others are counted only by who refers to them. */
  filterTypes: ReadonlySet<string> | undefined;
  /** Fewest patients that each part of a job may be of; 0: no limit. */
  minPatients: number;
}

/** Ask about the same element in the same way: none of them leads elsewhere or looks into texts. */
const HARMLESS_MODIFIERS = new Set(['not', 'missing']);

/**
 * What a kick-off asks for beyond its limits. Values are never repeated: they may be what identifies a person.
 * @param permission what would lift the limits
 */
export function searchLimitIssues(
  { typeFilters, patients }: Pick<KickOff, 'typeFilters' | 'patients'>,
  { filterParameters, filterTypes, allowsPatients }: SearchLimits,
  permission: string,
): OutcomeIssue[] {
  const issues: OutcomeIssue[] = [];
  const refuse = (text: string, parameter: string): void => {
    issues.push(errorIssue('forbidden', `${parameter}: ${text}`, parameter));
  };
  if (patients !== undefined && !allowsPatients) {
    refuse(
      `single patients may not be asked for here without ${permission}: it takes their ids at the source. Leave it out.`,
      'patient',
    );
  }
  const types = new Set(
    typeFilters.map(({ type }) => type).filter((type) => filterTypes?.has(type) === false),
  );
  if (types.size > 0) {
    refuse(
      `${[...types].join(', ')} may not be filtered here without ${permission}: the type is not in the Patient compartment. Leave the filter out.`,
      '_typeFilter',
    );
  }
  if (filterParameters === undefined) return issues;
  const refused = new Set(
    typeFilters.flatMap(({ search }) =>
      search.map(([name]) => name).filter((name) => !isPermitted(name, filterParameters)),
    ),
  );
  for (const name of refused) {
    refuse(
      `${describe(name)} may not be used here without ${permission}. Without it, these may: ${[...filterParameters].join(', ')}; of modifiers, ${[...HARMLESS_MODIFIERS].map((modifier) => `:${modifier}`).join(' and ')}.`,
      '_typeFilter',
    );
  }
  return issues;
}

/** A name as it is listed, with a harmless modifier at most: a chain (`subject.name`, `subject:Patient.name`) never is. */
function isPermitted(name: string, permitted: ReadonlySet<string>): boolean {
  const [parameter = '', ...modifiers] = name.split(':');
  return (
    permitted.has(parameter) && modifiers.length <= 1 && modifiers.every((it) => HARMLESS_MODIFIERS.has(it))
  );
}

function describe(name: string): string {
  return /^[\w.:-]{1,60}$/.test(name) ? name : 'a search parameter of the filter';
}
