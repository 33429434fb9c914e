import { createHmac } from 'node:crypto';
import type { FhirVersion } from '../../fhir/fhirVersion.js';
import { remembered } from '../../common/maps.js';
import { ExportError } from '../../common/errors.js';
import { patientsOf } from '../../fhir/patientsOf.js';
import { referencedOf } from '../../fhir/reference.js';
import type { JsonObject } from '../../json/json.js';

/** What a slice or a partition reports of the patients of its parts. Digests only, by a key of the job's own. */
export interface PartCounts {
  /** Digests of patients, by part: of those whose data it wrote, as many as have to be known. */
  patients: Record<string, string[]>;
  /** Of types outside of the Patient compartment: digests of the ids of the resources that it wrote. */
  written: Record<string, string[]>;
  /** Of such types: digests of the ids that it referred to, with those of the patients whose resources did. */
  referred: Record<string, Record<string, string[]>>;
}

/** What a resource says before it is changed; counted only once it is written. */
export interface Seen {
  patients: ReadonlySet<string>;
  /** Of types outside of the compartment: `Type/id` of what it refers to. */
  targets: readonly string[];
}

/** Counts the patients of what a slice writes. */
export interface PatientCount {
  /** @param resources parses those whose patients count, as they came */
  look(part: string, resources: () => readonly JsonObject[]): Seen;
  add(part: string, seen: Seen, id: string | undefined): void;
  /** Whether a part has as many patients as it has to have. */
  isFull(part: string): boolean;
}

export interface PatientCounterInput {
  /** Patients that a part has to have; 0: nothing is counted. */
  most: number;
  fhirVersion: FhirVersion;
  /** The job's own. */
  secret: Uint8Array;
  /** Of a job over some patients, whether one is among them: others do not make it a job over more. */
  isCounted?: ((id: string) => boolean) | undefined;
  /** Types that the job exports and that are in no patient's compartment. */
  outside?: ReadonlySet<string>;
}

const NOTHING: Seen = { patients: new Set(), targets: [] };
const DIGEST_BYTES = 9;
/** References are looked for in so many resources of a slice. Those that are not seen make a count smaller. */
const MAX_REFERRING = 2000;
/** Resources of a type outside of the compartment that are remembered: those with the smallest digests. */
const MAX_TARGETS = 256;

/** The part of a job that a resource is in: its type, under one alternative of its filters. */
export function partOf(type: string, alternative = 0): string {
  return `${type}/${alternative}`;
}

/** Ids stay in memory; what is kept are digests that distinguish patients within the job and no more. */
export class PatientCounter implements PatientCount {
  readonly #input: PatientCounterInput;
  readonly #outside: ReadonlySet<string>;
  readonly #patients = new Map<string, Set<string>>();
  readonly #written = new Map<string, Sample<true>>();
  readonly #referred = new Map<string, Sample<Set<string>>>();
  #referring = 0;

  constructor(input: PatientCounterInput) {
    this.#input = input;
    this.#outside = input.outside ?? new Set();
  }

  isFull(part: string): boolean {
    return (this.#patients.get(part)?.size ?? 0) >= this.#input.most;
  }

  look(part: string, resources: () => readonly JsonObject[]): Seen {
    const { most, fhirVersion, isCounted } = this.#input;
    const looksForReferences = most > 0 && this.#outside.size > 0 && this.#referring < MAX_REFERRING;
    if (this.isFull(part) && !looksForReferences) return NOTHING;
    const patients = new Set<string>();
    const targets = new Set<string>();
    for (const resource of resources()) {
      const own = [...patientsOf(resource, fhirVersion)].filter((id) => isCounted?.(id) !== false);
      for (const id of own) patients.add(id);
      if (!looksForReferences || own.length === 0) continue;
      this.#referring++;
      for (const { type, id } of referencedOf(resource)) {
        if (this.#outside.has(type)) targets.add(`${type}/${id}`);
      }
    }
    return { patients, targets: [...targets] };
  }

  add(part: string, { patients, targets }: Seen, id: string | undefined): void {
    const { most } = this.#input;
    if (most === 0) return;
    const type = part.slice(0, part.indexOf('/'));
    if (patients.size > 0 && !this.isFull(part)) {
      const counted = remembered(this.#patients, part, () => new Set());
      for (const patient of patients) if (counted.size < most) counted.add(patient);
    }
    if (this.#outside.has(type) && id !== undefined) {
      remembered(this.#written, type, () => new Sample()).set(this.#digest(`${type}/${id}`), () => true);
    }
    for (const target of targets) {
      const referred = remembered(this.#referred, target.slice(0, target.indexOf('/')), () => new Sample());
      const by = referred.set(this.#digest(target), () => new Set<string>());
      for (const patient of patients) if (by !== undefined && by.size < most) by.add(patient);
    }
  }

  counts(): PartCounts {
    const digests = (ids: Iterable<string>): string[] => [...ids].map((id) => this.#digest(`Patient/${id}`));
    return {
      patients: mapRecord(this.#patients, digests),
      written: mapRecord(this.#written, (sample) => sample.entries().map(([digest]) => digest)),
      referred: mapRecord(this.#referred, (sample) =>
        Object.fromEntries(sample.entries().map(([digest, by]) => [digest, digests(by)])),
      ),
    };
  }

  #digest(name: string): string {
    return createHmac('sha256', this.#input.secret)
      .update(`patient-count:${name}`)
      .digest()
      .subarray(0, DIGEST_BYTES)
      .toString('base64url');
  }
}

/** Counts of nothing. */
export function emptyCounts(): PartCounts {
  return { patients: {}, written: {}, referred: {} };
}

/** Merges counts, with `most` patients a part at most, in memory that the number of resources does not change. */
export function addPartCounts(sum: PartCounts, more: PartCounts, most: number): void {
  for (const [part, patients] of Object.entries(more.patients)) {
    sum.patients[part] = merged(sum.patients[part], patients, most);
  }
  for (const [type, written] of Object.entries(more.written)) {
    sum.written[type] = merged(sum.written[type], written, Infinity).sort().slice(0, MAX_TARGETS);
  }
  for (const [type, referred] of Object.entries(more.referred)) {
    const all = { ...sum.referred[type] };
    for (const [target, patients] of Object.entries(referred))
      all[target] = merged(all[target], patients, most);
    const smallest = Object.keys(all).sort().slice(0, MAX_TARGETS);
    sum.referred[type] = Object.fromEntries(smallest.map((target) => [target, all[target] ?? []]));
  }
}

/** A type that a job exports. */
export interface CountedType {
  /** Alternatives of its filters: one where it has none. */
  alternatives: number;
  /** What its partitions report, also of what they refer to. */
  counts: PartCounts;
}

/**
 * The types that are withheld: of which a part is of fewer patients than it has to be, or of none. What is withheld
 * counts for nothing else. A type whose alternatives were of enough patients when the export began and are not now is
 * withheld as a whole, since a resource that matches several of them is in one file only.
 */
export function withheldTypes(types: ReadonlyMap<string, CountedType>, most: number): Set<string> {
  const withheld = new Set<string>();
  for (;;) {
    const sum = emptyCounts();
    const left = [...types].filter(([type]) => !withheld.has(type));
    for (const [, { counts }] of left) addPartCounts(sum, counts, most);
    const tooFew = left.filter(([type, { alternatives }]) =>
      Array.from({ length: alternatives }, (_, alternative) => {
        const own = sum.patients[partOf(type, alternative)] ?? [];
        const by = (sum.written[type] ?? []).flatMap((target) => sum.referred[type]?.[target] ?? []);
        return new Set([...own, ...by]).size;
      }).some((count) => count < most),
    );
    if (tooFew.length === 0) return withheld;
    for (const [type] of tooFew) withheld.add(type);
  }
}

/** One sentence for few patients and for none. @param parts names of types, or of alternatives of their filters */
export function withheldNote(parts: readonly string[], most: number): string {
  return `Withheld, as of fewer than ${most} patients or of none (MIN_PATIENTS): ${parts.join(', ')}. Ask for more in each: a longer time, more codes, a larger group. The permission for raw exports lifts this limit.`;
}

/** A job of which nothing is left. */
export function allWithheld(most: number): ExportError {
  return new ExportError(
    'forbidden',
    `Every part of the export is of fewer than ${most} patients or of none, so it ended without data (MIN_PATIENTS). A part is a type under one alternative of _typeFilter. Ask for more: a longer time, more codes, a larger group. The permission for raw exports lifts this limit.`,
  );
}

/** Values by digests, of which those with the smallest digests stay: of two samples, the same ones. */
class Sample<Value> {
  #values = new Map<string, Value>();
  /** Digests above it are not taken any more. */
  #largest: string | undefined;

  /** The value of a digest, made where there is none; `undefined` where it is not taken. */
  set(digest: string, make: () => Value): Value | undefined {
    const known = this.#values.get(digest);
    if (known !== undefined) return known;
    if (this.#largest !== undefined && digest > this.#largest) return undefined;
    const value = make();
    this.#values.set(digest, value);
    if (this.#values.size >= 2 * MAX_TARGETS) {
      const kept = this.entries();
      this.#values = new Map(kept);
      this.#largest = kept.at(-1)?.[0];
    }
    return value;
  }

  entries(): Array<[string, Value]> {
    return [...this.#values].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, MAX_TARGETS);
  }
}

function merged(some: readonly string[] | undefined, more: readonly string[], most: number): string[] {
  return [...new Set([...(some ?? []), ...more])].slice(0, most);
}

function mapRecord<Value, Result>(
  map: ReadonlyMap<string, Value>,
  of: (value: Value) => Result,
): Record<string, Result> {
  return Object.fromEntries([...map].map(([key, value]) => [key, of(value)]));
}
