import { remembered } from '../common/maps.js';
import type { FhirVersion } from './fhirVersion.js';
import { isJsonObject, type JsonObject } from '../json/json.js';
import { outsideCompartment, patientCompartment } from './patientCompartment.js';
import { ANY_BASE, ID, referencesAt, VERSION } from './reference.js';

/** A reference names a patient by type and id, on whatever server: the resource came from one source. */
const PATIENT = new RegExp(`^${ANY_BASE}Patient/(${ID})${VERSION}$`);

/** Names of elements from the resource down to the Reference. */
type Path = readonly string[];

/**
 * What identifies patients without naming the one patient whom a resource is of: enough to count them by, in every
 * version that has the type. Without an element, there is nothing to count them by.
 */
const IDENTIFYING: ReadonlyMap<string, readonly Path[]> = new Map<string, readonly Path[]>([
  ['Binary', [['securityContext']]],
  ['BiologicallyDerivedProduct', [['collection', 'source']]],
  ['InventoryItem', [['instance', 'subject']]],
  ['Linkage', [['item', 'resource']]],
  ['MessageHeader', [['focus']]],
  ['Parameters', []],
  ['PaymentNotice', []],
  ['PaymentReconciliation', []],
  ['ProcessRequest', []],
  ['ProcessResponse', []],
  ['Task', [['for'], ['focus']]],
  ['Transport', [['for'], ['focus']]],
  ['VerificationResult', [['target']]],
]);

const NO_PATHS: readonly Path[] = [];
const pathsOfVersion = new Map<FhirVersion, ReadonlyMap<string, readonly Path[]>>();

/** The elements that name the patients of each type, each once. */
function naming(version: FhirVersion): ReadonlyMap<string, readonly Path[]> {
  return remembered(pathsOfVersion, version, () => {
    const byType = new Map<string, Map<string, Path>>();
    for (const [type, links] of [...patientCompartment(version), ...outsideCompartment(version)]) {
      const paths = remembered(byType, type, () => new Map<string, Path>());
      for (const path of links.flatMap((link) => link.paths)) paths.set(path.join('.'), path);
    }
    return new Map([...byType].map(([type, paths]) => [type, [...paths.values()]] as const));
  });
}

/**
 * The Patients among the entries of a Bundle, by the `Bundle.entry.fullUrl` by which its other entries name them: their
 * ids, or the URL itself for a Patient without one; null where two Patients have the same URL.
 */
export type BundlePatients = ReadonlyMap<string, string | null>;

/** The Patients of a Bundle as it came (https://hl7.org/fhir/R4/bundle.html#references). */
export function patientsOfBundle(bundle: JsonObject): BundlePatients {
  const byUrl = new Map<string, string | null>();
  const entries = bundle['entry'];
  for (const entry of Array.isArray(entries) ? entries : []) {
    const resource = isJsonObject(entry) ? entry['resource'] : undefined;
    const url = isJsonObject(entry) ? fullUrlOf(entry) : undefined;
    if (!isJsonObject(resource) || resource['resourceType'] !== 'Patient' || url === undefined) continue;
    const patient = idOf(resource) ?? url;
    byUrl.set(url, byUrl.has(url) && byUrl.get(url) !== patient ? null : patient);
  }
  return byUrl;
}

/** The `fullUrl` of an entry of a Bundle. */
export function fullUrlOf(entry: JsonObject): string | undefined {
  return textOf(entry, 'fullUrl');
}

function idOf(resource: JsonObject): string | undefined {
  return textOf(resource, 'id');
}

function textOf(object: JsonObject, key: string): string | undefined {
  const text = object[key];
  return typeof text === 'string' && text !== '' ? text : undefined;
}

/**
 * The id of the one patient whom a resource is of, read from the resource as it came, by the elements of the FHIR
 * version; null where there is none, or more than one. A Patient is its own.
 * @param bundle the Patients of the Bundle that the resource is an entry of
 * @param fullUrl of that entry
 */
export function patientOf(
  resource: JsonObject,
  version: FhirVersion,
  bundle: BundlePatients | null = null,
  fullUrl?: string,
): string | null {
  if (fullUrl !== undefined && bundle?.has(fullUrl) === true && isNamedByUrl(resource)) return fullUrl;
  const patients = new Set<string>();
  // Of a reference that could be either of two Patients, the patient is not known.
  if (!collect(resource, naming(version), patients, bundle ?? undefined)) return null;
  const [patient] = patients;
  return patients.size === 1 && patient !== undefined ? patient : null;
}

function isNamedByUrl(resource: JsonObject): boolean {
  return resource['resourceType'] === 'Patient' && idOf(resource) === undefined;
}

/** Names of all elements of a type that `patientOf` looks at. */
export function patientElements(type: string, version: FhirVersion): string[] {
  const paths = naming(version).get(type) ?? NO_PATHS;
  // Of a Bundle, the entries show which Patients are in it.
  const own = type === 'Bundle' ? ['entry'] : [];
  return ['resourceType', 'id', ...own, ...paths.flatMap((path) => path.slice(0, 1))];
}

/** The ids of all patients of whom a resource is, as far as it names them; of a Bundle, those of what is in it. */
export function patientsOf(resource: JsonObject, version: FhirVersion): ReadonlySet<string> {
  const patients = new Set<string>();
  collect(resource, naming(version), patients);
  collect(resource, IDENTIFYING, patients);
  const entries = resource['resourceType'] === 'Bundle' ? resource['entry'] : undefined;
  if (Array.isArray(entries)) {
    for (const entry of entries) {
      const inner = isJsonObject(entry) ? entry['resource'] : undefined;
      // A Bundle in a Bundle is not looked into: what is not counted makes a job count as smaller, never as larger.
      if (isJsonObject(inner)) collect(inner, naming(version), patients);
    }
  }
  return patients;
}

/** @returns false where a reference names a patient who cannot be distinguished from another */
function collect(
  resource: JsonObject,
  pathsOf: ReadonlyMap<string, readonly Path[]>,
  into: Set<string>,
  byUrl?: BundlePatients,
): boolean {
  const type = resource['resourceType'];
  if (typeof type !== 'string') return true;
  if (type === 'Patient') {
    const id = idOf(resource);
    if (id !== undefined) into.add(id);
    return true;
  }
  for (const path of pathsOf.get(type) ?? NO_PATHS) {
    for (const { reference } of referencesAt(resource, path)) {
      if (typeof reference !== 'string') continue;
      const id = byUrl?.has(reference) === true ? byUrl.get(reference) : PATIENT.exec(reference)?.[1];
      if (id === null) return false;
      if (id !== undefined) into.add(id);
    }
  }
  return true;
}
