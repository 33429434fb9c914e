import { setTimeout } from 'node:timers/promises';
import { groupsOf } from '../activities/groupFiles.js';
import { proveFilters } from '../activities/proveFilters.js';
import type { BulkClient } from '../adapters/source/bulkClient.js';
import type { SourceFiles } from '../adapters/storage/sourceFiles.js';
import { ExportError } from '../common/errors.js';
import { resolveMembers } from '../export/plan/jobMembers.js';
import { unknownParameters } from '../export/plan/knownParameters.js';
import { countReadable } from '../export/plan/patientPlan.js';
import { errorIssue } from '../fhir/operationOutcome.js';
import type { JobRequest } from '../export/records/job.js';
import { countPresent } from '../export/selection/memberPlan.js';
import { groupNotFound, type Members } from '../export/selection/members.js';
import {
  type Capabilities,
  readCapabilitiesAnswer,
  UNKNOWN_CAPABILITIES,
} from '../export/source/capabilities.js';
import { safeName } from '../export/source/honored.js';
import { mayTry, onRefusal } from '../export/source/refusals.js';
import type { Source } from '../export/source/source.js';
import type { FhirVersion } from '../fhir/fhirVersion.js';
import type { Settings } from '../settings/settings.js';
import { RequestError } from './respond.js';

type CheckSettings = Pick<Settings, 'fhirServerUrl' | 'fhirVersion'>;

/** A kick-off waits no longer for the source; what is not known by then, the job finds out. */
const MAX_CHECK_MS = 5_000;
/** Patients that are read one by one at most, where the source does not count them. */
const MAX_READ_PATIENTS = 100;
const PARALLEL_READS = 4;

/**
 * Asks the source for what is wrong with a kick-off, so that its caller learns it at once: parameters of `_typeFilter` that
 * it does not know, and a group or patients that it does not have. Only callers who may know of these learn it: the
 * others have `isGroupHidden`, and may not use `patient`. A source that does not answer in time is no reason to refuse.
 * @param source tries each request once
 * @throws RequestError 400 or 404
 */
export async function checkAtSource(
  request: JobRequest,
  source: Source,
  settings: CheckSettings,
  now: () => number,
): Promise<void> {
  const { level, patients, typeFilters, isGroupHidden } = request;
  const until = now() + MAX_CHECK_MS;
  const isOutOfTime = (): boolean => now() >= until;
  const checks: Array<Promise<void>> = [];
  if (typeFilters.length > 0) checks.push(checkFilters(request, source, settings));
  if (patients !== undefined) checks.push(checkPatients(request, source, settings, now, isOutOfTime));
  else if (level.kind === 'group' && isGroupHidden !== true) checks.push(checkGroup(level.groupId, source));
  await settle(checks);
}

/**
 * The same of files: whether they can give what is asked for. A container that cannot be read is no reason to refuse.
 * @throws RequestError 400 or 404
 */
export async function checkAtFiles(
  { level, patients, typeFilters, isGroupHidden, referencedTypes }: JobRequest,
  sourceFiles: SourceFiles,
  { fhirServerUrl }: CheckSettings,
  now: () => number,
): Promise<void> {
  if (typeFilters.length > 0) {
    const text =
      '_typeFilter: the source is files (SOURCE_MODE), which cannot be searched. Leave it out; _type, _since, _until, _elements and patient work.';
    throw new RequestError(400, [errorIssue('not-supported', text, '_typeFilter')]);
  }
  if (referencedTypes !== undefined) {
    const text = `_type, includeAssociatedData: the source is files (SOURCE_MODE), in which what exported resources refer to cannot be looked up: leave out ${referencedTypes.join(', ')}, or export with [base]/$export.`;
    throw new RequestError(400, [errorIssue('not-supported', text, '_type')]);
  }
  if (level.kind !== 'group' || isGroupHidden === true) return;
  const check = async (): Promise<void> => {
    const source = groupsOf(sourceFiles, (await sourceFiles.list()).files);
    const transactionTime = new Date(now()).toISOString();
    const bases = [fhirServerUrl];
    await resolveMembers({ level, patients }, { source, transactionTime, bases, notes: [] });
  };
  await settle([check()]);
}

/**
 * The same of a source whose own export is read: what it takes, only a kick-off shows, so that the job finds it out; but
 * filters, which many take and ignore, are tried.
 * @throws RequestError 400
 */
export async function checkAtBulk(
  request: JobRequest,
  client: Pick<BulkClient, 'kickOff' | 'remove'>,
): Promise<void> {
  if (request.typeFilters.length === 0) return;
  await settle([proveFilters(client, request).then(() => undefined)]);
}

/** Waits for checks as long as a kick-off may. */
async function settle(checks: ReadonlyArray<Promise<void>>): Promise<void> {
  if (checks.length === 0) return;
  const over = new AbortController();
  const settled = Promise.all(checks.map((check) => check.catch(refusalOf)));
  const found = await Promise.race([
    settled,
    setTimeout(MAX_CHECK_MS, [], { signal: over.signal }).catch(() => []),
  ]);
  over.abort();
  const refusal = found.find((error) => error !== undefined);
  if (refusal !== undefined) throw refusal;
}

/** What is the request's fault. Any other is the source's, which may be over when the job begins. */
function refusalOf(error: unknown): Error | undefined {
  if (error instanceof RequestError) return error;
  const isRequests = error instanceof ExportError && ['invalid-request', 'not-found'].includes(error.code);
  return isRequests ? error : undefined;
}

async function checkFilters(
  { typeFilters }: JobRequest,
  source: Source,
  { fhirVersion }: CheckSettings,
): Promise<void> {
  const capabilities = await capabilitiesOf(source, fhirVersion);
  const unknown = await unknownParameters(source, capabilities, typeFilters);
  if (unknown.length === 0) return;
  throw new RequestError(
    400,
    unknown.map(({ type, name }) =>
      errorIssue(
        'not-supported',
        `_typeFilter: the source does not know ${safeName(name)} as a search parameter of ${type}. Use one that its CapabilityStatement names, or leave it out.`,
        '_typeFilter',
      ),
    ),
  );
}

function capabilitiesOf(source: Source, fhirVersion: FhirVersion): Promise<Capabilities> {
  return source.capabilities().then(
    (answer) => readCapabilitiesAnswer(answer, fhirVersion),
    onRefusal('leave out', () => UNKNOWN_CAPABILITIES),
  );
}

async function checkGroup(groupId: string, source: Source): Promise<void> {
  const group = await source.read('Group', groupId).catch(onRefusal('leave out', () => undefined));
  if (group === undefined) throw groupNotFound();
}

async function checkPatients(
  request: JobRequest,
  source: Source,
  { fhirServerUrl, fhirVersion }: CheckSettings,
  now: () => number,
  isOutOfTime: () => boolean,
): Promise<void> {
  const countOf = async (members: Members): Promise<number | undefined> => {
    const counted = await countPresent(members, source, isOutOfTime);
    if (counted !== undefined || members.ids.length > MAX_READ_PATIENTS) return counted;
    return countReadable(members.ids, source, PARALLEL_READS, isOutOfTime);
  };
  const transactionTime = new Date(now()).toISOString();
  // A group may name its members by the base that the source gives as its own.
  const { url = fhirServerUrl } =
    request.level.kind === 'group' ? await capabilitiesOf(source, fhirVersion) : UNKNOWN_CAPABILITIES;
  try {
    const bases = [fhirServerUrl, url];
    await resolveMembers(request, { source, transactionTime, bases, notes: [], countOf });
  } catch (error) {
    if (request.level.kind === 'group' && mayTry('leave out', error)) throw groupNotFound();
    throw error;
  }
}
