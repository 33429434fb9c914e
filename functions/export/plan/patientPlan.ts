import pMap from 'p-map';
import { ExportError } from '../../common/errors.js';
import { type CompartmentLink, patientCompartment } from '../../fhir/patientCompartment.js';
import type { FhirVersion } from '../../fhir/fhirVersion.js';
import type { JobRequest, PlannedPartition, ResourceFailures } from '../records/job.js';
import type { TypeFilter } from '../request/typeFilter.js';
import { memberValue, type MemberSearch, OWN_ID, PATIENT, patientPaths } from '../selection/compartment.js';
import type { Members } from '../selection/members.js';
import type { Capabilities } from '../source/capabilities.js';
import { askForLess, mayTry, onRefusal } from '../source/refusals.js';
import type { SearchParameters, Source, SourceAnswer } from '../source/source.js';

/** Types that such servers have if they have any, tried first. */
const USUAL_TYPES = ['Observation', 'Condition', 'Encounter'];
/** A server may refuse one type for a reason of its own. */
const MAX_TRIED_TYPES = 3;

/**
 * Whether a source refuses searches without a patient, as electronic health records do: tried by searches for some types,
 * of which it has to refuse all.
 * @param types those of the export that are in the Patient compartment
 * @returns what it means for an export that is not of some patients; `undefined` where the source answers
 */
export async function refusalWithoutPatient(
  source: Source,
  types: readonly string[],
): Promise<ExportError | undefined> {
  const usual = USUAL_TYPES.filter((type) => types.includes(type));
  const all = [...new Set([...usual, ...types.filter((type) => type !== 'Patient'), ...types])];
  const tried = all.slice(0, MAX_TRIED_TYPES);
  let refusal: ExportError | undefined;
  for (const type of tried) {
    try {
      await source.search(type, [['_count', '1']]);
      return undefined;
    } catch (error) {
      // What else may be wrong with the source, the requests that follow report.
      if (!mayTry('leave out', error)) return undefined;
      refusal = error;
    }
  }
  if (refusal === undefined) return undefined;
  return new ExportError(
    refusal.code,
    `${refusal.message} No search for ${tried.join(', ')} was answered. If the source, as electronic health records do, answers only searches for one patient, it cannot be read as a whole: export a group of patients ([base]/Group/[id]/$export), or name the patients (patient, in a POST to [base]/Patient/$export).`,
  );
}

/** How many patients the source lets be read one by one; `undefined` where there is no time to ask for all. */
export async function countReadable(
  ids: readonly string[],
  source: Source,
  concurrency: number,
  isOutOfTime: () => boolean,
): Promise<number | undefined> {
  const read = async (id: string): Promise<boolean | undefined> => {
    if (isOutOfTime()) return undefined;
    return source.read('Patient', id).then(
      (answer) => answer !== undefined,
      onRefusal('leave out', () => false),
    );
  };
  const isThere = await pMap(ids, read, { concurrency });
  return isThere.includes(undefined) ? undefined : isThere.filter(Boolean).length;
}

export interface PatientPlanInput {
  source: Source;
  fhirVersion: FhirVersion;
  capabilities: Capabilities;
  types: readonly string[];
  /** Whether the types were asked for by name. */
  isNamed: boolean;
  typeFilters: readonly TypeFilter[];
  members: Members;
  pageSize: number;
  /** Partitions that are read at the same time. */
  parallel: number;
  /** Questions to the source at the same time. */
  concurrency: number;
}

export interface PatientPlan {
  searches: Array<{ type: string } & Required<Pick<PlannedPartition, 'memberSearch'>>>;
  notes: string[];
  /** Types that cannot be searched for a patient. */
  refused: ResourceFailures[];
}

/** How a type is searched for one patient, and what of its compartment that leaves out. */
interface PatientParameters {
  type: string;
  parameters: string[];
  takesNoCount: boolean;
  /** Linking parameters of the compartment that the source does not have. */
  missing: string[];
}

/**
 * Chooses for each type the linking parameters that the source has: of those that it says it has, otherwise of the
 * compartment's, the ones that it takes in a search for the first patient.
 * @throws ExportError where a type that was asked for by name can be searched by none
 */
export async function planPatientSearches(input: PatientPlanInput): Promise<PatientPlan> {
  const { types, isNamed, members, parallel, concurrency } = input;
  const found = await pMap(types, (type) => parametersOf(input, type), { concurrency });
  const notes = [ALWAYS];
  const refused = found.filter(({ parameters }) => parameters.length === 0);
  if (refused.length > 0) {
    const names = refused.map(({ type }) => type).join(', ');
    if (isNamed || refused.length === types.length) {
      throw new ExportError(
        'source-refused',
        `The source refuses to search ${names} even for a single patient. It may ask for a further parameter, such as category or code: give it with _typeFilter. Otherwise leave the type out of _type.`,
      );
    }
  }
  const read = found.filter(({ parameters }) => parameters.length > 0);
  const missing = read.filter((each) => each.missing.length > 0);
  if (missing.length > 0) {
    const names = missing.map((each) => `${each.type} by ${each.missing.join(', ')}`);
    notes.push(
      `The source cannot be searched for ${names.join('; ')}: resources that are linked to a patient only so are missing.`,
    );
  }
  const parts = Math.min(members.ids.length, Math.max(1, Math.ceil(parallel / Math.max(1, read.length))));
  const at = (part: number): number => Math.floor((members.ids.length * part) / parts);
  const searches = read.flatMap(({ type, parameters, takesNoCount }) =>
    Array.from({ length: parts }, (_, part): { type: string; memberSearch: MemberSearch } => ({
      type,
      memberSearch: {
        parameters,
        batch: 1,
        first: at(part),
        end: at(part + 1),
        patientByPatient: { takesNoCount },
      },
    })),
  );
  return {
    searches,
    notes,
    refused: refused.map(({ type }) => ({
      type,
      code: 'source-refused',
      message: REFUSED,
      count: 1,
      isType: true,
    })),
  };
}

const REFUSED =
  'It has no search parameter that links it to a patient, or refuses each of them even for a single patient.';

const ALWAYS =
  'The source refuses searches without a patient, so it was read patient by patient. Such an export is not of one moment: what was changed or deleted at the source while it ran may be missing, or be as it was before or after, and is only in a later export if its meta.lastUpdated says so. Nothing is said of what was deleted, or of patients whom the source does not have.';

async function parametersOf(
  { source, fhirVersion, capabilities, typeFilters, members, pageSize }: PatientPlanInput,
  type: string,
): Promise<PatientParameters> {
  const links = patientCompartment(fhirVersion).get(type) ?? [];
  const known = capabilities.searchParameters.get(type);
  const filter = typeFilters.find((each) => each.type === type)?.search ?? [];
  const [first = ''] = members.ids;
  const accepted = new Set<string>();
  let takesNoCount = false;
  for (const parameter of candidates(type, links, known)) {
    if (isCovered(type, links, accepted, parameter)) continue;
    const value = parameter === PATIENT ? first : memberValue(parameter, [first]);
    const asked: SearchParameters = [[parameter, value], ...filter];
    const isTaken =
      !takesNoCount &&
      (await isAnswered(
        askForLess(pageSize, (size) => source.search(type, [...asked, ['_count', String(size)]])),
      ));
    if (!isTaken) {
      if (!(await isAnswered(source.search(type, asked)))) continue;
      takesNoCount = true;
    }
    accepted.add(parameter);
  }
  const covered = new Set([...accepted].flatMap((parameter) => namesOf(pathsOf(links, parameter))));
  const missing = links.filter(({ paths }) => namesOf(paths).some((name) => !covered.has(name)));
  return {
    type,
    parameters: [...accepted],
    takesNoCount,
    missing: missing.map(({ parameter }) => parameter),
  };
}

/** Linking parameters of a type that the source may have, the likeliest first. */
function candidates(
  type: string,
  links: readonly CompartmentLink[],
  known: Pick<ReadonlySet<string>, 'has'> | undefined,
): string[] {
  const own = type === 'Patient' ? [OWN_ID] : [PATIENT];
  const all = [...new Set([...own, ...links.map(({ parameter }) => parameter)])];
  // A server that lists parameters may leave out those of every type.
  return all.filter((parameter) => parameter === OWN_ID || known?.has(parameter) !== false);
}

/** Whether other parameters find all that one does. */
function isCovered(
  type: string,
  links: readonly CompartmentLink[],
  accepted: ReadonlySet<string>,
  parameter: string,
): boolean {
  if (parameter === OWN_ID) return false;
  const covered = new Set([...accepted].flatMap((name) => namesOf(pathsOf(links, name))));
  return namesOf(pathsOf(links, parameter)).every((name) => covered.has(name));
}

function pathsOf(links: readonly CompartmentLink[], parameter: string): CompartmentLink['paths'] {
  const link = links.find((each) => each.parameter === parameter);
  if (link !== undefined) return link.paths;
  return parameter === PATIENT ? patientPaths(links) : [];
}

function namesOf(paths: CompartmentLink['paths']): string[] {
  return paths.map((path) => path.join('.'));
}

function isAnswered(answer: Promise<SourceAnswer>): Promise<boolean> {
  return answer.then(
    () => true,
    onRefusal('leave out', () => false),
  );
}

/**
 * Where patients are counted, each filter of a type has to be asked by itself.
 * @param why it cannot be
 */
export function refuseSeveralFilters(
  { minPatients = 0, typeFilters }: Pick<JobRequest, 'minPatients' | 'typeFilters'>,
  why: string,
): void {
  const types = typeFilters.map(({ type }) => type);
  if (minPatients === 0 || new Set(types).size === types.length) return;
  throw new ExportError(
    'invalid-request',
    `_typeFilter: ${why}, so a type can have one filter only, since patients are counted (MIN_PATIENTS). Ask for one filter of each type, or get the permission for raw exports.`,
  );
}
