import type { FhirVersion } from '../../fhir/fhirVersion.js';
import type { JsonObject } from '../../json/json.js';
import { ExportError } from '../../common/errors.js';
import type { CompartmentLink } from '../../fhir/patientCompartment.js';
import { patientsOf } from '../../fhir/patientsOf.js';
import { ID, readReference, referencesAt, VERSION } from '../../fhir/reference.js';
import type { Members } from './members.js';
import { foundIn, type Selection } from './selection.js';
import type { SearchParameters, Source } from '../source/source.js';
import type { Window } from '../walk/window.js';

/** How the members' resources of a type, or a part of them, are asked for. */
export interface MemberSearch {
  /** Search parameters of the source that look at all of the type's linking elements together. */
  parameters: readonly string[];
  /** Members named in one search. */
  batch: number;
  /** The part: searches from `first` on (inclusive) to `end` (exclusive), of all batches by all parameters. */
  first: number;
  end: number;
  /** Of a source that has to be asked for one patient at a time: `batch` is 1, and the part is counted in members. */
  patientByPatient?: {
    /** Whether it refuses `_count`. */
    takesNoCount: boolean;
  };
}

/** A patient's own id, as a search parameter. */
export const OWN_ID = '_id';

/** A search parameter that many types have beside those of the compartment: for the patient whom a resource is about. */
export const PATIENT = 'patient';

/** Where a resource says whose compartment it is in. */
export interface CompartmentOf {
  type: string;
  fhirVersion: FhirVersion;
  links: readonly CompartmentLink[];
  /** FHIR bases of the source, without trailing slash. */
  bases: readonly string[];
  /** `undefined`: all patients of the source. */
  members: Members | undefined;
  /** Whether these are all patients of the source, so that nobody else's resources can be asked for. */
  hasAllPatients?: boolean;
  /** Those of them whose resources are asked for; absent: all. */
  among?: Members | undefined;
}

/**
 * The resources of one type that are in the Patient compartment of a member. Without `search` the whole type is
 * walked, and each resource shows whether it belongs. With it, the source is asked for a batch of members by one
 * linking parameter after the other; a resource that several of these searches find is exported by the first, as its
 * own references show, in whichever partition that is: no list of what was exported is kept.
 */
export class CompartmentSelection implements Selection {
  readonly #of: CompartmentOf;
  readonly #search: MemberSearch | undefined;
  readonly #links: readonly CompartmentLink[];
  /** Whose resources are asked for. */
  readonly #among: Members | undefined;
  #foreign = 0;
  #ofOthers = 0;

  constructor(of: CompartmentOf, search?: MemberSearch) {
    this.#of = of;
    this.#among = of.among ?? of.members;
    this.#search = search;
    this.#links =
      search === undefined ? of.links : search.parameters.map((parameter) => linkOf(of.links, parameter));
  }

  get searches(): number {
    return this.#search === undefined ? 1 : this.#search.end - this.#search.first;
  }

  parameters(search: number): SearchParameters {
    const among = this.#among;
    if (this.#search === undefined || among === undefined) return [];
    const { batch, parameters, first } = this.#search;
    const nth = first + search;
    const begin = Math.floor(nth / parameters.length) * batch;
    const parameter = parameters[nth % parameters.length] ?? '';
    return [[parameter, memberValue(parameter, among.ids.slice(begin, begin + batch))]];
  }

  /** The searches for the resources of one patient of the part. */
  searchesOf(patient: number): SearchParameters[] {
    const { parameters = [], first = 0 } = this.#search ?? {};
    const id = this.#among?.ids[first + patient] ?? '';
    // A patient by id alone is what the makers of such servers document.
    return parameters.map((name) => [[name, name === PATIENT ? id : memberValue(name, [id])]]);
  }

  givenEarlier(): Promise<ReadonlySet<string>> {
    return Promise.resolve(NONE);
  }

  isExported(search: number, parse: () => JsonObject): boolean {
    const resource = parse();
    const owner = this.#owner(resource);
    if (owner === undefined) {
      if (this.#countForeign(resource) || this.#search === undefined) return false;
      throw new ExportError(
        'source-ignored-parameter',
        `The source answered a search for the ${this.#of.type} resources of some patients with one that, by its own references, is of none of them, so the export would hold too much. See whether the source honors the search parameters of the Patient compartment, and whether FHIR_SERVER_URL is the base that its references are made with.`,
      );
    }
    if (this.#search !== undefined && owner !== this.#search.first + search) return false;
    if (!this.isOfOthers(resource)) return true;
    this.#ofOthers++;
    return false;
  }

  /**
   * Whether a resource belongs to a patient of whatever server who was not asked for, beside any who was. A Patient is
   * its own, whomever it has links to.
   * https://hl7.org/fhir/uv/bulkdata/STU2/export.html#query-parameters
   */
  isOfOthers(resource: JsonObject): boolean {
    const { members, fhirVersion, hasAllPatients } = this.#of;
    if (members === undefined || hasAllPatients === true) return false;
    return [...patientsOf(resource, fhirVersion)].some((id) => members.indexOf(id) < 0);
  }

  /** Resources of members left out because they belong also to patients who were not asked for. */
  get ofOthers(): number {
    return this.#ofOthers;
  }

  /**
   * Resources left out because they refer to patients by URLs of another base: they may be the source's own, by a name
   * that it does not report, or another server's. One that several searches find counts as often.
   */
  get foreign(): number {
    return this.#foreign;
  }

  /** Whether a resource is in the compartment of any member, and belongs to no other patient. */
  includes(resource: JsonObject): boolean {
    return this.isInCompartment(resource) && !this.isOfOthers(resource);
  }

  /** Whether a resource is in the compartment of any member. */
  isInCompartment(resource: JsonObject): boolean {
    return this.#owner(resource) !== undefined;
  }

  async exportedOf(ids: readonly string[], window: Window, source: Source): Promise<ReadonlySet<string>> {
    const rows = await foundIn(window, source, ids, true);
    return new Set(rows.filter((row) => this.includes(row.resource())).map(({ id }) => id));
  }

  /** The first of the searches that find a resource; `undefined` where it is in no member's compartment. */
  #owner(resource: JsonObject): number | undefined {
    const { type } = this.#of;
    const among = this.#among;
    const batch = this.#search?.batch ?? Number.POSITIVE_INFINITY;
    const searchesOfBatch = this.#search?.patientByPatient === undefined ? this.#links.length : 1;
    let owner: number | undefined;
    if (this.#search === undefined && type === 'Patient' && this.#isAmong(resource['id'])) return 0;
    for (const [index, link] of this.#links.entries()) {
      for (const id of this.#patients(resource, link)) {
        const at = among === undefined ? 0 : among.indexOf(id);
        if (at < 0) continue;
        const search = Math.floor(at / batch) * searchesOfBatch + Math.min(index, searchesOfBatch - 1);
        if (owner === undefined || search < owner) owner = search;
      }
    }
    return owner;
  }

  /** Counts a resource that is linked to a member's namesake elsewhere; returns whether it is. */
  #countForeign(resource: JsonObject): boolean {
    const isForeign = this.#links.some(({ paths }) =>
      paths.some((path) =>
        [...referencesAt(resource, path)].some(({ reference }) =>
          this.#isAmong(typeof reference === 'string' ? FOREIGN.exec(reference)?.[1] : undefined),
        ),
      ),
    );
    if (isForeign) this.#foreign++;
    return isForeign;
  }

  #isAmong(id: unknown): boolean {
    const among = this.#among;
    return typeof id === 'string' && (among === undefined || among.indexOf(id) >= 0);
  }

  /** Ids of the patients that a resource is linked to. */
  *#patients(resource: JsonObject, { parameter, paths }: CompartmentLink): Generator<string> {
    if (parameter === OWN_ID) {
      if (typeof resource['id'] === 'string') yield resource['id'];
      return;
    }
    for (const path of paths) {
      for (const reference of referencesAt(resource, path)) {
        const patient = readReference(reference['reference'], this.#of.bases);
        if (patient?.type === 'Patient') yield patient.id;
      }
    }
  }
}

const NONE: ReadonlySet<string> = new Set();
const FOREIGN = new RegExp(`^https?://[^?#]*/Patient/(${ID})${VERSION}$`);

/**
 * The fewest of a type's linking parameters that look at all of its linking elements; `undefined` where the source
 * does not know enough of them, so that only the whole type has them all.
 */
export function coveringParameters(
  type: string,
  links: readonly CompartmentLink[],
  isKnown: (parameter: string) => boolean,
): string[] | undefined {
  const covered = new Set<string>();
  // A Patient is found by its id, and by its links as any other resource.
  const parameters: string[] = type === 'Patient' ? [OWN_ID] : [];
  for (const { parameter, paths } of links) {
    const names = paths.map((path) => path.join('.'));
    if (!isKnown(parameter) || names.every((name) => covered.has(name))) continue;
    parameters.push(parameter);
    for (const name of names) covered.add(name);
  }
  const isComplete = links.every(({ paths }) => paths.every((path) => covered.has(path.join('.'))));
  return isComplete ? parameters : undefined;
}

/** A search value that names some members. Ids hold no comma, so none is escaped. */
export function memberValue(parameter: string, ids: readonly string[]): string {
  return ids.map((id) => (parameter === OWN_ID ? id : `Patient/${id}`)).join(',');
}

/** The elements that `patient` looks at in a type of whose compartment it is no parameter. */
export function patientPaths(links: readonly CompartmentLink[]): CompartmentLink['paths'] {
  const about = ['patient', 'subject', 'beneficiary'].map((name) =>
    links.find(({ parameter }) => parameter === name),
  );
  return (about.find((link) => link !== undefined) ?? links[0])?.paths ?? [];
}

function linkOf(links: readonly CompartmentLink[], parameter: string): CompartmentLink {
  const link = links.find((candidate) => candidate.parameter === parameter);
  if (link !== undefined) return link;
  if (parameter === OWN_ID) return { parameter, paths: [] };
  if (parameter === PATIENT) return { parameter, paths: patientPaths(links) };
  throw new TypeError('a search is planned by a parameter that links nothing');
}
