import { randomKeys, resolveKeys } from '../deid/configuration/keys.js';
import { pinnedText } from '../deid/readConfiguration.js';
import { issueText } from '../deid/reading/issues.js';
import { ExportError } from '../common/errors.js';
import { approvalOf } from '../export/request/approval.js';
import type { ConfigurationOfJob, JobRequest } from '../export/records/job.js';
import type { RiskOfJob } from '../export/risk/risk.js';
import { RANDOM_KEYS } from '../export/output/manifest.js';
import type { RequestedConfiguration } from '../export/request/kickOff.js';
import { keysDigest, pseudonymsDigest } from '../export/request/pinnedConfiguration.js';
import { errorIssue } from '../fhir/operationOutcome.js';
import { whyNotApproved } from './authorization/permitConfiguration.js';
import type { HttpDependencies } from './dependencies.js';
import { RequestError, statusOf } from './respond.js';

/** What reads configurations, at kick-off and at the start. */
export type ConfigurationReader = Pick<
  HttpDependencies,
  'settings' | 'configurationBlobs' | 'configurationImages' | 'checkedConfigurations' | 'resolveSecret'
>;

export interface PinnedConfiguration {
  /** As `pinnedText` makes it: with the sample that it extends. */
  text: string;
  described: ConfigurationOfJob;
  /** What the caller should know of it. */
  notes: string[];
  hasRandomKeys: boolean;
  /** How Patients are compared; the setting and the configuration may each ask for a size of classes. */
  risk: RiskOfJob;
  /** What names the service that has to make pseudonyms for it. */
  pseudonyms: Pick<JobRequest, 'pseudonymsDigest'>;
}

/**
 * Reads a configuration once, checks it and its keys, and finds out whether it counts as de-identification: what is read
 * now is what every activity of the job uses.
 * @param secret of the job
 * @throws RequestError 400 with all that is wrong; 500 where it is the default one, which has to count, too
 */
export async function pinConfiguration(
  reader: ConfigurationReader,
  requested: RequestedConfiguration,
  secret: Uint8Array,
): Promise<PinnedConfiguration> {
  if (!requested.isDefault) return pin(reader, requested, secret);
  const pinned = await pin(reader, requested, secret).catch((error: unknown) => {
    throw ofDefault(error);
  });
  if (pinned.described.approval !== undefined) return pinned;
  throw new RequestError(
    500,
    defaultProblem(whyNotApproved(pinned.described, reader.settings.approval.rule)),
  );
}

async function pin(
  reader: ConfigurationReader,
  requested: RequestedConfiguration,
  secret: Uint8Array,
): Promise<PinnedConfiguration> {
  const { settings, checkedConfigurations, resolveSecret } = reader;
  const { text, origin } = await readText(reader, requested);
  const read = checkedConfigurations.read(text);
  const keys = read.keys === undefined ? undefined : await resolveKeys(read.keys, resolveSecret);
  const issues = [...read.issues, ...(keys?.issues ?? [])];
  const errors = issues.filter(({ severity }) => severity === 'error');
  const { digest, coverage, sample, risk } = read;
  if (keys?.configuration === undefined || coverage === undefined || risk === undefined) {
    throw new RequestError(
      400,
      errors.map((issue) =>
        errorIssue('invalid', `_anonymizationConfig: ${issueText(issue)}`, '_anonymizationConfig'),
      ),
    );
  }
  const random = randomKeys(keys.configuration);
  const approval = approvalOf(settings.approval, { digest, coverage });
  return {
    text: sample === undefined ? text : pinnedText(text),
    described: {
      name: requested.name,
      digest,
      ...(sample !== undefined && { extends: sample }),
      coverage,
      ...(approval === undefined ? {} : { approval }),
      keysDigest: keysDigest(keys.configuration, secret),
      ...origin,
    },
    notes: [
      ...(requested.isDefault
        ? [`No configuration was named: ${requested.name}, the default one of this server, is used.`]
        : []),
      ...(random.length === 0 ? [] : [randomKeysNote(random, read.asksPseudonyms)]),
      ...issues.map(issueText),
    ],
    hasRandomKeys: random.length > 0,
    risk: { ...risk, minClassSize: Math.max(risk.minClassSize, settings.minClassSize) },
    pseudonyms: read.asksPseudonyms
      ? { pseudonymsDigest: pseudonymsDigest(settings.pseudonyms.identity, secret) }
      : {},
  };
}

async function readText(
  { configurationBlobs, configurationImages }: ConfigurationReader,
  { name, etag, collection }: RequestedConfiguration,
): Promise<{ text: string; origin: Pick<ConfigurationOfJob, 'etag' | 'collection'> }> {
  if (collection === undefined) {
    const blob = await configurationBlobs.read(name, etag);
    return { text: blob.text, origin: { etag: blob.etag } };
  }
  const { text, digest } = await configurationImages.read(collection, name);
  return { text, origin: { collection: { reference: collection.text, digest } } };
}

/** What is wrong with the default configuration is no fault of the request. */
function ofDefault(error: unknown): unknown {
  if (error instanceof RequestError) {
    return new RequestError(
      500,
      error.issues.map(({ diagnostics }) => errorIssue('exception', defaultProblem(diagnostics))),
    );
  }
  if (error instanceof ExportError && statusOf(error.code).status < 500) {
    return new RequestError(500, defaultProblem(error.message));
  }
  return error;
}

function defaultProblem(message: string): string {
  return `The default configuration of this server (DEFAULT_ANONYMIZATION_CONFIG) cannot be used. ${message}`;
}

/** @param asksPseudonyms whether a service makes pseudonyms, which have no key of the configuration */
function randomKeysNote(keys: readonly string[], asksPseudonyms: boolean): string {
  const what = asksPseudonyms
    ? 'what they make fits no other export, nor the next one by _since; what the rules pseudonymize fits every export by the same service and domains'
    : 'it cannot be joined with any other, nor with the next one by _since';
  return `The configuration gives no ${keys.join(' and no ')}, so ${RANDOM_KEYS}: ${what}. Where that is needed, let the configuration name secrets, such as "cryptoHashKey": {"secretName": "RESEARCH_KEY"}.`;
}
