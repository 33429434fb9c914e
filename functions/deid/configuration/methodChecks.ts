import type { IssueList } from './issues.js';
import { NUMBER_TYPES } from '../methods/perturb.js';
import { Replacement } from '../methods/substitute.js';
import type { FhirType } from '../model/types.js';
import type { Types } from './pathChecks.js';
import type { Method } from './ruleMethod.js';

/** Types named in one message. */
const MOST_NAMED = 6;

/**
 * Tells of a method that can do nothing to any element its path may select (a warning), or that fails on all of them
 * in the reference (an error).
 * @param types what the path may select; null where that cannot be told
 */
export function checkMethod(method: Method, types: Types, issues: IssueList): void {
  if (types === null || types.size === 0) return;
  const all = [...types];
  const isComplex = all.every(({ primitive }) => primitive === null);
  switch (method.name) {
    case 'generalize':
      if (isComplex)
        issues.error(
          'method',
          `generalize is for primitive elements, and the path selects only ${named(all)}`,
        );
      return;
    case 'substitute':
      checkReplacement(new Replacement(method.replaceWith), isComplex, all, issues);
      return;
    case 'dateShift':
      if (!all.some((type) => holds(type, isDate)))
        issues.warn('method', `Does nothing: dateShift moves dates, and the path selects only ${named(all)}`);
      return;
    case 'perturb':
      if (!all.some((type) => holds(type, isNumber)))
        issues.warn(
          'method',
          `Does nothing: perturb changes numbers, and the path selects only ${named(all)}`,
        );
      return;
    case 'redact':
    case 'cryptoHash':
    case 'encrypt':
    case 'keep':
  }
}

function checkReplacement(
  replacement: Replacement,
  isComplex: boolean,
  types: readonly FhirType[],
  issues: IssueList,
): void {
  if (replacement.isNothing) return;
  const isObject = Object.keys(replacement.object).length > 0;
  if (isComplex && !isObject) {
    issues.error(
      'replaceWith',
      `Must be an object such as {"text": "…"}, or null: the path selects only ${named(types)}`,
    );
  } else if (replacement.text === undefined && types.every(({ primitive }) => primitive !== null)) {
    issues.warn(
      'replaceWith',
      `An object takes a primitive's value away: the path selects only ${named(types)}`,
    );
  }
}

function named(types: readonly FhirType[]): string {
  const names = [...new Set(types.map(({ name, path }) => (path.includes('.') ? path : name)))];
  const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more types` : '';
  return names.slice(0, MOST_NAMED).join(', ') + more;
}

function isDate({ primitive }: FhirType): boolean {
  return primitive === 'date' || primitive === 'dateTime';
}

function isNumber({ name }: FhirType): boolean {
  return NUMBER_TYPES.has(name);
}

/** Whether a type is, or has below it, one that passes; extensions and resources inside are not looked at. */
function holds(type: FhirType, passes: (type: FhirType) => boolean, seen = new Set<FhirType>()): boolean {
  if (passes(type)) return true;
  if (type.primitive !== null || seen.has(type)) return false;
  seen.add(type);
  for (const element of type.elements.values()) {
    if (element.type === null || element.type.name === 'Extension') continue;
    if (holds(element.type, passes, seen)) return true;
  }
  return false;
}
