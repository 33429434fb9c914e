import { isJsonObject, type JsonObject, type JsonValue, parseJson, stringifyJson } from '../../json/json.js';
import type { FhirModel } from '../../deid/model/fhirModel.js';
import type { RequestedElement } from '../request/elements.js';
import type { LineMaker } from './lineMaker.js';

/** Marks a resource that is not whole: https://terminology.hl7.org/CodeSystem-v3-ObservationValue.html */
const SUBSETTED = {
  system: 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue',
  code: 'SUBSETTED',
} as const;
/** Without these a line is of no use. The security labels, which tell what was done to the data, are in `meta`. */
const ALWAYS = ['resourceType', 'id', 'meta'] as const;

/** Cuts a resource to the elements asked for, in place. */
export type ElementCutter = (resource: JsonObject) => JsonObject;

/**
 * Makes the cutter for `_elements`: of the resources of the types asked for, the root elements asked for stay, choice
 * elements by their name without the type (`value` keeps `valueQuantity`), primitives with their `_` siblings. Types
 * for which no element was asked for stay whole. Elements that are mandatory are not known, so they stay only where
 * they are asked for.
 * https://hl7.org/fhir/uv/bulkdata/STU2/export.html#query-parameters
 */
export function elementCutter(elements: readonly RequestedElement[], model: FhirModel): ElementCutter {
  const keptOfType = new Map<string, ReadonlySet<string> | undefined>();
  const keptOf = (type: string): ReadonlySet<string> | undefined => {
    const asked = elements.filter((element) => element.type === undefined || element.type === type);
    if (asked.length === 0) return undefined;
    const names = new Set(asked.map(({ element }) => element));
    const kept = new Set<string>([...ALWAYS, ...names]);
    for (const { key, name } of model.resource(type)?.elements.values() ?? []) {
      if (names.has(name)) kept.add(key);
    }
    return new Set([...kept].flatMap((key) => [key, `_${key}`]));
  };
  return (resource) => {
    const type = typeof resource['resourceType'] === 'string' ? resource['resourceType'] : '';
    if (!keptOfType.has(type)) keptOfType.set(type, keptOf(type));
    const kept = keptOfType.get(type);
    if (kept === undefined) return resource;
    for (const key of Object.keys(resource)) if (!kept.has(key)) delete resource[key];
    markSubsetted(resource);
    return resource;
  };
}

/** Lines cut after they are made: what an anonymized resource is, may depend on what is cut. */
export function cuttingLines(lineMaker: LineMaker, cut: ElementCutter): LineMaker {
  return {
    ...lineMaker,
    makeLineOfTape: () => false,
    makeLine(resource) {
      const result = lineMaker.makeLine(resource);
      if (result.outcome === 'failed') return result;
      const made = parseJson(result.line);
      return isJsonObject(made) ? { outcome: 'anonymized', line: stringifyJson(cut(made)) } : result;
    },
  };
}

function markSubsetted(resource: JsonObject): void {
  const meta = isJsonObject(resource['meta']) ? resource['meta'] : {};
  const tags: JsonValue[] = Array.isArray(meta['tag']) ? meta['tag'] : [];
  const isMarked = tags.some(
    (tag) => isJsonObject(tag) && tag['system'] === SUBSETTED.system && tag['code'] === SUBSETTED.code,
  );
  resource['meta'] = isMarked ? meta : { ...meta, tag: [...tags, { ...SUBSETTED }] };
}
