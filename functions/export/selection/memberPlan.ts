import { ExportError } from '../../common/errors.js';
import type { CompartmentLink } from '../../fhir/patientCompartment.js';
import { readReference, referencesAt } from '../../fhir/reference.js';
import type { Capabilities } from '../source/capabilities.js';
import { coveringParameters, memberValue, type MemberSearch, OWN_ID } from './compartment.js';
import type { Members } from './members.js';
import { PROVENANCE, PROVENANCE_OF_MATCHES } from './provenance.js';
import { parameterNames } from '../source/honored.js';
import { takesLists } from '../source/lists.js';
import { askForLess, mayTry, onRefusal } from '../source/refusals.js';
import { inBatches, takesIds } from '../source/searchByIds.js';
import { searchPage } from '../source/searchPage.js';
import type { SearchParameters, Source } from '../source/source.js';

/** Members named in one search at most: a form of some 20 kB, and half the values that a query of some databases takes. */
const MAX_PER_SEARCH = 400;
/** A search asks for the latest resource before its first page, unless one before it has shown that the source sorts. */
const REQUESTS_PER_SEARCH = 2;

export interface MemberPlanInput {
  type: string;
  links: readonly CompartmentLink[];
  members: Members;
  /** Bounds of the window, as search parameters. */
  bounds: SearchParameters;
  /** Resources of the type in the window; `undefined` where the source does not say. */
  typeCount: number | undefined;
  pageSize: number;
  capabilities: Capabilities;
  source: Source;
  /** What earlier types have shown. */
  lists: KnownLists;
  /** Whether what is known by now has to do. */
  isOutOfTime: () => boolean;
}

/** Whether the source has shown that it takes lists of ids, and of references, for alternatives. */
export interface KnownLists {
  ids?: boolean;
  references?: boolean;
}

/** How the members' resources of a type are read: by all of the searches, or by a walk of the whole type. */
export interface MemberPlan {
  memberSearch: MemberSearch | undefined;
  /** Resources that will be read, where that is known. */
  estimate: number | undefined;
}

/**
 * Chooses what takes fewer requests: to search for the members, batch by batch and parameter by parameter, or to walk
 * the whole type and see which are theirs. A source that refuses a batch gets smaller ones; one that does not know a
 * linking parameter is walked, and so is one that takes too long to count.
 */
export async function planMemberSearch(input: MemberPlanInput): Promise<MemberPlan> {
  const { type, links, members, typeCount, pageSize, capabilities, isOutOfTime } = input;
  const walk: MemberPlan = { memberSearch: undefined, estimate: typeCount };
  const known = capabilities.searchParameters.get(type);
  const parameters = coveringParameters(type, links, (name) => known?.has(name) !== false);
  if (parameters === undefined) return walk;
  const walkCost =
    typeCount === undefined ? Number.POSITIVE_INFINITY : REQUESTS_PER_SEARCH + typeCount / pageSize;
  const searchCost = (batch: number): number =>
    Math.ceil(members.ids.length / batch) * parameters.length * REQUESTS_PER_SEARCH;
  let batch = Math.min(MAX_PER_SEARCH, members.ids.length);
  let matches: number | undefined = 0;
  for (const parameter of parameters) {
    for (;;) {
      if (isOutOfTime() || searchCost(batch) >= walkCost) return walk;
      if (batch > 1 && !(await isListed(input, parameter))) {
        batch = 1;
        continue;
      }
      const tried = await tryBatch(input, parameter, batch);
      if (tried.isTaken) {
        const batches = Math.ceil(members.ids.length / batch);
        matches =
          matches === undefined || tried.count === undefined ? undefined : matches + tried.count * batches;
        break;
      }
      if (batch === 1 || !(await tryBatch(input, parameter, 1)).isTaken) return walk;
      batch = Math.ceil(batch / 2);
    }
  }
  if (searchCost(batch) + (matches ?? 0) / pageSize >= walkCost) return walk;
  const end = Math.ceil(members.ids.length / batch) * parameters.length;
  return { memberSearch: { parameters, batch, first: 0, end }, estimate: matches };
}

/** Whether several members may be named in one search by a parameter. */
async function isListed(
  { type, members, bounds, source, lists }: MemberPlanInput,
  parameter: string,
): Promise<boolean> {
  const kind = parameter === OWN_ID ? 'ids' : 'references';
  if (lists[kind] === true) return true;
  const values = members.ids.map((id) => memberValue(parameter, [id]));
  const isTaken = await takesLists(source, type, parameter, values, bounds).catch(
    // A source that refuses the parameter refuses it of one member, too.
    onRefusal('fewer members', () => false),
  );
  if (isTaken) lists[kind] = true;
  return isTaken;
}

/** Smaller parts are not worth what it costs to begin one. */
const MIN_PART = 5000;
const PARTS_PER_WORKER = 4;

/** Deals searches out to so many partitions that none is long alone at the end, and none very small. */
export function splitSearches(
  { memberSearch, estimate }: MemberPlan & { memberSearch: MemberSearch },
  workers: number,
): Array<{ memberSearch: MemberSearch; estimate: number | undefined }> {
  const { first, end } = memberSearch;
  const worth = estimate === undefined ? workers : Math.ceil(estimate / MIN_PART);
  const parts = Math.max(1, Math.min(end - first, workers * PARTS_PER_WORKER, worth));
  const at = (part: number): number => first + Math.floor(((end - first) * part) / parts);
  return Array.from({ length: parts }, (_, part) => ({
    memberSearch: { ...memberSearch, first: at(part), end: at(part + 1) },
    estimate: estimate === undefined ? undefined : Math.round(estimate / parts),
  }));
}

/** Whether the source takes a search of so many members by a parameter, and what it finds. */
async function tryBatch(
  { type, members, bounds, typeCount, source }: MemberPlanInput,
  parameter: string,
  batch: number,
): Promise<{ isTaken: boolean; count: number | undefined }> {
  const value = memberValue(parameter, longestBatch(members, batch));
  // A source that did not count the type may not know how to count.
  const only = typeCount === undefined ? (['_count', '1'] as const) : (['_summary', 'count'] as const);
  return searchPage(source, type, [[parameter, value], ...bounds, only]).then(
    ({ self, total }) => {
      const isTold = self?.includes('?') === true;
      return { isTaken: !isTold || parameterNames(self).has(parameter), count: total };
    },
    onRefusal('fewer members', () => ({ isTaken: false, count: undefined })),
  );
}

/** The batch whose ids are the longest: what the source takes of it, it takes of all. */
function longestBatch({ ids }: Members, batch: number): readonly string[] {
  let longest: readonly string[] = [];
  let most = -1;
  for (let start = 0; start < ids.length; start += batch) {
    const some = ids.slice(start, start + batch);
    const length = some.reduce((sum, id) => sum + id.length, 0);
    if (length > most) [longest, most] = [some, length];
  }
  return longest;
}

/** How many of the members the source has; `undefined` where it does not say, or not in time. */
export async function countPresent(
  members: Members,
  source: Source,
  isOutOfTime: () => boolean = () => false,
): Promise<number | undefined> {
  let present: number | undefined = 0;
  await inBatches(members.ids, MAX_PER_SEARCH, async (some) => {
    if (isOutOfTime()) present = undefined;
    if (present === undefined) return;
    const { total } = await searchPage(source, 'Patient', [
      [OWN_ID, memberValue(OWN_ID, some)],
      ['_summary', 'count'],
    ]);
    present = present === undefined || total === undefined ? undefined : present + total;
  }).catch((error: unknown) => {
    // A source that does not count at all does not say, either.
    if (!(error instanceof ExportError) || error.retryable) throw error;
    present = undefined;
  });
  if (present === undefined || present >= members.ids.length || members.ids.length < 2) return present;
  // Fewer, or a source that takes the list for one id.
  return (await takesIds(source, 'Patient', members.ids)) ? present : undefined;
}

/** Provenance resources looked at to see whether they come along with their targets. */
const TRIED_PROVENANCES = 20;
const TRIED_TARGETS = 3;

/**
 * Whether the source sends Provenance along with the resources it is about: tried with some that are there, since some
 * sources ignore `_revinclude` without a word. Where there is nothing to try it with, nothing would come along.
 */
export async function sendsProvenance(source: Source, bases: readonly string[]): Promise<boolean> {
  try {
    const targets = new Map<string, Set<string>>();
    const found = await askForLess(TRIED_PROVENANCES, (size) =>
      searchPage(source, PROVENANCE, [['_count', String(size)]]),
    );
    for (const row of found.rows) {
      for (const { reference } of referencesAt(row.resource(), ['target'])) {
        const target = readReference(reference, bases);
        if (target !== undefined)
          targets.set(target.type, (targets.get(target.type) ?? new Set()).add(target.id));
      }
    }
    const [most] = [...targets].sort(([, a], [, b]) => b.size - a.size);
    if (most === undefined) return false;
    const [type, ids] = most;
    for (const id of [...ids].slice(0, TRIED_TARGETS)) {
      const parameters: SearchParameters = [['_id', id], PROVENANCE_OF_MATCHES];
      const { rows, included } = await searchPage(source, type, parameters, PROVENANCE);
      // A target that is not there any more names no patient.
      if (rows.length > 0) return included.length > 0;
    }
    return false;
  } catch (error) {
    if (mayTry('leave out', error)) return false;
    throw error;
  }
}
