import { isRecord } from '../../common/isRecord.js';

export const FHIR_JSON = 'application/fhir+json';

type Parameter = Readonly<Record<string, unknown>>;

/** The parameters of a resource `Parameters`; none of anything else. */
export function parametersOf(answer: unknown): Parameter[] {
  return isRecord(answer) && answer['resourceType'] === 'Parameters' ? recordsIn(answer['parameter']) : [];
}

/** The parts of a parameter, by their names. */
export function partsOf(parameter: Parameter): ReadonlyMap<unknown, Parameter> {
  return new Map(recordsIn(parameter['part']).map((part) => [part['name'], part]));
}

/** The text of a parameter whose value is a string or an Identifier; `undefined` where it has none. */
export function textOf(parameter: Parameter | undefined): string | undefined {
  const identifier = parameter?.['valueIdentifier'];
  const value = isRecord(identifier) ? identifier['value'] : parameter?.['valueString'];
  return typeof value === 'string' ? value : undefined;
}

function recordsIn(list: unknown): Parameter[] {
  return Array.isArray(list) ? list.filter((item) => isRecord(item)) : [];
}
