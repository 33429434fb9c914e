import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import { ExportError } from '../../common/errors.js';
import { RecentMap } from '../../common/recentMap.js';
import type { ConfigurationOfJob } from '../../export/records/job.js';
import { type ApprovalRule, isCalledDeidentified } from '../../export/request/approval.js';
import { informationIssue, type OutcomeIssue, warningIssue } from '../../fhir/operationOutcome.js';
import { type Caller, requireRaw } from '../authorization/caller.js';
import { permitConfigurationList } from '../authorization/permitConfigurationList.js';
import { permitConfiguration } from '../authorization/permitConfiguration.js';
import type { HttpDependencies } from '../dependencies.js';
import type { Handler } from '../handler.js';
import { cursorLink, noCursor, readCursor } from '../listCursor.js';
import { pinConfiguration } from '../pinConfiguration.js';
import { baseUrlOf } from '../publicUrls.js';
import { RequestError } from '../respond.js';
import { type Candidate, candidatesAt, cursorOf, issueOf, placeOf } from './candidates.js';

const NAME = 'the list of configurations';
const PARALLEL_READS = 4;
/** For the texts of a page: those that are not read by then are left out. */
const MAX_READING_MS = 15_000;
/** Configurations of which is kept what was found, without texts and keys. */
const MAX_KEPT = 500;

/** A configuration as the list has it: how a kick-off names it, and nothing of what is in it. */
interface ListedConfiguration {
  origin: 'container' | 'registry';
  /** The value of `_anonymizationConfig`. */
  configuration: string;
  /** The value of `_anonymizationConfigEtag`, for this version. */
  configurationEtag?: string;
  /** The value of `_anonymizationConfigCollectionReference`. */
  collectionReference?: string;
  /** Of the image, as its registry has it now. */
  collectionDigest?: string;
  configurationDigest: string;
  /** The sample that it extends. */
  configurationExtends?: string;
  configurationApproval: ApprovalRule | 'none';
  /** Whether what it exports is called de-identified. */
  deidentified: boolean;
}

/** What a kick-off of the caller that names no configuration, and does not say `_raw`, exports. */
type Unnamed =
  | { exports: 'default'; configuration: string; collectionReference?: string }
  | { exports: 'raw' | 'nothing' };

/** What is known of a configuration; `unusable`: a kick-off that names it is refused, whoever asks. */
type Found = ConfigurationOfJob | 'unusable';
/** Why a configuration is left out, or is not known. */
type LeftOut = 'unusable' | 'not permitted' | 'late' | OutcomeIssue;

/** Lists the configurations that a kick-off of the caller may name: `GET [base]/_operations/configurations`. */
export function configurationList(dependencies: HttpDependencies): Handler {
  const { settings } = dependencies;
  const kept = new RecentMap<string, Found>(MAX_KEPT);
  return async (request, _client, _context, caller) => {
    permitConfigurationList(caller, request, settings.authorization);
    const place = placeOf(readCursor(request.url, NAME), dependencies);
    const page = place === undefined ? undefined : await candidatesAt(dependencies, place);
    if (page === undefined) throw noCursor(NAME);
    const over = new AbortController();
    const late = sleep(MAX_READING_MS, 'late' as const, { signal: over.signal }).catch(() => 'late' as const);
    const looked = await pMap(
      page.candidates,
      (candidate) => Promise.race([listed(dependencies, kept, caller, candidate), late]),
      { concurrency: PARALLEL_READS },
    ).finally(() => over.abort());
    const url = `${baseUrlOf(request, settings)}/_operations/configurations`;
    const issues = [...page.issues, ...issuesOf(looked.filter(isLeftOut))];
    return {
      status: 200,
      headers: { 'content-type': 'application/json', 'cache-control': 'private, no-store' },
      body: JSON.stringify({
        configurations: looked.filter((entry) => !isLeftOut(entry)),
        unnamed: unnamed(caller, dependencies),
        ...(issues.length === 0 ? {} : { issue: issues }),
        ...cursorLink(url, page.next === undefined ? undefined : cursorOf(page.next)),
      }),
    };
  };
}

function isLeftOut(entry: ListedConfiguration | LeftOut): entry is LeftOut {
  return typeof entry === 'string' || 'severity' in entry;
}

async function listed(
  dependencies: HttpDependencies,
  kept: RecentMap<string, Found>,
  caller: Caller,
  candidate: Candidate,
): Promise<ListedConfiguration | LeftOut> {
  const found = await find(dependencies, kept, candidate);
  if (found === 'unusable' || 'severity' in found) return found;
  if (!mayStart(found, caller, dependencies)) return 'not permitted';
  const { name, etag, collection, collectionDigest } = candidate;
  const { digest, extends: sample, approval } = found;
  return {
    origin: collection === undefined ? 'container' : 'registry',
    configuration: name,
    ...(etag === undefined ? {} : { configurationEtag: etag }),
    ...(collection === undefined ? {} : { collectionReference: collection.text }),
    ...(collectionDigest === undefined ? {} : { collectionDigest }),
    configurationDigest: digest,
    ...(sample === undefined ? {} : { configurationExtends: sample }),
    configurationApproval: approval ?? 'none',
    deidentified: isCalledDeidentified(approval),
  };
}

/** Reads a configuration as a kick-off does, once for each version of it. */
async function find(
  dependencies: HttpDependencies,
  kept: RecentMap<string, Found>,
  { name, etag, collection, collectionDigest }: Candidate,
): Promise<Found | OutcomeIssue> {
  const version = JSON.stringify([name, etag, collection?.text, collectionDigest]);
  const known = kept.get(version);
  if (known !== undefined) return known;
  try {
    const requested = { name, etag, collection: atDigest(collection, collectionDigest), isDefault: false };
    const { described } = await pinConfiguration(dependencies, requested, randomBytes(32));
    kept.set(version, described);
    return described;
  } catch (error) {
    const isWrong = error instanceof ExportError && error.code === 'configuration-invalid';
    if (isWrong || error instanceof RequestError) {
      kept.set(version, 'unusable');
      return 'unusable';
    }
    // It was changed or deleted meanwhile.
    if (error instanceof ExportError && error.code === 'configuration-not-found') return 'unusable';
    return issueOf(error);
  }
}

/** The image that was listed, whatever its tag refers to by now. */
function atDigest(collection: Candidate['collection'], digest: string | undefined): Candidate['collection'] {
  return collection === undefined || digest === undefined ? collection : { ...collection, version: digest };
}

/** Whether a kick-off of the caller that names a configuration, and asks for what it exports, may start. */
function mayStart(found: ConfigurationOfJob, caller: Caller, { settings }: HttpDependencies): boolean {
  return isPermitted(() => permitConfiguration(found, found.approval === undefined, caller, settings));
}

function unnamed(caller: Caller, { settings }: HttpDependencies): Unnamed {
  const { defaultConfiguration } = settings;
  if (defaultConfiguration !== undefined) {
    const { name, collection } = defaultConfiguration;
    return {
      exports: 'default',
      configuration: name,
      ...(collection === undefined ? {} : { collectionReference: collection.text }),
    };
  }
  const isRaw = isPermitted(() => {
    requireRaw(caller);
    permitConfiguration(undefined, false, caller, settings);
  });
  return { exports: isRaw ? 'raw' : 'nothing' };
}

/** @param require throws a RequestError where something is not permitted */
function isPermitted(require: () => void): boolean {
  try {
    require();
    return true;
  } catch (error) {
    if (error instanceof RequestError) return false;
    throw error;
  }
}

/** What is left out of a page, in words, without any of its names. */
function issuesOf(leftOut: readonly LeftOut[]): OutcomeIssue[] {
  const count = (why: LeftOut): number => leftOut.filter((entry) => entry === why).length;
  const issues = leftOut.filter((entry) => typeof entry === 'object');
  const texts = new Map(issues.map((issue) => [issue.diagnostics, issue]));
  const [unusable, refused, late] = [count('unusable'), count('not permitted'), count('late')];
  return [
    ...texts.values(),
    ...(unusable === 0
      ? []
      : [
          warningIssue(
            `Not listed: ${unusable} that cannot be used, with errors or for another FHIR version. A kick-off that names one of them says what is wrong with it, as fhir-deid validate does.`,
            'invalid',
          ),
        ]),
    ...(late === 0
      ? []
      : [
          warningIssue(
            `Not listed: ${late} that could not be read in time. Ask for the list again.`,
            'incomplete',
          ),
        ]),
    ...(refused === 0
      ? []
      : [
          informationIssue(
            `Not listed: ${refused} that do not count as de-identification here, and what they export is raw data, which you may not have.`,
          ),
        ]),
  ];
}
