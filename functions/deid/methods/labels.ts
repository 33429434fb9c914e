import { isJsonObject, type JsonObject, type JsonValue } from '../../json/json.js';

/** What was done to a resource, as its security labels say. The order is that of the labels. */
export const LABELS = [
  'REDACTED',
  'ABSTRED',
  'CRYTOHASH',
  'MASKED',
  'PERTURBED',
  'SUBSTITUTED',
  'GENERALIZED',
] as const;
type Label = (typeof LABELS)[number];

/** Places of the labels in `LABELS`, for counting. */
export const REDACTED = 0;
export const ABSTRED = 1;
export const CRYTOHASH = 2;
export const MASKED = 3;
export const PERTURBED = 4;
export const SUBSTITUTED = 5;
export const GENERALIZED = 6;

const SYSTEM = 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue';
const DISPLAYS: Readonly<Record<Label, string>> = {
  REDACTED: 'redacted',
  ABSTRED: 'abstracted',
  CRYTOHASH: 'cryptographic hash function',
  MASKED: 'masked',
  PERTURBED: 'exact value is replaced with another exact value',
  SUBSTITUTED: 'exact value is replaced with a predefined value',
  GENERALIZED: 'exact value is replaced with a general value',
};

/** The codings of the labels, the same object in all resources: they are written and never changed. */
const CODINGS: readonly JsonObject[] = LABELS.map((label, place) => {
  const display = DISPLAYS[label];
  return place <= MASKED ? { system: SYSTEM, code: label, display } : { code: label, display };
});

/** Adds the labels of a set of operations (bit n for `LABELS[n]`) to `meta.security`, those it has not. */
export function addLabels(resource: JsonObject, operations: number): void {
  if (operations === 0) return;
  let meta = resource['meta'];
  if (!isJsonObject(meta)) {
    meta = {};
    resource['meta'] = meta;
  }
  const present = meta['security'];
  const security: JsonValue[] = Array.isArray(present) ? present : [];
  CODINGS.forEach((coding, place) => {
    if ((operations & (1 << place)) !== 0 && !security.some((item) => hasCode(item, LABELS[place] as Label)))
      security.push(coding);
  });
  meta['security'] = security;
}

function hasCode(item: JsonValue, label: Label): boolean {
  const code = isJsonObject(item) ? item['code'] : undefined;
  return typeof code === 'string' && code.toUpperCase() === label;
}

/** Labels as JSON, for a resource that has no `meta.security`. */
export interface LabelsJson {
  /** At the end of a `meta` that holds something else. */
  readonly inMeta: Uint8Array;
  /** A member `meta`. */
  readonly meta: string;
}

const known = new Map<number, LabelsJson>();

/** The JSON that `addLabels` adds to a resource that has no `meta.security`; null for none. */
export function labelsJson(operations: number): LabelsJson | null {
  if (operations === 0) return null;
  let json = known.get(operations);
  if (json === undefined) {
    const codings = CODINGS.filter((_, place) => (operations & (1 << place)) !== 0);
    const security = `"security":${JSON.stringify(codings)}`;
    json = { inMeta: Buffer.from(`,${security}`), meta: `"meta":{${security}}` };
    known.set(operations, json);
  }
  return json;
}
