import type { Configuration } from '../configuration/configuration.js';
import { keyOf, type KeyParameters } from '../configuration/keys.js';
import { appliesTo } from '../configuration/rulePath.js';
import type { Method } from '../methods/method.js';
import { FhirModel } from '../model/fhirModel.js';
import type { FhirType } from '../model/types.js';
import { leadsTo, type Pattern, patternsOf, stopsAt } from '../plan/pattern.js';

/** What a path does to the id of a resource: it selects it whatever the resource holds, perhaps, or never. */
type Reach = 'always' | 'perhaps' | 'never';

/**
 * Whether a configuration makes the same pseudonym of an id in every export: the first rule that may reach the id of
 * a resource of this type makes pseudonyms, reaches it whatever else the resource holds, and has a service, or a key that
 * is not the job's own.
 */
export function hasLastingIds({ rules, parameters, fhirVersion }: Configuration, typeName: string): boolean {
  const type = FhirModel.of(fhirVersion).resource(typeName);
  if (type === undefined) return false;
  for (const rule of rules) {
    if (!appliesTo(rule, typeName)) continue;
    const reaches = patternsOf(rule)?.map((pattern) => reachOf(pattern, type)) ?? ['perhaps'];
    if (reaches.includes('always')) return isLastingPseudonym(rule.method, parameters);
    if (reaches.includes('perhaps')) return false;
  }
  return false;
}

function isLastingPseudonym(
  { isPseudonym, needsPseudonyms, key }: Method,
  parameters: KeyParameters,
): boolean {
  if (needsPseudonyms === true) return true;
  return isPseudonym === true && key !== undefined && keyOf(key, parameters).kind !== 'job';
}

function reachOf(pattern: Pattern, type: FhirType): Reach {
  const idType = type.elements.get('id')?.type;
  if (idType == null) return 'perhaps';
  const atRoot = [...stopsAt(pattern, 0, type, type.name)];
  const isWhole = atRoot.includes(pattern.length);
  const isAtId = atRoot.some((at) => {
    const step = pattern[at];
    if (step === undefined || !leadsTo(step, idType, 'id')) return false;
    return [...stopsAt(pattern, at + 1, idType, 'id')].includes(pattern.length);
  });
  if (!isWhole && !isAtId) return 'never';
  return pattern.some(({ kind }) => kind === 'guard') ? 'perhaps' : 'always';
}
