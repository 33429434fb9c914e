import type { Configuration } from '../configuration/configuration.js';
import { keyOf, type KeyParameters } from '../configuration/keys.js';
import type { Method } from '../methods/method.js';
import { type Pattern, patternsOf } from '../plan/pattern.js';
import { appliesTo } from '../configuration/rulePath.js';

/** What a path does to the id of a resource: it selects it whatever the resource holds, perhaps, or never. */
type Reach = 'always' | 'perhaps' | 'never';

/**
 * Whether a configuration makes the same pseudonym of an id in every export: the first rule that may reach the id of
 * a resource of this type makes pseudonyms, reaches it whatever else the resource holds, and has a key that is not the
 * job's own.
 */
export function hasLastingIds({ rules, parameters }: Configuration, type: string): boolean {
  for (const rule of rules) {
    if (!appliesTo(rule, type)) continue;
    const patterns = patternsOf(rule);
    const reaches = patterns?.map((pattern) => reachOf(pattern, type)) ?? ['perhaps'];
    if (reaches.includes('always')) return isLastingPseudonym(rule.method, parameters);
    if (reaches.includes('perhaps')) return false;
  }
  return false;
}

function isLastingPseudonym({ isPseudonym, key }: Method, parameters: KeyParameters): boolean {
  return isPseudonym === true && key !== undefined && keyOf(key, parameters).kind !== 'job';
}

function reachOf(pattern: Pattern, type: string): Reach {
  let isConditional = false;
  for (const [index, step] of pattern.entries()) {
    const rest = pattern.slice(index + 1);
    switch (step.kind) {
      case 'guard':
      case 'type':
        isConditional = true;
        break;
      case 'resourceType':
        if (![type, 'Resource', 'DomainResource'].includes(step.name)) return 'never';
        isConditional ||= step.name !== type;
        break;
      case 'child':
        if (step.name !== 'id') return 'never';
        return reachOfId(rest, isConditional);
      case 'within': {
        // An id is of the type `id`; that of the resource is the only one so called which is.
        if (step.value === 'id') return reachOfId(rest, isConditional || step.by === 'Name');
        const isOther =
          step.by === 'Name' ||
          !['string', 'Element', 'Resource', 'DomainResource', type].includes(step.value);
        return isOther ? 'never' : 'perhaps';
      }
      case 'children':
      case 'descendants':
        return 'perhaps';
    }
  }
  return 'perhaps';
}

/** Of the steps that come after the id. */
function reachOfId(rest: Pattern, isConditional: boolean): Reach {
  if (rest.length === 0) return isConditional ? 'perhaps' : 'always';
  // What is below the id is not the id.
  return rest.some(({ kind }) => kind !== 'guard' && kind !== 'type') ? 'never' : 'perhaps';
}
