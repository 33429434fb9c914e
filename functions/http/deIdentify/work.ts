import { randomBytes } from 'node:crypto';
import { safeFailure } from '../../common/errors.js';
import { RecentMap } from '../../common/recentMap.js';
import { compileEngine } from '../../deid/compileEngine.js';
import type { Configuration } from '../../deid/configuration/configuration.js';
import { resolveKeys, withRandomKeys } from '../../deid/configuration/keys.js';
import { issueText } from '../../deid/reading/issues.js';
import { readConfiguration } from '../../deid/readConfiguration.js';
import type { Engine, ProcessingFailure } from '../../deid/run/engine.js';
import { EngineReport } from '../../deid/run/report.js';
import { errorIssue, informationIssue } from '../../fhir/operationOutcome.js';
import { LineBuffer } from '../../json/lineBuffer.js';
import { whyNotApproved } from '../authorization/permitConfiguration.js';
import { type ConfigurationReader, pinConfiguration, type PinnedConfiguration } from '../pinConfiguration.js';
import { RequestError } from '../respond.js';
import { outcomeIssues } from './outcome.js';
import { type DeIdentifyRequest, readDeIdentifyRequest } from './request.js';
import type { DeIdentifyAnswer, DeIdentifyTask } from './task.js';

/** What the work needs of the outside world. */
export interface DeIdentifyReader extends ConfigurationReader {
  /** Milliseconds since the epoch. */
  now: () => number;
}

/** Ages are measured to the moment at which an engine was made: one is used no longer than this. */
const MAX_ENGINE_MS = 60_000;
const MAX_ENGINES = 4;
const SECRET_BYTES = 32;

interface MadeEngine {
  readonly engine: Engine;
  readonly notes: readonly string[];
}

/** De-identifies what requests bring, and keeps nothing of it. */
export class DeIdentification {
  readonly #reader: DeIdentifyReader;
  /** By the digest of the configuration; none whose keys are of one request. They hold keys of the settings. */
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
    const { resource, configuration } = readDeIdentifyRequest(bytes, search);
    const { engine, notes } = await this.#engineOf(configuration);
    const line = new LineBuffer();
    const report = new EngineReport();
    const failure = engine.anonymize(resource, line, report);
    if (failure !== undefined) throw refusal(failure);
    return {
      body: Uint8Array.from(line.slice(0, line.length)),
      issues: [...notes.map(informationIssue), ...outcomeIssues(report)],
    };
  }

  async #engineOf(asked: DeIdentifyRequest['configuration']): Promise<MadeEngine> {
    if (asked.kind === 'sent') return this.#sentEngine(asked.text);
    const { defaultConfiguration } = this.#reader.settings;
    if (asked.kind === 'default' && defaultConfiguration === undefined) throw notNamed();
    const requested =
      asked.kind === 'named'
        ? asked.requested
        : { name: '', collection: undefined, ...defaultConfiguration, etag: undefined, isDefault: true };
    const pinned = await pinConfiguration(this.#reader, requested, randomBytes(SECRET_BYTES));
    return this.#pinnedEngine(pinned);
  }

  /** With the keys of the settings: only for a configuration that counts as de-identification. */
  async #pinnedEngine({ text, described, hasRandomKeys }: PinnedConfiguration): Promise<MadeEngine> {
    const { settings, resolveSecret, now } = this.#reader;
    if (described.approval === undefined) {
      throw new RequestError(403, [
        errorIssue(
          'forbidden',
          `${whyNotApproved(described, settings.approval.rule)} $de-identify uses the keys of this server only with one that counts.`,
          '_anonymizationConfig',
        ),
      ]);
    }
    const kept = this.#engines.get(described.digest);
    if (kept !== undefined && now() - kept.madeAt < MAX_ENGINE_MS) return kept;
    const { configuration } = readConfiguration(text, settings);
    const resolved = configuration && (await resolveKeys(configuration, resolveSecret)).configuration;
    // It was read, and its keys were found, when it was pinned.
    if (resolved === undefined) throw new Error('The configuration was read before');
    const made = {
      engine: this.#compile(resolved),
      notes: hasRandomKeys ? [RANDOM_KEYS] : [],
      madeAt: now(),
    };
    if (!hasRandomKeys) this.#engines.set(described.digest, made);
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
    return { engine: this.#compile(withRandomKeys(configuration)), notes: [SENT_ALONG] };
  }

  #compile(configuration: Configuration): Engine {
    const { fhirVersion, validateOutput } = this.#reader.settings;
    return compileEngine(configuration, {
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

/** A resource that cannot be de-identified is dropped as a whole, whatever `processingErrors` says. */
function refusal({ message, rule }: ProcessingFailure): RequestError {
  const where = rule === undefined ? '' : ` (fhirPathRules[${rule}])`;
  return new RequestError(422, `The resource could not be de-identified: ${message}${where}.`);
}
