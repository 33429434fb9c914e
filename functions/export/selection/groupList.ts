import { compareInstants, type Instant } from '../../fhir/instant.js';
import type { FhirVersion } from '../../fhir/fhirVersion.js';
import { operationOutcome, warningIssue } from '../../fhir/operationOutcome.js';
import { isId } from '../../fhir/reference.js';
import type { JsonObject } from '../../json/json.js';
import type { SearchRow } from '../source/resourceRow.js';

/** Groups of one answer. */
const MAX_LISTED = 1000;

/** Elements of a Group that decide whether it can be exported, and its name: members are never among them. */
export const LISTED_ELEMENTS = ['type', 'actual', 'membership'];

/** Kinds of members that can be Patients: https://hl7.org/fhir/R4/valueset-group-type.html */
const KINDS = new Set(['person', 'animal']);

/** The groups that can be exported, by id. */
export class GroupList {
  readonly #fhirVersion: FhirVersion;
  readonly #hasNames: boolean;
  readonly #groups = new Map<
    string,
    { lastUpdated: Instant | undefined; resource: JsonObject | undefined }
  >();
  #isCut = false;

  constructor(fhirVersion: FhirVersion, hasNames: boolean) {
    this.#fhirVersion = fhirVersion;
    this.#hasNames = hasNames;
  }

  /** Whether it takes no more. */
  get isFull(): boolean {
    return this.#groups.size >= MAX_LISTED;
  }

  /** Adds a Group; of one that is there several times, the latest counts. */
  add(row: Pick<SearchRow, 'id' | 'lastUpdated' | 'resource'>): void {
    const { id, lastUpdated } = row;
    if (id === undefined || !isId(id)) return;
    const known = this.#groups.get(id);
    if (known === undefined && this.isFull) this.cut();
    else if (!isEarlier(lastUpdated, known?.lastUpdated))
      this.#groups.set(id, { lastUpdated, resource: this.#describe(id, row.resource()) });
  }

  /** Says that there may be more. */
  cut(): void {
    this.#isCut = true;
  }

  /** A Bundle of type `searchset`. @param url of the list */
  bundle(url: string): object {
    const groups = [...this.#groups]
      .filter(([, { resource }]) => resource !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    const entry: object[] = groups.map(([id, { resource }]) => ({
      fullUrl: `${url}/${id}`,
      resource,
      search: { mode: 'match' },
    }));
    if (this.#isCut)
      entry.push({ fullUrl: OUTCOME_URL, resource: operationOutcome([CUT]), search: { mode: 'outcome' } });
    return {
      resourceType: 'Bundle',
      type: 'searchset',
      ...(this.#isCut ? {} : { total: groups.length }),
      link: [{ relation: 'self', url }],
      // FHIR has no empty lists.
      ...(entry.length === 0 ? {} : { entry }),
    };
  }

  /** `undefined`: a group without members that could be exported. */
  #describe(id: string, { type = 'person', actual, membership, name }: JsonObject): JsonObject | undefined {
    const isR5 = this.#fhirVersion === 'R5';
    const hasMembers = isR5 ? membership === undefined || membership === 'enumerated' : actual !== false;
    if (typeof type !== 'string' || !KINDS.has(type) || !hasMembers) return undefined;
    return {
      resourceType: 'Group',
      id,
      meta: { tag: [{ system: subsettedSystem(this.#fhirVersion), code: 'SUBSETTED' }] },
      type,
      ...(isR5 ? { membership: 'enumerated' } : { actual: true }),
      ...(this.#hasNames && typeof name === 'string' && name !== '' ? { name } : {}),
    };
  }
}

/** FHIR requires one of every entry: https://hl7.org/fhir/R5/bundle.html#invs */
const OUTCOME_URL = 'urn:uuid:5b6c1c1e-4b0f-4e0c-9d57-3f1d2a8e7c64';

const CUT = warningIssue(
  `These are not all groups: ${MAX_LISTED} are listed at most, and fewer where the source is slow. Others can be exported by their ids, too.`,
  'incomplete',
);

/** https://hl7.org/fhir/R4/resource.html#simple-tags */
function subsettedSystem(fhirVersion: FhirVersion): string {
  return fhirVersion === 'STU3'
    ? 'http://hl7.org/fhir/v3/ObservationValue'
    : 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue';
}

/** Whether one version of a resource is before another: one of which it is not known is. */
export function isEarlier(one: Instant | undefined, other: Instant | undefined): boolean {
  if (other === undefined) return false;
  return one === undefined || compareInstants(one, other) < 0;
}
