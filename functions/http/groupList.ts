import type { HttpRequest } from '@azure/functions';
import { groupRows } from '../activities/groupFiles.js';
import { GroupList, LISTED_ELEMENTS } from '../export/selection/groupList.js';
import { checkLoop, NO_LOOP } from '../export/source/linkLoop.js';
import { readAnswer } from '../export/source/searchPage.js';
import { onRefusal } from '../export/source/refusals.js';
import { requesterOf } from '../export/source/requestLimiter.js';
import type { SearchParameters, Source } from '../export/source/source.js';
import { errorIssue } from '../fhir/operationOutcome.js';
import type { Settings } from '../settings/settings.js';
import type { Caller } from './authorization/caller.js';
import { notPermitted } from './authorization/bearer.js';
import { mayKnowGroups, searchLimitsOf } from './authorization/permitKickOff.js';
import type { HttpDependencies } from './dependencies.js';
import type { Handler } from './handler.js';
import { baseUrlOf } from './publicUrls.js';
import { parametersOf } from './queryParameters.js';
import { RequestError } from './respond.js';

const GROUP = 'Group';
/** In the place of a job's id: requests at the source are of a job of a caller. */
const NO_JOB = 'groups';
/** After this, the list has what was read by then. */
const MAX_MS = 30_000;

/** Whether groups can be listed at all: not those of a source of which nothing but its own export is read. */
export function hasGroupList({ source }: Pick<Settings, 'source'>): boolean {
  return source.mode.method !== 'bulk';
}

/** Lists the groups that can be exported, for callers who may know which there are: `GET [base]/Group`. */
export function groupList(dependencies: HttpDependencies): Handler {
  const { settings, sourceOf, sourceFiles, now } = dependencies;
  return async (request, _client, context, caller) => {
    permitList(caller, settings);
    if (!hasGroupList(settings))
      throw noList('the source is read by its own export alone (SOURCE_MODE=bulk)');
    refuseParameters(request);
    const hasNames = mayKnowNames(caller, settings);
    const list = new GroupList(settings.fhirVersion, hasNames);
    const until = now() + MAX_MS;
    const isOutOfTime = (): boolean => now() >= until;
    if (sourceFiles === undefined) {
      const log = (line: object): void => context.debug(JSON.stringify(line));
      const elements = hasNames ? [...LISTED_ELEMENTS, 'name'] : LISTED_ELEMENTS;
      const requester = requesterOf({ jobId: NO_JOB, ...(caller.kind === 'known' ? caller : {}) });
      await readSource(list, sourceOf(requester, log), searchOf(elements, settings), isOutOfTime);
    } else {
      for await (const row of groupRows(sourceFiles, (await sourceFiles.list()).files)) {
        list.add(row);
        if (isOutOfTime()) {
          list.cut();
          break;
        }
      }
    }
    return {
      status: 200,
      headers: {
        'content-type': 'application/fhir+json; charset=utf-8',
        'cache-control': 'private, no-store',
      },
      body: JSON.stringify(list.bundle(`${baseUrlOf(request, settings)}/${GROUP}`)),
    };
  };
}

/** @throws RequestError 403 that names what is missing */
function permitList(caller: Caller, { authorization, fhirVersion }: Settings): void {
  if (mayKnowGroups(caller, searchLimitsOf(caller, authorization, fhirVersion))) return;
  const byId = 'A group whose id you know can be exported: [base]/Group/[id]/$export.';
  if (caller.kind === 'unknown') {
    const text = `Groups are not listed here, where TYPE_FILTER_PARAMETERS or MIN_PATIENTS limit all callers alike. ${byId}`;
    throw new RequestError(403, [errorIssue('forbidden', text)]);
  }
  const raw = caller.rawPermission === undefined ? '' : `${caller.rawPermission}, or `;
  throw notPermitted(
    `Groups are listed for callers who have ${raw}a token that names Group (system/Group.rs). ${byId}`,
  );
}

/** A name may say who is in a group, as raw data does: for those who could have it by a raw export of the Group. */
function mayKnowNames(caller: Caller, { allowRawExport }: Settings): boolean {
  if (!allowRawExport || caller.kind === 'unknown') return allowRawExport;
  const { raw, types } = caller.permissions;
  return raw && (types === 'all' || types.has(GROUP));
}

/** A search by name or id would be a question about a person. @throws RequestError 400 */
function refuseParameters({ url }: HttpRequest): void {
  if (parametersOf(url).length === 0) return;
  const text = 'The list of groups takes no parameters: leave them out, and choose from the list.';
  throw new RequestError(400, [errorIssue('not-supported', text)]);
}

function noList(why: string): RequestError {
  const text = `There is no list of groups here: ${why}. A group whose id you know can be exported: [base]/Group/[id]/$export.`;
  return new RequestError(404, [errorIssue('not-supported', text)]);
}

/** Without members, where the source can leave them out; and, for one that refuses that, with them. */
function searchOf(elements: readonly string[], { pageSize }: Settings): SearchParameters[] {
  const count = ['_count', String(pageSize)] as const;
  return [[['_elements', elements.join(',')], count], [count]];
}

async function readSource(
  list: GroupList,
  source: Source,
  [search = [], otherwise = []]: readonly SearchParameters[],
  isOutOfTime: () => boolean,
): Promise<void> {
  let answer = await source
    .search(GROUP, search)
    .catch(onRefusal('other search', () => source.search(GROUP, otherwise)))
    .catch(onRefusal('leave out', () => undefined));
  if (answer === undefined) throw noList('the source answers no search for its groups');
  for (let loop = NO_LOOP; ;) {
    const page = readAnswer(answer, GROUP);
    for (const row of page.rows) list.add(row);
    const { next } = page;
    page.release?.();
    if (next === undefined) return;
    if (list.isFull || isOutOfTime()) return list.cut();
    loop = checkLoop(loop, next, GROUP);
    answer = await source.follow(next);
  }
}
