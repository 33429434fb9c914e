import { patientCompartment } from '../../../functions/fhir/patientCompartment.js';
import { FHIR_VERSION_NUMBERS, FHIR_VERSIONS } from '../../../functions/fhir/fhirVersion.js';
import type { Collection } from '../collection.js';
import type { SourceContext } from '../context.js';
import { OutcomeError } from '../outcome.js';
import { resourceText } from '../page.js';
import type { Query } from '../query.js';
import type { ExportRequest } from './exportRequest.js';

const ALL: Query = { time: { from: -Infinity, to: Infinity }, ids: [], filters: [], sort: [] };

/** The rows of one type that an export has, ascending. */
export interface SelectedRows {
  collection: Collection;
  rows: Uint32Array;
}

/** What a request asks for, by type. Later changes of the source are not in it. @throws OutcomeError */
export function selectRows(context: SourceContext, request: ExportRequest): SelectedRows[] {
  const patients = patientsOf(context, request);
  const selected: SelectedRows[] = [];
  for (const [type, collection] of context.collections) {
    if (request.types && !request.types.includes(type)) continue;
    const searches = (request.filters.get(type) ?? [ALL]).map((query) => ({
      ...query,
      time: {
        from: Math.max(query.time.from, request.time.from),
        to: Math.min(query.time.to, request.time.to),
      },
    }));
    const inLevel = patients && rowsOfLevel(context, collection, patients);
    const [first, ...others] = searches.map((query) => collection.select(query));
    const found =
      others.length === 0
        ? first!
        : new Uint32Array(new Set([first!, ...others].flatMap((rows) => [...rows])));
    const rows = inLevel ? found.filter((row) => inLevel.has(row)) : found;
    if (rows.length > 0) selected.push({ collection, rows: others.length === 0 ? rows : rows.sort() });
  }
  return selected;
}

/** What was deleted since `_since`, as `Type/id`; empty without one. */
export function selectDeleted(context: SourceContext, request: ExportRequest): string[] {
  if (request.time.from === -Infinity) return [];
  const removed = context.collections.get('Patient')?.versions.filter(({ row }) => row === undefined) ?? [];
  const patients = patientsOf(context, request)?.concat(
    request.level.kind === 'patient' && !request.patients ? removed.map(({ id }) => id) : [],
  );
  const deleted: string[] = [];
  for (const [type, collection] of context.collections) {
    if (request.types && !request.types.includes(type)) continue;
    const inLevel = patients && rowsOfPatients(context, collection, patients, true);
    for (const { id, at, row } of collection.versions) {
      if (row !== undefined || at * 1000 < request.time.from || collection.row(id) !== undefined) continue;
      if (inLevel && !inLevel.has(collection.lastRowOf(id))) continue;
      deleted.push(`${type}/${id}`);
    }
  }
  return [...new Set(deleted)];
}

/** Ids of the patients whose compartments are exported; `undefined`: not by compartment. */
function patientsOf(
  context: SourceContext,
  { level, patients }: ExportRequest,
): readonly string[] | undefined {
  if (level.kind === 'system') return undefined;
  if (level.kind === 'patient') return patients ?? everyPatient(context);
  const groups = context.collections.get('Group');
  const row = groups?.row(level.id);
  if (!groups || row === undefined) throw new OutcomeError(404, 'not-found', `There is no Group/${level.id}`);
  const group = JSON.parse(resourceText(groups, row).toString('utf8')) as {
    member?: { entity?: { reference?: string } }[];
  };
  const members = (group.member ?? [])
    .map(({ entity }) => /(?:^|\/)Patient\/([^/]+)$/.exec(entity?.reference ?? '')?.[1])
    .filter((id) => id !== undefined);
  const stranger = patients?.find((id) => !members.includes(id));
  if (stranger !== undefined) {
    throw new OutcomeError(400, 'invalid', `Patient/${stranger} is not a member of Group/${level.id}`);
  }
  return patients ?? members;
}

function everyPatient({ collections }: SourceContext): string[] {
  const collection = collections.get('Patient');
  return collection ? [...collection.select(ALL)].map((row) => collection.id(row)) : [];
}

/** The rows in the compartments of patients; of Provenance also those about what is in them (3.0, "Kick-off"). */
function rowsOfLevel(
  context: SourceContext,
  collection: Collection,
  patients: readonly string[],
): ReadonlySet<number> {
  const rows = rowsOfPatients(context, collection, patients, false);
  if (collection.type !== 'Provenance') return rows;
  const targets = [...context.collections.values()].flatMap((other) =>
    [...rowsOfPatients(context, other, patients, false)].map((row) => `${other.type}/${other.id(row)}`),
  );
  return new Set([...rows, ...collection.rowsReferring([['target']], targets, false)]);
}

/** The rows of a type that are in the compartments of patients, and these Patients. */
function rowsOfPatients(
  { settings }: SourceContext,
  collection: Collection,
  patients: readonly string[],
  withRetired: boolean,
): ReadonlySet<number> {
  const version = FHIR_VERSIONS.find((name) => FHIR_VERSION_NUMBERS[name] === settings.fhirVersion)!;
  const references = patients.map((id) => `Patient/${id}`);
  const links = patientCompartment(version).get(collection.type) ?? [];
  const rows = new Set<number>();
  for (const { paths } of links) {
    for (const row of collection.rowsReferring(paths, references, withRetired)) rows.add(row);
  }
  if (collection.type !== 'Patient') return rows;
  for (const id of patients) {
    const row = withRetired ? collection.lastRowOf(id) : (collection.row(id) ?? -1);
    if (row >= 0) rows.add(row);
  }
  return rows;
}
