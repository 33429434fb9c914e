import { randomBytes } from 'node:crypto';
import { safeFailure } from '../../common/errors.js';
import { RecentMap } from '../../common/recentMap.js';
import { compileEngine } from '../../deid/compileEngine.js';
import type { Configuration } from '../../deid/configuration/configuration.js';
import { needsPseudonyms, resolveKeys, withRandomKeys } from '../../deid/configuration/keys.js';
import { issueText } from '../../deid/reading/issues.js';
import { readConfiguration } from '../../deid/readConfiguration.js';
import {
  type Engine,
  type EngineOptions,
  LACKS_PSEUDONYMS,
  type ProcessingFailure,
} from '../../deid/run/engine.js';
import { EngineReport } from '../../deid/run/report.js';
import { JobPseudonyms, type PseudonymServices } from '../../export/output/jobPseudonyms.js';
import { approvalSentence } from '../../export/request/approval.js';
import {
  errorIssue,
  informationIssue,
  type OutcomeIssue,
  warningIssue,
} from '../../fhir/operationOutcome.js';
import { LineBuffer } from '../../json/lineBuffer.js';
import { whyNotApproved } from '../authorization/permitConfiguration.js';
import { type ConfigurationReader, pinConfiguration, type PinnedConfiguration } from '../pinConfiguration.js';
import { RequestError } from '../respond.js';
import { outcomeIssues } from './outcome.js';
import { type DeIdentifyRequest, readDeIdentifyRequest } from './request.js';
import type { DeIdentifyAnswer, DeIdentifyTask } from './task.js';

/** What the work needs of the outside world. */
export interface DeIdentifyReader extends ConfigurationReader {
  /** The service that makes pseudonyms; `undefined` where there is none. */
  pseudonyms: PseudonymServices | undefined;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/** Ages are measured to the moment at which an engine was made: one is used no longer than this. */
const MAX_ENGINE_MS = 60_000;
const MAX_ENGINES = 4;
const SECRET_BYTES = 32;
/** Times that a resource is given to the engine: whose pseudonyms are asked for is known after the first. */
const MAX_ROUNDS = 3;
/** Who the requests at the pseudonym service are for, all callers together. */
const REQUESTER = 'de-identify';

interface MadeEngine {
  readonly engine: Engine;
  /** Its pseudonyms; `undefined` where its rules need none. */
  readonly pseudonyms: JobPseudonyms | undefined;
  /** What is to be said of the configuration. */
  readonly notes: readonly OutcomeIssue[];
}

/** De-identifies what requests bring, and keeps nothing of it. */
export class DeIdentification {
  readonly #reader: DeIdentifyReader;
  /** By the digest of the configuration and the prefix of domains; none whose keys are of one request. They hold keys of the settings. */
  readonly #engines = new RecentMap<string, MadeEngine & { readonly madeAt: number }>(MAX_ENGINES);

  constructor(reader: DeIdentifyReader) {
    this.#reader = reader;
  }

  /** What a message between threads can hold: an answer, and no error. */
  run(task: DeIdentifyTask): Promise<DeIdentifyAnswer> {
    return this.#run(task).catch((error: unknown) =>
      error instanceof RequestError
        ? { status: error.status, issues: error.issues }
        : { failure: safeFailure(error) },
    );
  }

  async #run({ body, search }: DeIdentifyTask): Promise<DeIdentifyAnswer> {
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    const { resource, configuration, domainPrefix } = readDeIdentifyRequest(bytes, search);
    const { engine, pseudonyms, notes } = await this.#engineOf(configuration, this.#permitted(domainPrefix));
    const line = new LineBuffer();
    const report = new EngineReport();
    let failure = engine.anonymize(resource, line, report);
    for (let round = 1; failure === LACKS_PSEUDONYMS && round < MAX_ROUNDS; round++) {
      await pseudonyms?.ask();
      failure = engine.anonymize(resource, line, report);
    }
    if (failure !== undefined) throw refusal(failure);
    return {
      body: Uint8Array.from(line.slice(0, line.length)),
      issues: [...notes, ...outcomeIssues(report)],
    };
  }

  /** What domains begin with is for the operator to say, as at a kick-off. */
  #permitted(domainPrefix: string | undefined): string | undefined {
    const { domainPrefixes } = this.#reader.settings.pseudonyms;
    if (domainPrefix === undefined || domainPrefixes.has(domainPrefix)) return domainPrefix;
    throw new RequestError(400, [
      errorIssue(
        'value',
        'domain-prefix must be one that PSEUDONYM_DOMAIN_PREFIXES names: ask the operator of this server.',
        'settings',
      ),
    ]);
  }

  async #engineOf(
    asked: DeIdentifyRequest['configuration'],
    domainPrefix: string | undefined,
  ): Promise<MadeEngine> {
    if (asked.kind === 'sent') return this.#sentEngine(asked.text);
    const { defaultConfiguration } = this.#reader.settings;
    if (asked.kind === 'default' && defaultConfiguration === undefined) throw notNamed();
    const requested =
      asked.kind === 'named'
        ? asked.requested
        : { name: '', collection: undefined, ...defaultConfiguration, etag: undefined, isDefault: true };
    const pinned = await pinConfiguration(this.#reader, requested, randomBytes(SECRET_BYTES));
    return this.#pinnedEngine(pinned, domainPrefix);
  }

  /** With the keys of the settings: only for a configuration that counts as de-identification. */
  async #pinnedEngine(
    { text, described, hasRandomKeys }: PinnedConfiguration,
    domainPrefix: string | undefined,
  ): Promise<MadeEngine> {
    const { settings, resolveSecret, now, pseudonyms: services } = this.#reader;
    if (described.approval === undefined) {
      throw new RequestError(403, [
        errorIssue(
          'forbidden',
          `${whyNotApproved(described, settings.approval.rule)} $de-identify uses the keys of this server only with one that counts.`,
          '_anonymizationConfig',
        ),
      ]);
    }
    const name = JSON.stringify([described.digest, domainPrefix]);
    const kept = this.#engines.get(name);
    if (kept !== undefined && now() - kept.madeAt < MAX_ENGINE_MS) return kept;
    const { configuration } = readConfiguration(text, { fhirVersion: settings.fhirVersion, isPinned: true });
    const resolved = configuration && (await resolveKeys(configuration, resolveSecret)).configuration;
    // It was read, and its keys were found, when it was pinned.
    if (resolved === undefined) throw new Error('The configuration was read before');
    const pseudonyms =
      services === undefined || !needsPseudonyms(resolved)
        ? undefined
        : new JobPseudonyms(services.of(REQUESTER));
    const made = {
      engine: this.#compile(resolved, { pseudonyms, domainPrefix }),
      pseudonyms,
      notes: [
        // Where it counts by its place alone, its caller cannot know what it leaves.
        ...(described.coverage?.isComplete === true ? [] : [warningIssue(approvalSentence(described))]),
        ...(hasRandomKeys ? [informationIssue(RANDOM_KEYS)] : []),
      ],
      madeAt: now(),
    };
    if (!hasRandomKeys) this.#engines.set(name, made);
    return made;
  }

  /** With random keys, whatever it says of keys: its author may not choose those of this server. */
  #sentEngine(text: string): MadeEngine {
    const { fhirVersion, requireCoverage } = this.#reader.settings;
    const { configuration, issues } = readConfiguration(text, {
      fhirVersion,
      ...(requireCoverage ? { coverage: 'error' } : {}),
    });
    if (configuration === undefined) {
      const errors = issues.filter(({ severity }) => severity === 'error');
      throw new RequestError(
        400,
        errors.map((issue) => errorIssue('invalid', `configuration: ${issueText(issue)}`, 'configuration')),
      );
    }
    // Its author may not choose the domains at the service either.
    if (needsPseudonyms(configuration)) throw noService();
    return {
      engine: this.#compile(withRandomKeys(configuration)),
      pseudonyms: undefined,
      notes: [informationIssue(SENT_ALONG), ...(requireCoverage ? [] : [warningIssue(NOT_LOOKED_AT)])],
    };
  }

  #compile(
    configuration: Configuration,
    asking: Pick<EngineOptions, 'pseudonyms' | 'domainPrefix'> = {},
  ): Engine {
    const { fhirVersion, validateOutput } = this.#reader.settings;
    return compileEngine(configuration, {
      ...asking,
      fhirVersion,
      now: this.#reader.now(),
      jobSecret: randomBytes(SECRET_BYTES),
      randomBytes,
      validation: validateOutput,
    });
  }
}

const SENT_ALONG =
  'The configuration was sent along: its keys are random, for this request alone, whatever it says of keys.';
const NOT_LOOKED_AT =
  'Whether the configuration that was sent along leaves identities was not looked at: fhir-deid validate shows it.';
const RANDOM_KEYS =
  'The configuration gives no key that its rules use, so a random one is used, for this request alone.';

function notNamed(): RequestError {
  return new RequestError(400, [
    errorIssue(
      'required',
      'There is no default configuration here: name one with _anonymizationConfig, or send one along as the parameter configuration.',
      '_anonymizationConfig',
    ),
  ]);
}

function noService(): RequestError {
  return new RequestError(400, [
    errorIssue(
      'not-supported',
      'configuration: Its rules pseudonymize, and the service is asked for configurations that are named only. Name one with _anonymizationConfig, or use cryptoHash.',
      'configuration',
    ),
  ]);
}

/** A resource that cannot be de-identified is dropped as a whole, whatever `processingErrors` says. */
function refusal({ message, rule }: ProcessingFailure): RequestError {
  const where = rule === undefined ? '' : ` (${rule})`;
  return new RequestError(422, `The resource could not be de-identified: ${message}${where}.`);
}
