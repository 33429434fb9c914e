import { isJsonObject, type JsonObject, type JsonValue } from '../../json/json.js';

/** Of the labels that have one. */
export const LABEL_SYSTEM = 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue';

/**
 * What was done to a resource, as its security labels say, in their order. The same objects in all resources: they are
 * written and never changed.
 */
const CODINGS = [
  { system: LABEL_SYSTEM, code: 'REDACTED', display: 'redacted' },
  { system: LABEL_SYSTEM, code: 'ABSTRED', display: 'abstracted' },
  { system: LABEL_SYSTEM, code: 'CRYTOHASH', display: 'cryptographic hash function' },
  { system: LABEL_SYSTEM, code: 'MASKED', display: 'masked' },
  { code: 'PERTURBED', display: 'exact value is replaced with another exact value' },
  { code: 'SUBSTITUTED', display: 'exact value is replaced with a predefined value' },
  { code: 'GENERALIZED', display: 'exact value is replaced with a general value' },
  { system: LABEL_SYSTEM, code: 'PSEUDED', display: 'pseudonymized' },
] as const satisfies readonly JsonObject[];

/** The codes of the labels. */
export const LABELS = CODINGS.map(({ code }) => code);

/** Places of the labels, for counting. */
export const REDACTED = 0;
export const ABSTRED = 1;
export const CRYTOHASH = 2;
export const MASKED = 3;
export const PERTURBED = 4;
export const SUBSTITUTED = 5;
export const GENERALIZED = 6;
export const PSEUDED = 7;

/**
 * Adds the labels of a set of operations (bit n for the label at place n) to `meta.security`, those it has not.
 * @returns how many of those that were added have a system
 */
export function addLabels(resource: JsonObject, operations: number): number {
  if (operations === 0) return 0;
  let meta = resource['meta'];
  if (!isJsonObject(meta)) {
    meta = {};
    resource['meta'] = meta;
  }
  const present = meta['security'];
  const security: JsonValue[] = Array.isArray(present) ? present : [];
  const added = codingsOf(operations).filter(({ code }) => !security.some((item) => hasCode(item, code)));
  security.push(...added);
  meta['security'] = security;
  return withSystem(added);
}

function hasCode(item: JsonValue, label: string): boolean {
  const code = isJsonObject(item) ? item['code'] : undefined;
  return typeof code === 'string' && code.toUpperCase() === label;
}

/** Labels as JSON, for a resource that has no `meta.security`. */
export interface LabelsJson {
  /** At the end of a `meta` that holds something else. */
  readonly inMeta: Buffer;
  /** A member `meta`. */
  readonly meta: Buffer;
  /** How many of the labels have a system. */
  readonly systems: number;
}

/** By the operations. */
const known: LabelsJson[] = [];

/** The JSON that `addLabels` adds to a resource that has no `meta.security`; null for none. */
export function labelsJson(operations: number): LabelsJson | null {
  if (operations === 0) return null;
  return (known[operations] ??= labelsOf(operations));
}

function labelsOf(operations: number): LabelsJson {
  const codings = codingsOf(operations);
  const security = `"security":${JSON.stringify(codings)}`;
  return {
    inMeta: Buffer.from(`,${security}`),
    meta: Buffer.from(`"meta":{${security}}`),
    systems: withSystem(codings),
  };
}

type LabelCoding = (typeof CODINGS)[number];

function codingsOf(operations: number): LabelCoding[] {
  return CODINGS.filter((_, place) => (operations & (1 << place)) !== 0);
}

function withSystem(codings: readonly LabelCoding[]): number {
  return codings.filter((coding) => 'system' in coding).length;
}
