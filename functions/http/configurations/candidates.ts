import pMap from 'p-map';
import type { ConfigurationImages } from '../../adapters/configurationImages.js';
import { ExportError } from '../../common/errors.js';
import { isConfigurationName } from '../../export/request/configurationName.js';
import { isRepository, isTag, type OciReference } from '../../export/request/ociReference.js';
import { informationIssue, type OutcomeIssue, warningIssue } from '../../fhir/operationOutcome.js';
import type { HttpDependencies } from '../dependencies.js';

/** Blobs of a page. */
const MAX_BLOBS = 10;
/** Images of a page, and files of each: their texts are all read. */
const MAX_IMAGES = 5;
const MAX_FILES = 10;
const PARALLEL_IMAGES = 4;
/** Larger layers are not looked into, which would read all of them. */
const MAX_ARCHIVE_BYTES = 1_048_576;
/** For what a registry is asked for one page. */
const MAX_REGISTRY_MS = 15_000;
/** What a file of an image is named that may be a configuration. */
const CONFIGURATION_FILE = /\.(?:json|ya?ml)$/i;
const MAX_MARKER = 4096;

/** What a kick-off may name, as far as its place shows it. */
export interface Candidate {
  readonly name: string;
  /** Of the blob; `undefined` for a file of an image. */
  readonly etag?: string;
  readonly collection?: OciReference;
  /** Of the image's manifest. */
  readonly collectionDigest?: string;
}

/** Where a page begins: at the container (0), or at a registry or repository of the settings (from 1 on). */
export interface Place {
  readonly at: number;
  /** The repository of which `last` is a tag; without one, the repository that the page comes after. */
  readonly repository?: string;
  /** What the page comes after: a marker of the storage service, or a tag. */
  readonly last?: string;
}

export interface CandidatePage {
  readonly candidates: readonly Candidate[];
  /** What is not among them, and why. */
  readonly issues: readonly OutcomeIssue[];
  readonly next: Place | undefined;
}

type Places = Pick<HttpDependencies, 'configurationBlobs'> & {
  configurationImages: Pick<ConfigurationImages, 'places' | 'repositoryAfter' | 'tagsAfter' | 'open'>;
};

/** A place as a cursor, which needs no encoding in a URL. */
export function cursorOf({ at, repository, last }: Place): string {
  return Buffer.from(JSON.stringify([at, repository, last])).toString('base64url');
}

/** The place of a cursor; `undefined` where it leads to none of the settings' places. */
export function placeOf(cursor: string | undefined, { configurationImages }: Places): Place | undefined {
  if (cursor === undefined) return { at: 0 };
  let read: unknown;
  try {
    read = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
  const [at, repository, last] = Array.isArray(read) ? (read as unknown[]) : [];
  const { places } = configurationImages;
  if (!Number.isInteger(at) || Number(at) < 0 || Number(at) > places.length) return undefined;
  const isMarker =
    at === 0
      ? typeof last === 'string' && last.length <= MAX_MARKER
      : typeof last === 'string' && isTag(last);
  if (last !== null && !isMarker) return undefined;
  const named = places[Number(at) - 1]?.repository;
  const isPlace = typeof repository === 'string' && isRepository(repository) && at !== 0;
  if (repository !== null && (!isPlace || (named !== undefined && named !== repository))) return undefined;
  if (at !== 0 && last !== null && repository === null) return undefined;
  return {
    at: Number(at),
    ...(typeof repository === 'string' ? { repository } : {}),
    ...(typeof last === 'string' ? { last } : {}),
  };
}

/**
 * What there is at a place. A place that does not answer is an issue, and the next page goes on behind it.
 * @param registryMs for what a registry is asked
 * @returns `undefined` where the storage service knows no such place
 */
export async function candidatesAt(
  { configurationBlobs, configurationImages }: Places,
  place: Place,
  registryMs = MAX_REGISTRY_MS,
): Promise<CandidatePage | undefined> {
  const behind = place.at < configurationImages.places.length ? { at: place.at + 1 } : undefined;
  if (place.at > 0) return imagesAt(configurationImages, place, behind, AbortSignal.timeout(registryMs));
  try {
    const listed = await configurationBlobs.list(place.last, MAX_BLOBS);
    if (listed === undefined) return undefined;
    const { blobs: candidates, cursor } = listed;
    return { candidates, issues: [], next: cursor === undefined ? behind : { at: 0, last: cursor } };
  } catch (error) {
    return { candidates: [], issues: [issueOf(error)], next: behind };
  }
}

async function imagesAt(
  images: Places['configurationImages'],
  { at, repository: from, last }: Place,
  behind: Place | undefined,
  signal: AbortSignal,
): Promise<CandidatePage> {
  const { registry = '', repository: named } = images.places[at - 1] ?? {};
  let repository = named ?? from;
  let notLegal: OutcomeIssue[] = [];
  try {
    if (named === undefined && last === undefined) {
      const found = await images.repositoryAfter(registry, from, signal);
      repository = found.repository;
      notLegal = notLegalIssues(found.passedOver, `repositories of the registry ${registry}`);
    }
    if (repository === undefined) return { candidates: [], issues: notLegal, next: behind };
    const asked = { last, most: MAX_IMAGES };
    const { references, isMore, passedOver } = await images.tagsAfter(registry, repository, asked, signal);
    notLegal.push(...notLegalIssues(passedOver, `tags of ${registry}/${repository}`));
    const found = await pMap(references, (reference) => filesOf(images, reference, signal), {
      concurrency: PARALLEL_IMAGES,
    });
    const tag = isMore ? references.at(-1)?.version : undefined;
    const onward = named === undefined ? { at, repository } : behind;
    return {
      candidates: found.flatMap(({ candidates }) => candidates),
      issues: [...notLegal, ...found.flatMap(({ issues }) => issues)],
      next: tag === undefined ? onward : { at, repository, last: tag },
    };
  } catch (error) {
    const issue = issueOf(error);
    // Of a registry that refuses one repository, others may be had; of one that does not answer, none.
    const isRefused = error instanceof ExportError && !error.retryable && repository !== from;
    const next = named === undefined && isRefused && repository !== undefined ? { at, repository } : behind;
    return { candidates: [], issues: [...notLegal, issue], next };
  }
}

/** What is passed over: its names, which are of others, are not said. */
function notLegalIssues(count: number, what: string): OutcomeIssue[] {
  if (count === 0) return [];
  const text = `Not listed: ${count} ${what} whose names are not legal, so no reference can name them.`;
  return [warningIssue(text, 'incomplete')];
}

async function filesOf(
  images: Places['configurationImages'],
  collection: OciReference,
  signal: AbortSignal,
): Promise<Pick<CandidatePage, 'candidates' | 'issues'>> {
  try {
    const artifact = await images.open(collection, signal);
    const { names, isWhole } = await artifact.quickList(MAX_ARCHIVE_BYTES);
    const files = [...new Set(names.map((name) => name.replace(/^\.\//, '')))].filter(
      (name) => isConfigurationName(name) && CONFIGURATION_FILE.test(name),
    );
    const candidates = files
      .slice(0, MAX_FILES)
      .map((name) => ({ name, collection, collectionDigest: artifact.digest }));
    if (isWhole && files.length <= MAX_FILES) return { candidates, issues: [] };
    const text = `The image ${collection.text} has files that are not listed: there are more than ${MAX_FILES}, or they are in a layer of over ${MAX_ARCHIVE_BYTES / 1_048_576} MiB. Those whose names you know can be used.`;
    return { candidates, issues: [informationIssue(text)] };
  } catch (error) {
    return { candidates: [], issues: [issueOf(error)] };
  }
}

/** What a place answers in place of a list. @throws what is no refusal */
export function issueOf(error: unknown): OutcomeIssue {
  if (!(error instanceof ExportError)) throw error;
  return warningIssue(`Not listed: ${error.message}`, 'incomplete');
}
